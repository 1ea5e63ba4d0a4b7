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

TRIMTAB: Final = "trimtab"
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
)


@dataclass(frozen=True)
class Samples:
    """Series of a page by name and labels; each pattern must match the whole value."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MetricMapping:
    """Where a page counts inference requests, and those that were answered with a 5xx.

    `durations` is a histogram of seconds with the edges of ours, `in_flight` a gauge.
    """

    port: int
    requests: tuple[Samples, ...]
    errors: tuple[Samples, ...]
    durations: Samples | None = None
    in_flight: Samples | None = None


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


def presets_of(runtime: str) -> tuple[str, ...]:
    """Which of COUNTED_PRESETS the counts of a runtime can judge."""
    return COUNTED_PRESETS if runtime == TRIMTAB else RUNTIMES[runtime].presets


def runtime_of(template: Mapping[str, Any]) -> str:
    """The runtime of a frozen pod template."""
    annotations: Mapping[str, str] = template["metadata"].get("annotations", {})
    return annotations.get(ANNOTATION_RUNTIME, TRIMTAB)
