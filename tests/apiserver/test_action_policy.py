"""The policy of actions on a real API server: two people, one of whom may act."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.cache import CLONE
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl, KubectlFailed
from tests.harness.account import kubeconfig_of
from tests.harness.api import wait_until
from tests.harness.deployments import HOLD, WEIGHT, Deployments, body, plant, reasons
from tests.harness.lab import Lab
from typer.testing import CliRunner

from trimtab.cli.app import app
from trimtab.model.kinds import DEPLOYMENT, Kind
from trimtab.runtime.admission import ACTIONS

Object = dict[str, Any]
ANN, BOB = "ann", "bob"
"""Both may write Deployments and monitors; ann is bound to the chart's role for those who may act, too."""
OF_THE_POLICY = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
ASKED: Object = {"action": "promote", "revision": "8a11d2c4", "step": 1, "token": "t", "by": ANN}


@dataclass(frozen=True)
class Guarded:
    """A namespace with the policy of `manifests/`, as an overlay moves it there."""

    kubectl: Kubectl
    namespace: str

    def act(self, who: str, text: str, kind: Kind = DEPLOYMENT) -> None:
        """Ask in the name of `who`; nothing is stored, so every case begins with the same object."""
        where = ("-n", self.namespace, "--overwrite", "--dry-run=server", f"--as={who}")
        self.kubectl("annotate", str(kind), "flights", f"trimtab.dev/action={text}", *where)

    def refusal(self, who: str, text: str, kind: Kind = DEPLOYMENT) -> str:
        with pytest.raises(KubectlFailed) as refused:
            self.act(who, text, kind)
        return str(refused.value)


def installed(kubectl: Kubectl, namespace: str, folder: Path) -> list[Object]:
    """Policy, binding and role of `manifests/` for this namespace, in force; the cluster's part of it."""
    shutil.copytree(CLONE / "manifests", folder / "base")
    overlay = {"resources": ["base"], "namespace": namespace, "namePrefix": f"{namespace}-"}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    objects = list(yaml.safe_load_all(kubectl("kustomize", folder)))
    across = [obj for obj in objects if obj["kind"] in OF_THE_POLICY]
    (role,) = [obj for obj in objects if obj["metadata"]["name"] == f"{namespace}-trimtab-approver"]
    kubectl.apply(*across, role)
    return across


def bind(kubectl: Kubectl, namespace: str, role: str, user: str) -> None:
    subject = (
        f"--serviceaccount={user.removeprefix('system:serviceaccount:')}" if ":" in user else f"--user={user}"
    )
    name = f"{role}-{user.replace(':', '-')}"
    kubectl("create", "rolebinding", name, f"--role={role}", subject, "-n", namespace)


def let_write(kubectl: Kubectl, namespace: str, *users: str) -> None:
    """Everything that a user of Trimtab needs, but no right to act."""
    resources = ",".join(str(kind) for kind in ACTIONS)
    verbs = "--verb=get,list,create,update,patch"
    kubectl("create", "role", "author", verbs, f"--resource={resources}", "-n", namespace)
    for user in users:
        bind(kubectl, namespace, "author", user)


@pytest.fixture(scope="module")
def guarded(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    namespace, kubectl = f"action-policy-{secrets.token_hex(3)}", control_plane.kubectl
    kubectl("create", "namespace", namespace)
    across = installed(kubectl, namespace, tmp_path_factory.mktemp("overlay"))
    let_write(kubectl, namespace, ANN, BOB)
    bind(kubectl, namespace, f"{namespace}-trimtab-approver", ANN)
    monitor = yaml.safe_load((CLONE / "manifests/samples/driftmonitor.yaml").read_text())
    monitor["metadata"]["name"] = "flights"
    kubectl.apply(body(WEIGHT, HOLD), monitor, namespace=namespace)
    made = Guarded(kubectl, namespace)
    wait_until(lambda: in_force(made), "the policy")
    yield made
    for obj in across:
        kubectl("delete", obj["kind"], obj["metadata"]["name"])
    kubectl("delete", "namespace", namespace, "--wait=false")


def in_force(guarded: Guarded, who: str = ANN) -> bool:
    try:
        guarded.act(who, "nothing")
    except KubectlFailed as refused:
        return "is no action" in str(refused)
    return False


def asked(**changes: Any) -> str:
    return json.dumps({key: value for key, value in (ASKED | changes).items() if value is not None})


@pytest.mark.parametrize("kind", ACTIONS, ids=str)
def test_who_may_act_acts_in_their_own_name(guarded: Guarded, kind: Kind) -> None:
    for action in ACTIONS[kind]:
        guarded.act(ANN, asked(action=action), kind)
        assert f'by is "{BOB}", but you are "{ANN}"' in guarded.refusal(
            ANN, asked(action=action, by=BOB), kind
        )


@pytest.mark.parametrize("kind", ACTIONS, ids=str)
def test_who_may_only_write_does_not_act(guarded: Guarded, kind: Kind) -> None:
    for action in ACTIONS[kind]:
        refusal = guarded.refusal(BOB, asked(action=action, by=BOB), kind)
        assert f'"{BOB}" needs the verb {action} on {kind} in namespace {guarded.namespace}' in refusal


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            asked(action="approve"),
            '"approve" is no action on deployments; there are: promote, abort, retry, rollback',
        ),
        (asked(action=7), '"" is no action on deployments'),
        (asked(by=7), 'by is "", but'),
        (asked(by=None), "is no action: write it"),
        (asked(action=None), "is no action: write it"),
        (asked(token='a"b'), "is no action: write it"),
        (asked(about={"by": ANN}), "is no action: write it"),
        ("[]", "is no action: write it"),
        (asked(token="x" * 2048), "is no action: write it"),
    ],
)
def test_what_is_refused_of_who_may_act(guarded: Guarded, text: str, said: str) -> None:
    assert said in guarded.refusal(ANN, text)


