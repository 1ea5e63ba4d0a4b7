"""How a server begins and ends: what it refuses to load, how it drains, what a signal does."""

from __future__ import annotations

import asyncio
import json
import platform
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from tests.load.generator import Generator, Load
from tests.load.rows import DATATYPES, Input, read_pool
from tests.runtime.model_folder import (
    START_SECONDS,
    RunningServer,
    assemble,
    running_server,
    start_server,
)
from tests.runtime.test_server import ROW, body, trained_model, wait_until

from trimtab_runtime.contract.config import ServeModel
from trimtab_runtime.contract.errors import EXIT_DO_NOT_RETRY, Reason
from trimtab_runtime.contract.message import Failure, parse_message
from trimtab_runtime.contract.result import parse_card
from trimtab_runtime.server.drain import QUIET_SECONDS


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pod's folder with a model; tests copy it."""
    root = tmp_path_factory.mktemp("trained")
    trained_model(root, "rows")
    return root


@pytest.fixture
def pod(trained: Path, tmp_path: Path) -> Path:
    """A copy that this test may spoil."""
    shutil.copytree(trained, tmp_path / "pod")
    return tmp_path / "pod"


@pytest.fixture
def server(pod: Path) -> Iterator[RunningServer]:
    """A server of this test's own."""
    with running_server(pod, assemble(pod)) as running:
        yield running


def failure(root: Path, config: ServeModel) -> Failure:
    """Start a server that must not start; the message it leaves."""
    server = start_server(root, config)
    assert server.process.wait(START_SECONDS) == EXIT_DO_NOT_RETRY, server.log
    message = parse_message((root / "termination").read_bytes())
    assert isinstance(message, Failure), message
    return message


def _spoil(name: str) -> Callable[[Path], None]:
    def change(model: Path) -> None:
        path = model / name
        path.chmod(0o644)
        path.write_bytes(path.read_bytes() + b" ")

    return change


@pytest.mark.parametrize(
    ("why", "change", "field"),
    [
        ("the manifest was changed", _spoil("manifest.json"), "manifest.json"),
        ("the signature was changed", _spoil("signature.json"), "signature.json"),
        ("the profile was changed", _spoil("profile.json"), "profile.json"),
        ("the result was changed", _spoil("result.json"), "result.json"),
        ("the model was changed", _spoil("model/model.joblib"), "model/model.joblib"),
        ("a file was added", lambda model: (model / "model/more").touch(), "model/"),
        ("a file is gone", lambda model: (model / "model/model.joblib").unlink(), "model/"),
    ],
)
def test_nothing_is_loaded_that_does_not_hash_to_the_pinned_digest(
    pod: Path, why: str, change: Callable[[Path], None], field: str
) -> None:
    config = assemble(pod)
    change(pod / "model")
    ended = failure(pod, config)
    assert (ended.reason, ended.field) == (Reason.DIGEST_MISMATCH, field), why


def test_a_model_of_another_framework_version_is_a_runtime_mismatch(pod: Path) -> None:
    card_file = pod / "out/model/model.json"
    card = parse_card(card_file.read_bytes())
    card_file.write_bytes(replace(card, framework="scikit-learn==0.1.2").to_bytes())
    ended = failure(pod, assemble(pod))
    assert (ended.reason, ended.field) == (Reason.RUNTIME_MISMATCH, "framework")
    assert "0.1.2" in ended.message
    card_file.write_bytes(replace(card, python="3.1").to_bytes())
    ended = failure(pod, assemble(pod))
    assert (ended.reason, ended.field) == (Reason.RUNTIME_MISMATCH, "python")
    assert "3.1" in ended.message and ".".join(platform.python_version_tuple()[:2]) in ended.message


def test_the_profile_must_be_the_one_that_is_configured(pod: Path) -> None:
    ended = failure(pod, replace(assemble(pod), profile_digest="sha256:" + "0" * 64))
    assert (ended.reason, ended.field) == (Reason.DIGEST_MISMATCH, "profile.json")


def test_a_configuration_for_another_command_is_refused(pod: Path) -> None:
    config = assemble(pod)
    server = start_server(pod, config, text=json.dumps({"contract": 1, "command": "serve", "model": "m"}))
    assert server.process.wait(START_SECONDS) == EXIT_DO_NOT_RETRY
    message = parse_message((pod / "termination").read_bytes())
    assert isinstance(message, Failure) and message.reason == Reason.CONFIG_INVALID


def test_a_model_without_a_profile_is_served_without_tokens(pod: Path) -> None:
    config = assemble(pod, with_profile=False)
    with running_server(pod, config) as server:
        answer = server.infer(ROW).json()
        assert "parameters" not in answer and len(answer["outputs"][0]["data"]) == 1
        counts = server.page().counts
        assert counts.rows() == 1 and counts.features == ()


