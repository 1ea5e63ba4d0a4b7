"""Serving runtimes: what is rendered for each, which versions they take, what their pages say.

Triton and KServe are not run here. Their goldens are what their documentation asks for.

Triton, https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/ :
user_guide/model_repository.html: the layout `<repository>/<model>/<version>/model.onnx`,
`--model-repository`, and that an ONNX model needs no config.pbtxt; user_guide/metrics.html: `--metrics-port`,
`nv_inference_request_success` and `nv_inference_request_failure`.

KServe, https://kserve.github.io/website/docs/model-serving/predictive-inference/frameworks/sklearn :
`--model_name` and `--model_dir`; its ClusterServingRuntime `kserve-sklearnserver` adds `--http_port`.
"""

from __future__ import annotations

import copy
import json
from typing import Any, get_args

import pytest
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.conftest import Golden
from tests.unit.operator.deployment_samples import observed, spec, version
from tests.unit.operator.deployment_world import World

from trimtab.apis.v1alpha1.deployment import Serving
from trimtab.apis.v1alpha1.rollout import Metric
from trimtab.deployment.analysis import MetricVerdict, Verdict
from trimtab.deployment.pod_counters import Interval, counters
from trimtab.deployment.revision import revision_of
from trimtab.deployment.runtimes import RUNTIMES, TRIMTAB, formats_of, presets_of, runtime_of
from trimtab.deployment.target import NoTarget, target_of
from trimtab.deployment.template import pod_template
from trimtab.deployment.uncounted import without_uncounted
from trimtab.sources.mapped_page import MappedReader
from trimtab_runtime.contract.errors import ContractError
from trimtab_runtime.contract.result import FORMATS

IMAGE = "registry.example/server@sha256:" + "7" * 64
MODEL_OF = {"mlserver": "sklearn", "triton": "onnx", "kserve": "sklearn"}


def serving(runtime: str, **more: Any) -> dict[str, Any]:
    return {"runtime": runtime, "image": IMAGE} | more


def template(runtime: str, **more: Any) -> dict[str, Any]:
    seen = observed(of=spec(serving=serving(runtime, **more)))
    return pod_template(seen, version(1, format=MODEL_OF[runtime]), "8a11d2c4")


def test_the_api_names_the_runtimes_of_the_table() -> None:
    assert get_args(Serving.model_fields["runtime"].annotation) == (TRIMTAB, *RUNTIMES)


@pytest.mark.parametrize("runtime", list(RUNTIMES))
def test_the_pods_of_a_runtime(golden: Golden, runtime: str) -> None:
    pod = copy.deepcopy(template(runtime, resources={"limits": {"memory": "1Gi"}}))
    (fetch,) = pod["spec"]["initContainers"]
    fetch["env"][0]["value"] = json.loads(fetch["env"][0]["value"])
    golden(f"pods-{runtime}", pod)


def test_our_own_pods_carry_no_mark_of_a_runtime() -> None:
    """It would re-create the pods of every Deployment that is older than the field."""
    own = pod_template(observed(), version(1), "8a11d2c4")
    assert list(own["metadata"]["annotations"]) == ["kubectl.kubernetes.io/default-container"]
    assert runtime_of(own) == TRIMTAB
    assert runtime_of(template("triton")) == "triton"


def test_a_variable_of_the_user_replaces_that_of_the_table() -> None:
    pod = template("mlserver", env=[{"name": "MLSERVER_DEBUG", "value": "true"}])
    env = pod["spec"]["containers"][0]["env"]
    assert [one["value"] for one in env if one["name"] == "MLSERVER_DEBUG"] == ["true"]
    assert len({one["name"] for one in env}) == len(env)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (Serving(), "d380a759"),
        (Serving(replicas=3), "d380a759"),
        (Serving.model_validate({"runtime": "trimtab"}), "d380a759"),
        (Serving.model_validate({"env": [{"name": "A", "value": "1"}]}), "daa8c403"),
    ],
)
def test_a_revision_keeps_its_name_through_upgrades(of: Serving, expected: str) -> None:
    """These names are in clusters: another one would roll out every model anew. Never change them."""
    assert revision_of("sha256:" + "1" * 64, of) == expected


