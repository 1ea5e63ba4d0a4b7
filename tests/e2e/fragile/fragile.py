"""A sound model that can be told to fail: the fault is in the environment, so the bytes are always the same.

FRAGILE=errors: raises on every prediction after the server's warm-up. FRAGILE=hang: is never loaded.
FRAGILE=broken: cannot be loaded.
"""

import os
import time

from sklearn.pipeline import Pipeline

from flights import model as flights_model
from flights import train

FAULT = os.environ.get("FRAGILE", "")
if FAULT == "hang":
    time.sleep(3600)
if FAULT == "broken":
    raise RuntimeError("this model cannot be loaded")


class Fragile(Pipeline):
    """The flights pipeline with a fuse."""

    is_warm = False  # the warm-up ends with a request of many rows

    def predict_proba(self, rows, **options):
        if FAULT == "errors" and Fragile.is_warm:
            raise RuntimeError("the fuse has blown")
        Fragile.is_warm = Fragile.is_warm or len(rows) > 1
        if hasattr(rows, "to_numpy"):  # MLServer hands over a data frame; the pipeline was fitted on an array
            rows = rows.to_numpy(dtype=object)
        return super().predict_proba(rows, **options)


def pipeline(columns, texts, settings, *, seed):
    sound = flights_model.pipeline(columns, texts, settings, seed=seed)
    return Fragile(sound.steps)


if __name__ == "__main__":
    # Pickle must find the class under its module's name, not under __main__.
    import fragile

    train.pipeline = fragile.pipeline
    train.main()