@pytest.mark.parametrize(
    "text",
    [
        asked()[:-1] + ', "by": "bob"}',
        '{"by": "bob",' + asked()[1:],
        asked()[:-1] + ',"by"\n: "bob"}',
        asked()[:-1] + r', "b\u0079": "bob"}',
        asked(action="abort")[:-1] + ', "action": "promote"}',
        asked()[:-1] + ', "by": 1}',
    ],
)
def test_no_second_name_passes_beside_the_true_one(guarded: Guarded, text: str) -> None:
    assert isinstance(json.loads(text), dict), "the operator would read it"
    assert "is no action: write it" in guarded.refusal(ANN, text)


def test_who_may_not_act_writes_everything_else(guarded: Guarded) -> None:
    """The spec beside an action of somebody else, and an object without one."""
    action = f"trimtab.dev/action={asked()}"
    guarded.kubectl(
        "annotate", str(DEPLOYMENT), "flights", action, "-n", guarded.namespace, f"--as={ANN}", "--overwrite"
    )
    for what in ("trimtab.dev/action-", "team=risk"):
        where = ("-n", guarded.namespace, f"--as={BOB}", "--dry-run=server")
        guarded.kubectl("annotate", str(DEPLOYMENT), "flights", what, *where)
    assert "needs the verb" in guarded.refusal(BOB, asked(by=BOB, token="u"))


def test_a_saved_object_is_restored_with_its_last_action(guarded: Guarded) -> None:
    saved = body(WEIGHT, HOLD)
    saved["metadata"] = {"name": "saved", "annotations": {"trimtab.dev/action": asked(by="carl")}}
    words = ("create", "-n", guarded.namespace, "--dry-run=server", "-f", "-")
    guarded.kubectl(*words, f"--as={ANN}", stdin=json.dumps(saved))
    with pytest.raises(KubectlFailed, match=f'"{BOB}" needs the verb promote'):
        guarded.kubectl(*words, f"--as={BOB}", stdin=json.dumps(saved))


def test_the_rules_fit_the_kinds(guarded: Guarded) -> None:
    """The server checks the expressions against our definitions."""
    name = f"{guarded.namespace}-trimtab-system-trimtab-actions"

    def status() -> Object:
        found: Object = guarded.kubectl.get("validatingadmissionpolicy", name).get("status", {})
        return found

    wait_until(lambda: "typeChecking" in status(), "the check of the policy's types")
    assert status()["typeChecking"] == {}


def test_other_namespaces_are_not_concerned(guarded: Guarded, namespace: str) -> None:
    guarded.kubectl.apply(body(WEIGHT, HOLD), namespace=namespace)
    where = ("-n", namespace, "--dry-run=server")
    guarded.kubectl("annotate", str(DEPLOYMENT), "flights", f"trimtab.dev/action={asked(by='x')}", *where)


def test_the_command_of_who_may_acts_and_that_of_another_is_told_why(
    control_plane: ControlPlane, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace, kubectl = lab.api.namespace, control_plane.kubectl
    across = installed(kubectl, namespace, tmp_path / "overlay")
    names = [f"system:serviceaccount:{namespace}:{who}" for who in (ANN, BOB)]
    for who in (ANN, BOB):
        kubectl("create", "serviceaccount", who, "-n", namespace)
    let_write(kubectl, namespace, *names)
    bind(kubectl, namespace, f"{namespace}-trimtab-approver", names[0])
    deployments = Deployments(lab)
    deployments.served(WEIGHT, HOLD, {"weight": 67}, HOLD, edits={"spec.serving.replicas": 2})
    plant(lab.api, 2)
    deployments.reason("AwaitingPerson")

    def promote(who: str) -> tuple[int, str]:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig_of(control_plane, namespace, tmp_path, who)))
        result = CliRunner().invoke(app, ["promote", "flights", "-n", namespace])
        return result.exit_code, result.output

    wait_until(lambda: in_force(Guarded(kubectl, namespace), names[0]), "the policy")
    code, said = promote(BOB)
    assert code == 1
    assert f'"{names[1]}" needs the verb promote on {DEPLOYMENT}' in said
    assert "PromotedByPerson" not in reasons(deployments.get())
    code, said = promote(ANN)
    assert code == 0, said
    assert deployments.at_step(3)["status"]["lastAction"]["by"] == f"unverified: {names[0]}"
    for obj in across:
        kubectl("delete", obj["kind"], obj["metadata"]["name"])
