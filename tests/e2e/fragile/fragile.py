"""A sound model that raises after FRAGILE_AFTER predictions in one process; never without that variable."""

import os

from sklearn.pipeline import Pipeline

from flights import model as flights_model
from flights import train


class Fragile(Pipeline):
    """The flights pipeline with a fuse; the fuse is in the environment, so the bytes are the same."""

    calls = 0

    def predict_proba(self, rows, **options):
        Fragile.calls += 1
        if Fragile.calls > int(os.environ.get("FRAGILE_AFTER", "1000000000")):
            raise RuntimeError("the fuse has blown")
        return super().predict_proba(rows, **options)


def pipeline(columns, texts, settings, *, seed):
    sound = flights_model.pipeline(columns, texts, settings, seed=seed)
    return Fragile(sound.steps)


if __name__ == "__main__":
    # Pickle must find the class under its module's name, not under __main__.
    import fragile

    train.pipeline = fragile.pipeline
    train.main()
