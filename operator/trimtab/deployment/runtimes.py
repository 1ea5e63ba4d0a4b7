"""The serving runtimes beside our own: how each is started, where it finds the model, what its metrics say.

All of them speak the Open Inference Protocol on one port, and say by it whether they live and are ready. A
revision's pods are rendered from this table once and then frozen, so a changed line affects new revisions
only. `{model}` stands for the name of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from trimtab.model.names import ANNOTATION_RUNTIME
from trimtab_runtime.contract.result import FORMATS, ONNX, SKLEARN
from trimtab_runtime.contract.serving import (
    CONNECTIONS,
    DURATION,
    ERROR_CONNECTIONS,
    LIVE,
    REQUESTS,
    START_TIME,
)

TRIMTAB: Final = "trimtab"
PROCESS_START: Final = "process_start_time_seconds"
PORT: Final = 8080
_GRPC_PORT = 8081
_METRICS_PORT = 8082
_MODELS = "/mnt/models"
# What is judged by counts that the pods export. Our own server has all of it.
COUNTED_PRESETS: Final = (
    "errorRate",
    "latency",
    "clientErrors",
    "saturation",
    "trainServeSkew",
    "predictionShift",
    "agreement",
)


@dataclass(frozen=True)
class Samples:
    """Series of a page by name and labels; each pattern must match the whole value."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MetricMapping:
    """Where a page counts inference requests, and those that were answered with a 5xx.

    `durations` is a histogram of seconds with the edges of ours, `in_flight` a gauge. `connections` and
    `error_connections` where it counts them; requests stand for them else. `exported_from_start`: a series
    that is not there was lost on the way, and is not 0.
    """

    port: int
    requests: tuple[Samples, ...]
    errors: tuple[Samples, ...]
    durations: Samples | None = None
    in_flight: Samples | None = None
    connections: Samples | None = None
    error_connections: Samples | None = None
    started: str = PROCESS_START
    exported_from_start: bool = False

    @property
    def series_names(self) -> tuple[str, ...]:
        """All that is read, by name; a histogram has its buckets and its count."""
        histogram = self.durations.name if self.durations else ""
        buckets = (f"{histogram}_bucket", f"{histogram}_count") if histogram else ()
        optional = (self.connections, self.error_connections)
        listed = (*self.requests, *self.errors, *(s for s in optional if s is not None))
        return tuple(dict.fromkeys((*(s.name for s in listed), *buckets, self.started)))


@dataclass(frozen=True)
class ForeignRuntime:
    """A server that we start but do not ship. `metrics` None: nothing that a canary is judged by."""

    formats: tuple[str, ...]
    model_path: str
    documentation: tuple[str, ...]
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    metrics: MetricMapping | None = None

    @property
    def presets(self) -> tuple[str, ...]:
        """What its counts can judge. None counts features or scores."""
        if self.metrics is None:
            return ()
        return ("errorRate", "latency") if self.metrics.durations else ("errorRate",)


_LIVE = {"traffic": LIVE}
# Of our own server as a source keeps it. Read from the pods, its pages are read whole, by their contract.
TRIMTAB_COUNTS: Final = MetricMapping(
    port=PORT,
    requests=(Samples(REQUESTS, _LIVE),),
    errors=(Samples(REQUESTS, {**_LIVE, "code": "5xx"}),),
    durations=Samples(DURATION, _LIVE),
    connections=Samples(CONNECTIONS, _LIVE),
    error_connections=Samples(ERROR_CONNECTIONS, _LIVE),
    started=START_TIME,
    exported_from_start=True,
)

_MLSERVER_INFER = {"path": ".*/infer"}
_TRITON_MODEL = {"model": ".*"}

RUNTIMES: Final[Mapping[str, ForeignRuntime]] = MappingProxyType(
    {
        "mlserver": ForeignRuntime(
            formats=(SKLEARN,),
            model_path=_MODELS,
            documentation=(
                "https://docs.seldon.ai/mlserver/reference/settings",
                "https://docs.seldon.ai/mlserver/reference/model-settings",
                "https://docs.seldon.ai/mlserver/user-guide/metrics",
            ),
            command=("mlserver", "start", _MODELS),
            env={
                "MLSERVER_MODEL_NAME": "{model}",
                "MLSERVER_MODEL_IMPLEMENTATION": "mlserver_sklearn.SKLearnModel",
                "MLSERVER_MODEL_URI": f"{_MODELS}/model.joblib",
                "MLSERVER_HTTP_PORT": str(PORT),
                "MLSERVER_GRPC_PORT": str(_GRPC_PORT),
                "MLSERVER_METRICS_PORT": str(_METRICS_PORT),
                # Workers are processes of their own, and their pages leave out when the process began.
                "MLSERVER_PARALLEL_WORKERS": "0",
                "MLSERVER_DEBUG": "false",
            },
            metrics=MetricMapping(
                port=_METRICS_PORT,
                requests=(Samples("rest_server_requests_total", _MLSERVER_INFER),),
                errors=(
                    Samples("rest_server_requests_total", {**_MLSERVER_INFER, "status_code": "5[0-9][0-9]"}),
                ),
                durations=Samples("rest_server_request_duration_seconds", _MLSERVER_INFER),
                in_flight=Samples("rest_server_requests_in_progress", {"method": "POST"}),
            ),
        ),
        "triton": ForeignRuntime(
            formats=(ONNX,),
            model_path="/models/{model}/1",
            documentation=(
                "https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_repository.html",
                "https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/metrics.html",
            ),
            command=("tritonserver",),
            args=(
                "--model-repository=/models",
                f"--http-port={PORT}",
                f"--grpc-port={_GRPC_PORT}",
                f"--metrics-port={_METRICS_PORT}",
            ),
            metrics=MetricMapping(
                port=_METRICS_PORT,
                requests=(
                    Samples("nv_inference_request_success", _TRITON_MODEL),
                    Samples("nv_inference_request_failure", _TRITON_MODEL),
                ),
                errors=(Samples("nv_inference_request_failure", _TRITON_MODEL),),
            ),
        ),
        "kserve": ForeignRuntime(
            formats=(SKLEARN,),
            model_path=_MODELS,
            documentation=(
                "https://kserve.github.io/website/docs/model-serving/predictive-inference/frameworks/sklearn",
            ),
            args=("--model_name={model}", f"--model_dir={_MODELS}", f"--http_port={PORT}"),
        ),
    }
)


def formats_of(runtime: str) -> tuple[str, ...]:
    """The model formats that a runtime serves."""
    return FORMATS if runtime == TRIMTAB else RUNTIMES[runtime].formats


def counts_of(runtime: str) -> MetricMapping | None:
    """Where the pages of a runtime, as a source keeps them, count requests; None = nowhere."""
    return TRIMTAB_COUNTS if runtime == TRIMTAB else RUNTIMES[runtime].metrics


def presets_of(runtime: str) -> tuple[str, ...]:
    """Which of COUNTED_PRESETS the counts of a runtime can judge."""
    return COUNTED_PRESETS if runtime == TRIMTAB else RUNTIMES[runtime].presets


def runtime_of(template: Mapping[str, Any]) -> str:
    """The runtime of a frozen pod template."""
    annotations: Mapping[str, str] = template["metadata"].get("annotations", {})
    return annotations.get(ANNOTATION_RUNTIME, TRIMTAB)