def test_sigterm_ends_an_idle_server_with_0(server: RunningServer) -> None:
    with requests.Session() as session:
        assert session.post(server.infer_url, json=body(), timeout=5).ok
        assert server.stop() == 0
    assert "answered" in server.log and not (server.root / "termination").exists()


def test_sigterm_lets_a_request_in_flight_have_its_answer(server: RunningServer) -> None:
    payload = json.dumps(body()).encode()
    head = b"POST /v2/models/flights/infer HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(payload)
    with socket.create_connection(("127.0.0.1", server.config.port)) as raw:
        raw.sendall(head)
        wait_until(lambda: server.page().in_flight["live"] == 1)
        server.process.terminate()
        wait_until(lambda: "Shutting down" in server.log)
        raw.sendall(payload)
        received = b""
        while part := raw.recv(65536):
            received += part
    assert received.startswith(b"HTTP/1.1 200") and b"connection: close" in received.lower()
    assert server.process.wait(30) == 0


class Draining:
    """A call of /drain on its way."""

    def __init__(self, server: RunningServer, seconds: float) -> None:
        self._thread = threading.Thread(target=self._call, args=(server, seconds))
        self.answer: dict[str, object] = {}
        self.seconds = 0.0
        self._thread.start()
        # The answer to a probe tells that the drain has begun.
        wait_until(lambda: _closes(requests.get(f"{server.url}/v2/health/live", timeout=5)))

    def _call(self, server: RunningServer, seconds: float) -> None:
        began = time.monotonic()
        self.answer = requests.get(f"{server.url}/drain?seconds={seconds}", timeout=seconds + 30).json()
        self.seconds = time.monotonic() - began

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def join(self) -> None:
        self._thread.join(60)


def _closes(answer: requests.Response) -> bool:
    return answer.headers.get("connection") == "close"


def test_a_drain_ends_when_clients_are_gone_and_their_counts_were_scraped(server: RunningServer) -> None:
    with requests.Session() as session:
        assert not _closes(session.post(server.infer_url, json=body(), timeout=5))
        draining = Draining(server, 60)
        server.page()  # a scrape while the client is there is not the last one
        assert not draining.is_over
        assert _closes(session.post(server.infer_url, json=body(), timeout=5))
    time.sleep(QUIET_SECONDS + 0.5)  # time is what is tested: quiet alone must not be enough
    assert not draining.is_over
    assert server.page().counts.requests("2xx") == 2
    draining.join()
    assert draining.answer == {"drained": True, "connections": 0}
    assert server.infer(ROW).ok  # still there for whoever has an old endpoint
    assert server.stop() == 0


@pytest.mark.parametrize("keep_alive", [True, False])
async def test_no_request_fails_while_a_pod_drains(server: RunningServer, keep_alive: bool) -> None:
    """Clients that still find the pod are served, with labels, and everything sent was counted."""
    inputs = [Input(name, DATATYPES[kind]) for name, (kind, _) in ROW.items()]
    pool = read_pool(server.root / "csv/evaluation.csv", inputs, "late")
    load = Load(server.url, "flights", 20.0, keep_alive=keep_alive, label_delay_seconds=0.2)
    before, generator = server.page(), Generator(load, pool)
    running = asyncio.create_task(generator.run())
    await asyncio.to_thread(wait_until, lambda: server.page().since(before).requests() > 20)
    draining = await asyncio.to_thread(Draining, server, 60)
    drained_at = server.page()
    await asyncio.to_thread(wait_until, lambda: server.page().since(drained_at).requests() > 40)
    assert not draining.is_over
    generator.stop()
    summary = await running
    while not draining.is_over:
        await asyncio.to_thread(server.page)
    assert draining.answer == {"drained": True, "connections": 0}
    counts = server.page().since(before)
    assert summary["total"]["failed"] == 0, summary["firstFailures"]
    assert summary["total"]["sent"] == counts.requests("2xx") == counts.rows() == counts.requests()
    assert summary["labels"]["accepted"] == sum(counts.feedback().values()) == counts.rows()
    assert counts.error_connections() == 0
    if not keep_alive:
        assert counts.connections() == counts.requests()


def test_a_drain_ends_when_its_time_is_over(server: RunningServer) -> None:
    with requests.Session() as session:
        assert session.post(server.infer_url, json=body(), timeout=5).ok
        draining = Draining(server, 3)
        draining.join()
    assert draining.answer == {"drained": False, "connections": 1}
    assert 3 <= draining.seconds < 10


def test_a_drain_without_a_time_is_refused(server: RunningServer) -> None:
    for query in ("", "?seconds=", "?seconds=ten", "?seconds=-1", "?seconds=1e9", "?s=3"):
        answer = requests.get(f"{server.url}/drain{query}", timeout=5)
        assert answer.status_code == 400 and "seconds" in answer.json()["error"], query
    assert not _closes(server.infer(ROW))
