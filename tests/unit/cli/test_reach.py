"""What the commands say when the cluster does not answer as they need: what is wrong, and the remedy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.operator.small_api_server import Answer, SmallApiServer

from trimtab.cli import reach, status
from trimtab.model.errors import TrimtabError

EMPTY = '{"kind": "List", "metadata": {"resourceVersion": "1"}, "items": []}'
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: me, namespace: ml}}]
clusters: [{name: here, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: me, user: {token: none}}]
"""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (401, ["does not accept your credentials", "sign in"]),
        (403, ["403", "Ask for a role"]),
        (404, ["does not serve experiments.trimtab.dev", "kubectl apply --server-side -f crds"]),
        ("silence", ["no answer from the API server", "kubectl config current-context"]),
    ],
)
async def test_a_bad_answer_is_named_with_the_remedy(answer: Answer, words: list[str]) -> None:
    async with SmallApiServer() as server:
        server.answer = lambda verb, path: answer
        with pytest.raises((TrimtabError, reach.CannotReach)) as raised:
            await status.read(server.client, "ml")
    error = raised.value
    said = reach.remedy(error) if isinstance(error, TrimtabError) else str(error)
    assert all(word in said for word in words), said


async def test_a_cluster_without_monitors_has_no_monitors() -> None:
    async with SmallApiServer() as server:
        server.answer = lambda verb, path: 404 if path.endswith("driftmonitors") else EMPTY
        found = await status.read(server.client, "ml")
    assert set(found) == {kind.id for kind in status.KINDS}
    assert not any(found.values())


def run(kubeconfig: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trimtab", "status"]
    return subprocess.run(command, env={"KUBECONFIG": str(kubeconfig)}, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ["no usable kubeconfig", "Set KUBECONFIG"]),
        ("clusters: [", ["no usable kubeconfig"]),
        (KUBECONFIG, ["no answer from the API server", "namespaces/ml/", "Is the cluster up"]),
    ],
    ids=["no kubeconfig", "not YAML", "no cluster"],
)
def test_without_a_cluster_one_line_says_so(tmp_path: Path, text: str | None, words: list[str]) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    if text is not None:
        kubeconfig.write_text(text)
    done = run(kubeconfig)
    assert done.returncode == 1
    assert done.stdout == ""
    assert all(word in done.stderr for word in words), done.stderr
    # Before ours, the client's own line names the file that it looked for.
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) <= 3