def test_runtime_and_image_make_another_revision() -> None:
    settings = [serving("mlserver"), serving("kserve"), serving("mlserver", image=IMAGE.replace("7", "8"))]
    names = {revision_of(samples.BYTES[1], Serving.model_validate(wire)) for wire in ({}, *settings)}
    assert len(names) == 4


@pytest.mark.parametrize("runtime", [TRIMTAB, *RUNTIMES])
@pytest.mark.parametrize("format_", FORMATS)
def test_a_version_whose_format_the_runtime_does_not_serve_is_no_target(runtime: str, format_: str) -> None:
    wire = {} if runtime == TRIMTAB else serving(runtime)
    seen = observed(of=spec(serving=wire), versions=(version(1, format=format_),))
    target = target_of(seen)
    if format_ in formats_of(runtime):
        assert target == seen.versions[0]
        return
    assert isinstance(target, NoTarget) and not target.waiting
    assert target.reason == "FormatNotServed" and f"has format {format_}" in target.message


def infer_requests(status: int, count: int) -> str:
    labels = (
        f'app_name="mlserver",method="POST",path="/v2/models/{{model_name}}/infer",status_code="{status}"'
    )
    return f"rest_server_requests_total{{{labels}}} {count}.0\n"


# As MLServer 1.7.1 gave it, without what is not read.
MLSERVER_PAGE = """\
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.79561271609e+09
# TYPE model_infer_request_success_total counter
model_infer_request_success_total{model="flights",version="None"} 2.0
# TYPE rest_server_requests_in_progress gauge
rest_server_requests_in_progress{app_name="mlserver",method="POST"} 1.0
rest_server_requests_in_progress{app_name="mlserver",method="GET"} 5.0
# TYPE rest_server_requests_total counter
rest_server_requests_total{method="GET",path="/v2/models/{model_name}",status_code="200"} 9.0
""" + "".join([infer_requests(200, 2), infer_requests(400, 3), infer_requests(500, 1)])
EDGES = (
    *("0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5"),
    *("0.75", "1.0", "2.5", "5.0", "7.5", "10.0", "+Inf"),
)


def with_durations(page: str, fast: dict[str, int]) -> str:
    """Six requests in two histograms; `fast`: how many of status 200 were at most as slow as an edge."""
    name, path = "rest_server_request_duration_seconds", 'path="/v2/models/{model_name}/infer"'
    lines = [f"# TYPE {name} histogram"]
    for status, count in (("200", 5), ("500", 1)):
        done = 0 if status == "200" else count
        for edge in EDGES:
            done = count if edge == "+Inf" else max(done, fast.get(edge, 0) if status == "200" else count)
            lines.append(f'{name}_bucket{{le="{edge}",{path},status_code="{status}"}} {done}.0')
        lines.append(f'{name}_count{{{path},status_code="{status}"}} {count}.0')
    return page + "\n".join(lines) + "\n"


def reader(runtime: str) -> MappedReader:
    mapping = RUNTIMES[runtime].metrics
    assert mapping is not None
    return MappedReader(samples.BYTES[1], mapping)


def test_a_page_of_mlserver_is_read() -> None:
    page = reader("mlserver").read(with_durations(MLSERVER_PAGE, {"0.1": 3, "1.0": 4}).encode())
    assert page.start_time_seconds == 1795612716.09
    assert page.in_flight == {"live": 1, "warmup": 0}
    counts = page.counts
    assert (counts.requests(), counts.requests("5xx")) == (6, 1)
    assert (counts.connections(), counts.error_connections()) == (6, 1)
    assert (counts.slower_than("0.05"), counts.slower_than("0.1"), counts.slower_than("1")) == (5, 2, 1)


