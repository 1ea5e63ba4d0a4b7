"""The KServe SDK as its documentation shows it, with the model that our server serves."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import joblib
import kserve
import numpy as np
from kserve.utils.utils import generate_uuid


class BareModel(kserve.Model):  # type: ignore[misc]  # the SDK has no types
    """Inputs in the order of the request, no checks, no counts."""

    def __init__(self, name: str, file: Path) -> None:
        super().__init__(name)
        self._pipeline = joblib.load(file)
        self.ready = True

    def predict(self, payload: kserve.InferRequest, headers: Any = None, response_headers: Any = None) -> Any:
        rows = np.array(list(zip(*(tensor.data for tensor in payload.inputs), strict=True)), dtype=object)
        scores = self._pipeline.predict_proba(rows)[:, 1].tolist()
        output = kserve.InferOutput("late", [len(scores)], "FP64", data=scores)
        return kserve.InferResponse(generate_uuid(), self.name, [output])


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--quiet", action="store_true", help="no latency log; the SDK's default is a log")
    options, _ = parser.parse_known_args()
    server = kserve.ModelServer(
        http_port=options.port, enable_grpc=False, enable_latency_logging=not options.quiet
    )
    server.start([BareModel("flights", options.file)])


if __name__ == "__main__":
    main()
