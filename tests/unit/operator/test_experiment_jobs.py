"""The Jobs of an Experiment, as they are sent: golden files, and what must hold for every spec."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.operator import samples
from tests.unit.operator.conftest import Golden

from trimtab.experiment import build
from trimtab.model.pods import literal
from trimtab.search.random_search import suggest
from trimtab_runtime.contract import paths
from trimtab_runtime.contract.config import FetchTrial, PublishTrial, parse_config

TRIAL = samples.trial(2, "Pending", parameters={"leaves": "8", "rate": "0.05"})
JOBS = {
    "trial-job": lambda: build.trial_job(samples.observed(samples.pinned()), TRIAL),
    "evaluation-job-with-champion": lambda: build.evaluation_job(
        samples.observed(samples.evaluating()), samples.succeeded_trial(), samples.evaluation("Pending")
    ),
    "evaluation-job-without-champion": lambda: build.evaluation_job(
        samples.observed(samples.evaluating(champion=None)),
        samples.succeeded_trial(),
        samples.evaluation("Pending", champion=None),
    ),
}


def containers(body: Any) -> dict[str, dict[str, Any]]:
    pod = body["spec"]["template"]["spec"]
    return {c["name"]: c for c in [*pod["initContainers"], *pod["containers"]]}


def readable(body: Any) -> Any:
    """The same body with the configuration of our containers as a tree instead of one line of JSON."""
    shown = copy.deepcopy(body)
    for container in containers(shown).values():
        for variable in container.get("env", ()):
            if variable["name"] == paths.CONFIG_ENV:
                variable["value"] = json.loads(variable["value"])
    return shown


def mounts(container: dict[str, Any]) -> dict[str, bool]:
    """Volume name -> whether it can be written."""
    return {m["name"]: not m.get("readOnly", False) for m in container["volumeMounts"]}


def variable(container: dict[str, Any], name: str) -> str:
    return next(str(v["value"]) for v in container["env"] if v["name"] == name)


@pytest.mark.parametrize("name", JOBS)
def test_the_jobs_as_they_are_sent(name: str, golden: Golden) -> None:
    golden(name, readable(JOBS[name]().body))


@pytest.mark.parametrize("name", JOBS)
def test_every_container_is_hardened_and_no_pod_holds_a_token(name: str) -> None:
    body = JOBS[name]().body
    pod = body["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in containers(body).values():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }


@pytest.mark.parametrize("name", JOBS)
def test_every_mounted_volume_exists_and_every_volume_is_mounted(name: str) -> None:
    body = JOBS[name]().body
    mounted = {volume for container in containers(body).values() for volume in mounts(container)}
    assert mounted == {volume["name"] for volume in body["spec"]["template"]["spec"]["volumes"]}


def test_credentials_are_only_in_our_own_containers_of_a_trial() -> None:
    by_name = containers(JOBS["trial-job"]().body)
    assert {
        name: sorted(v for v in mounts(c) if v.startswith("credentials")) for name, c in by_name.items()
    } == {
        "fetch": ["credentials-read"],
        "train": [],
        "publish": ["credentials-push"],
    }
    assert mounts(by_name["train"])["in"] is False, "user code reads its input and cannot change it"


def test_only_fetch_and_publish_of_an_evaluation_see_labels() -> None:
    by_name = containers(JOBS["evaluation-job-with-champion"]().body)
    assert [name for name, c in by_name.items() if "labels" in mounts(c)] == ["fetch", "publish"]
    for side in ("challenger", "champion"):
        predict = mounts(by_name[f"predict-{side}"])
        other = {"challenger": "champion", "champion": "challenger"}[side]
        assert not [volume for volume in predict if volume.endswith(other)], "neither side sees the other"
        assert predict[f"model-{side}"] is False


def test_each_side_predicts_in_its_own_versions_image() -> None:
    by_name = containers(JOBS["evaluation-job-with-champion"]().body)
    assert by_name["predict-challenger"]["image"] == samples.IMAGE
    assert by_name["predict-champion"]["image"] == samples.CHAMPION.image


def test_without_registry_secrets_nothing_is_mounted_for_them() -> None:
    registry = replace(samples.SETTINGS.registry, read_secret="", push_secret="")
    observed = replace(
        samples.observed(samples.pinned()), settings=replace(samples.SETTINGS, registry=registry)
    )
    body = build.trial_job(observed, TRIAL).body
    assert not [v for c in containers(body).values() for v in mounts(c) if v.startswith("credentials")]
    assert not [v for v in body["spec"]["template"]["spec"]["volumes"] if "secret" in v]


def test_a_private_authority_is_mounted_where_the_registry_is_asked_and_nowhere_else() -> None:
    registry = replace(samples.SETTINGS.registry, ca_bundle="registry-authority")
    observed = replace(
        samples.observed(samples.pinned()), settings=replace(samples.SETTINGS, registry=registry)
    )
    body = build.trial_job(observed, TRIAL).body
    seen = {name: "registry-ca" in mounts(container) for name, container in containers(body).items()}
    assert seen == {"fetch": True, "train": False, "publish": True}
    volumes = {v["name"]: v for v in body["spec"]["template"]["spec"]["volumes"]}
    assert volumes["registry-ca"]["configMap"] == {"name": "registry-authority"}
    (config,) = [e["value"] for e in containers(body)["fetch"]["env"] if e["name"] == paths.CONFIG_ENV]
    (where,) = [
        m["mountPath"] for m in containers(body)["fetch"]["volumeMounts"] if m["name"] == "registry-ca"
    ]
    assert json.loads(config)["registry"]["caBundle"] == f"{where}/ca.crt"


# --- literal text ------------------------------------------------------------------------------------------


def kubelet_expands(text: str, variables: dict[str, str]) -> str:
    """What the kubelet makes of it (k8s.io/kubernetes third_party/forked/golang/expansion)."""
    out, at = "", 0
    while at < len(text):
        if text[at] != "$" or at + 1 == len(text):
            out, at = out + text[at], at + 1
        elif text[at + 1] == "$":
            out, at = out + "$", at + 2
        elif text[at + 1] == "(" and ")" in text[at + 2 :]:
            end = text.index(")", at)
            name = text[at + 2 : end]
            out, at = out + variables.get(name, f"$({name})"), end + 1
        else:
            out, at = out + text[at], at + 1
    return out


TEXTS = ["", "plain", "$(HOME)", "$$(HOME)", "$", "a$b", "cost: 5$", "$$", "$$$(HOME)", "$(params.leaves)"]


@pytest.mark.parametrize("text", TEXTS)
def test_literal_text_reaches_the_container_as_it_is(text: str) -> None:
    assert kubelet_expands(literal(text), {"HOME": "/root", "params.leaves": "no"}) == text


@pytest.mark.parametrize("value", TEXTS)
def test_values_of_env_are_literal_in_both_jobs(value: str) -> None:
    described = samples.spec_wire()
    described["trial"] = described["trial"] | {"env": [{"name": "A", "value": value}]}
    observed = samples.observed(samples.evaluating(), of=samples.spec(trial=described["trial"]))
    trial = containers(build.trial_job(observed, TRIAL).body)["train"]
    evaluation = build.evaluation_job(observed, samples.succeeded_trial(), samples.evaluation())
    predict = containers(evaluation.body)["predict-challenger"]
    for container in (trial, predict):
        assert kubelet_expands(variable(container, "A"), {"HOME": "/root"}) == value


@pytest.mark.parametrize("value", TEXTS)
def test_parameters_reach_the_configuration_as_they_are(value: str) -> None:
    observed = samples.observed(samples.pinned(), of=samples.spec(parameters={"text": value}, search=None))
    fetch = containers(build.trial_job(observed, samples.trial(1, "Pending")).body)["fetch"]
    config = parse_config(kubelet_expands(variable(fetch, paths.CONFIG_ENV), {"HOME": "/root"}))
    assert isinstance(config, FetchTrial)
    assert config.parameters == {"text": value}


@pytest.mark.parametrize(
    ("argument", "parameters", "seen", "why"),
    [
        ("--n=$(params.n)", {"n": "8"}, "--n=8", "the plain case"),
        ("$(params.n)$(params.n)", {"n": "8"}, "88", "every occurrence"),
        ("$(params.a)", {"a": "$(params.b)", "b": "x"}, "$(params.b)", "a value is no template"),
        ("$(params.b)", {"a": "x", "b": "$(params.a)"}, "$(params.a)", "in whichever order they are named"),
        ("$(params.a)", {"a": "$(HOME)"}, "$(HOME)", "nor is it one for the kubelet"),
        ("$(params.a)", {"a": "$$(HOME)"}, "$$(HOME)", "not even escaped"),
        ("$(HOME)", {"a": "1"}, "/root", "the kubelet's own references stay the kubelet's"),
        ("$$(params.a)", {"a": "1"}, "$(params.a)", "doubled dollars escape, as everywhere in a pod"),
        ("$(params.a.b-c)", {"a.b-c": "1"}, "1", "names may hold dots and dashes"),
        ("100$", {"a": "1"}, "100$", "a lone dollar is text"),
    ],
)
def test_arguments(argument: str, parameters: dict[str, str], seen: str, why: str) -> None:
    assert kubelet_expands(build.substitute(argument, parameters), {"HOME": "/root"}) == seen, why


# --- the limits of the API and those of the pods -----------------------------------------------------------


def test_the_most_parameters_and_the_longest_deadline_of_the_api_are_read_by_the_pods() -> None:
    searched = [{"name": f"s{i}", "type": "int", "min": "1", "max": "9"} for i in range(20)]
    spec = samples.spec(
        parameters={f"f{i}": "x" * 256 for i in range(64)},
        search={"parameters": searched},
        trial=samples.spec_wire()["trial"] | {"args": [], "deadline": "720h"},
    )
    drawn = suggest(spec.search, seed=1, index=1) if spec.search else {}
    trial = samples.trial(1, "Pending", parameters=drawn)
    by_name = containers(build.trial_job(samples.observed(samples.pinned(), of=spec), trial).body)
    for name in ("fetch", "publish"):
        config = parse_config(variable(by_name[name], paths.CONFIG_ENV))
        assert isinstance(config, FetchTrial | PublishTrial)
        assert len(config.parameters) == 84
        assert config.deadline_seconds == 30 * 24 * 3600