def test_a_server_that_nobody_has_asked_counts_nothing() -> None:
    page = reader("mlserver").read(b"process_start_time_seconds 12.5\n")
    assert (page.counts.requests(), page.counts.error_connections(), page.start_time_seconds) == (0, 0, 12.5)


def test_a_page_of_triton_is_read() -> None:
    page = reader("triton").read(
        b'nv_inference_request_success{model="churn",version="1"} 40\n'
        b'nv_inference_request_failure{model="churn",reason="BACKEND",version="1"} 2\n'
        b'nv_inference_request_failure{model="churn",reason="OTHER",version="1"} 1\n'
    )
    assert (page.counts.connections(), page.counts.error_connections()) == (43, 3)


@pytest.mark.parametrize(
    ("why", "page"),
    [
        ("no text", b"\xff\xfe"),
        ("a page of something else", b"<html>\n"),
        ("no number", MLSERVER_PAGE.replace(" 3.0", " NaN").encode()),
        ("a negative number", MLSERVER_PAGE.replace(" 3.0", " -3.0").encode()),
        ("a part of a request", MLSERVER_PAGE.replace(" 3.0", " 3.5").encode()),
        ("an endless count", MLSERVER_PAGE.replace(" 3.0", " +Inf").encode()),
        ("an edge of ours is missing", with_durations(MLSERVER_PAGE, {}).replace('le="0.1"', "").encode()),
        ("buckets that fall", with_durations(MLSERVER_PAGE, {"0.1": 9}).encode()),
    ],
)
def test_a_page_that_makes_no_sense_is_not_used(why: str, page: bytes) -> None:
    with pytest.raises(ContractError):
        reader("mlserver").read(page)
        pytest.fail(why)


def test_units_of_a_foreign_page_are_its_requests() -> None:
    """So both sides can be counted by request, where one of them counts connections too."""
    found = counters("candidate", reader("mlserver").read(MLSERVER_PAGE.encode()))
    interval = Interval()
    interval.add(found)
    assert interval.units("request") == interval.units("connection") == found.requests
    assert interval.errors("request") == interval.errors("connection") == found.failed


@pytest.mark.parametrize("preset", ["errorRate", "latency", "trainServeSkew", "predictionShift"])
@pytest.mark.parametrize("runtime", [TRIMTAB, *RUNTIMES])
@pytest.mark.parametrize("side", ["stable", "candidate"])
def test_what_a_side_does_not_count_has_no_verdict(preset: str, runtime: str, side: str) -> None:
    more = {"quantile": "0.95", "maxDuration": "250ms"} if preset == "latency" else {}
    metric = Metric.model_validate({"name": "m", "preset": preset, **more})
    passed = MetricVerdict("m", Verdict.PASS, metric.aborts, samples=9, message="fine")
    runtimes: Any = {"stable": TRIMTAB, "candidate": TRIMTAB} | {side: runtime}
    (found,) = without_uncounted([passed], [metric], runtimes)
    if preset in presets_of(runtime):
        assert found == passed
    else:
        assert (found.verdict, found.samples) == (Verdict.NO_DATA, 0)
        assert found.message == f"{side} is served by runtime {runtime}, which exports no counts for {preset}"


def test_a_rollout_goes_on_where_nothing_is_counted() -> None:
    """KServe's server has no counts: weights and pauses pass, the health of pods is all that is judged."""
    steps = [{"weight": 50}, {"pause": {"for": "5s"}}]
    wire = serving("kserve", replicas=2)
    world = World(spec(serving=wire, rollout={"steps": steps}), (version(1), version(2)))
    world.verdicts = (MetricVerdict("errors", Verdict.NO_DATA, True, message="exports no counts"),)
    world.settle()
    world.change_spec(model={"name": "churn", "version": 2})
    world.settle()
    assert (world.status["phase"], world.status["stable"]["modelVersion"]) == ("Ready", "churn-v2")
