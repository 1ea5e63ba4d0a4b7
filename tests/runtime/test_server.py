"""A real server process on loopback with a real model: the protocol, the counts, the labels."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.runtime.commands import train
from tests.runtime.model_folder import RunningServer, assemble, running_server, write_inputs
from tests.runtime.world import CONTRACT, Row, World

from trimtab_runtime.contract.answers import key_of, read_answers
from trimtab_runtime.contract.config import ServeModel
from trimtab_runtime.contract.counts import ServerCounts
from trimtab_runtime.contract.data import SPLITS, TRIAL_SPLITS, DataContract
from trimtab_runtime.contract.serving import WARMUP
from trimtab_runtime.contract.token import parse_token

WAIT_SECONDS = 10
ROW: dict[str, tuple[str, list[Any]]] = {
    "carrier": ("BYTES", ["AA"]),
    "hour": ("INT64", [3]),
    "temp": ("FP64", [40.5]),
}


@pytest.fixture(scope="module", params=["rows", "frame"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """Servers of a model that was fitted on an array, and of one fitted on a data frame."""
    root = tmp_path_factory.mktemp("served")
    with running_server(root, trained_model(root, request.param)) as running:
        yield running


def trained_model(root: Path, how: str, contract: DataContract = CONTRACT) -> ServeModel:
    """A pod's folder with a model of `world`'s data."""
    prepare(root, contract)
    ended = train(root, how)
    assert ended.code == 0, ended.log
    return assemble(root)


def prepare(root: Path, contract: DataContract = CONTRACT) -> None:
    """A pod's folder with `world`'s data, less the features that the contract does not declare."""
    left_out = [name for name in ROW if name not in contract.column_names]

    def drop(rows: list[Row]) -> None:
        for row in rows:
            for name in left_out:
                del row[name]

    (root / "csv").mkdir()
    world = World(None, root / "csv", "served", contract, dict.fromkeys(SPLITS, drop))  # type: ignore[arg-type]
    files = {split: world.path(split) for split in SPLITS}  # no registry is needed
    write_inputs(root, contract, {split: files[split] for split in TRIAL_SPLITS}, {"leaves": "8"})


def counted(server: RunningServer, act: Callable[[], Any]) -> ServerCounts:
    """What the server counted while something was done."""
    before = server.page()
    act()
    return server.page().since(before)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that the server does on its own, such as noticing that a client left."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_health_and_metadata_follow_the_protocol(server: RunningServer) -> None:
    def get(path: str) -> Any:
        answer = requests.get(server.url + path, timeout=5)
        assert answer.ok, answer.text
        return answer.json()

    assert get("/v2/health/live") == {"live": True}
    assert get("/v2/health/ready") == {"ready": True}
    assert get("/v2/models/flights/ready") == {"name": "flights", "ready": True}
    assert get("/v2/models") == {"models": ["flights"]}
    assert get("/v2")["name"] == "kserve"
    metadata = get("/v2/models/flights")
    assert [(i["name"], i["datatype"]) for i in metadata["inputs"]] == [(n, d) for n, (d, _) in ROW.items()]
    assert metadata["outputs"] == [{"name": "late", "datatype": "FP64", "shape": [-1]}]


def test_one_row_is_answered_and_counted(server: RunningServer) -> None:
    counts = counted(server, lambda: answers.append(server.infer(ROW | {"temp": ("FP64", [None])}, id="q")))
    answer = answers.pop().json()
    (score,) = answer["outputs"][0]["data"]
    assert 0 <= score <= 1
    assert (answer["model_name"], answer["model_version"], answer["id"]) == (
        "flights",
        server.config.digest,
        "q",
    )
    assert (counts.requests("2xx"), counts.requests(), counts.rows()) == (1, 1, 1)
    assert (counts.connections(), counts.error_connections()) == (1, 0)
    assert counts.feature("temp").missing == 1 and sum(counts.feature("carrier").buckets) == 1
    (token,) = [parse_token(text) for text in answer["parameters"]["trimtab_tokens"]]
    assert token is not None and token.model_digest == server.config.digest
    assert counts.scores()[token.bucket] == sum(counts.scores()) == 1


answers: list[requests.Response] = []


def test_a_batch_has_the_scores_of_its_rows(server: RunningServer) -> None:
    batch = {
        "carrier": ("BYTES", ["AA", "B6", "UA"]),
        "hour": ("INT64", [1, 2, 3]),
        "temp": ("FP64", [20, 30, 60]),
    }
    scores = server.infer(batch).json()["outputs"][0]["data"]
    single = [
        server.infer({name: (kind, [data[row]]) for name, (kind, data) in batch.items()}).json()
        for row in range(3)
    ]
    assert scores == [one["outputs"][0]["data"][0] for one in single]


def test_a_category_that_the_reference_never_saw_is_counted_apart(server: RunningServer) -> None:
    """The test's model refuses unknown categories itself: an error of the model, and no row."""
    counts = counted(server, lambda: answers.append(server.infer(ROW | {"carrier": ("BYTES", ["ZZ"])})))
    assert answers.pop().status_code == 500
    assert (counts.requests("5xx"), counts.error_connections(), counts.rows()) == (1, 1, 0)
    assert "ZZ" not in requests.get(server.url + "/metrics", timeout=5).text


def test_a_refused_request_names_the_field(server: RunningServer) -> None:
    counts = counted(server, lambda: answers.append(server.infer(ROW | {"hour": ("INT64", [None])})))
    answer = answers.pop()
    assert answer.status_code == 400 and "input hour: row 0 is null" in answer.json()["error"]
    assert (counts.requests("4xx"), counts.rows(), counts.error_connections()) == (1, 0, 0)
    assert counts.rejected_rows() == {("hour", "missing"): 1}


@pytest.mark.parametrize(
    ("line", "payload", "status"),
    [
        ("POST /v2/models/flights/infer", b"{", 400),
        ("POST /v2/models/flights/infer", b" " * (9 << 20), 413),
        ("POST /v2/models/other/infer", b"{}", 404),
        ("GET /v2/models/flights/infer", b"", 405),
        ("POST /v2/models/flights/versions/1/infer", b"{}", 404),
    ],
    ids=["not JSON", "too large", "another model", "not a POST", "a version in the path"],
)
def test_wrong_requests_are_counted_as_4xx(
    server: RunningServer, line: str, payload: bytes, status: int
) -> None:
    method, path = line.split()

    def send() -> None:
        answers.append(requests.request(method, server.url + path, data=payload, timeout=10))

    counts = counted(server, send)
    assert answers.pop().status_code == status
    assert counts.requests("4xx") == counts.requests() == 1


@pytest.mark.parametrize(
    "path",
    [
        "/v2/repository/models/flights/unload",
        "/v2/repository/models/flights/load",
        "/v1/models/flights:predict",
        "/openai/v1/completions",
        "/docs",
        "/openapi.json",
        "/",
    ],
)
def test_other_endpoints_of_the_sdk_do_not_exist(server: RunningServer, path: str) -> None:
    assert requests.post(server.url + path, json={}, timeout=5).status_code == 404
    assert requests.get(server.url + path, timeout=5).status_code == 404
    assert server.infer(ROW).ok


def test_a_connection_is_counted_once_however_many_requests_it_carries(server: RunningServer) -> None:
    def talk() -> None:
        with requests.Session() as session:
            for _ in range(5):
                assert session.post(server.infer_url, json=body(), timeout=5).ok
            assert not session.post(server.infer_url, json=body("ZZ"), timeout=5).ok
            assert not session.post(server.infer_url, json=body("ZZ"), timeout=5).ok

    counts = counted(server, talk)
    assert (counts.connections(), counts.error_connections()) == (1, 1)
    assert (counts.requests("2xx"), counts.requests("5xx")) == (5, 2)


def body(carrier: str = "AA") -> dict[str, Any]:
    """A request of one row."""
    row = ROW | {"carrier": ("BYTES", [carrier])}
    return {"inputs": [{"name": n, "datatype": d, "data": v, "shape": [1]} for n, (d, v) in row.items()]}


def test_probes_scrapes_and_labels_are_no_requests(server: RunningServer) -> None:
    def look() -> None:
        for path in ("/v2/health/ready", "/v2/models/flights", "/metrics", "/answers"):
            assert requests.get(server.url + path, timeout=5).ok
        assert requests.post(server.url + "/feedback", json=[], timeout=5).status_code == 202

    counts = counted(server, look)
    assert counts.requests() == counts.connections() == 0


def test_a_connection_closed_without_an_answer_is_an_error(server: RunningServer) -> None:
    before = server.page().counts

    def lost() -> ServerCounts:
        return server.page().counts.since(before)

    with socket.create_connection(("127.0.0.1", server.config.port)) as raw:
        raw.sendall(b"POST /v2/models/flights/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        wait_until(lambda: server.page().in_flight["live"] == 1)
        assert (lost().connections(), lost().error_connections()) == (1, 0)
    wait_until(lambda: lost().error_connections() == 1)
    assert lost().requests() == 0 and server.page().in_flight["live"] == 0


def test_pipelined_requests_are_answered_in_order(server: RunningServer) -> None:
    payload = json.dumps(body()).encode()
    head = f"POST /v2/models/flights/infer HTTP/1.1\r\nhost: x\r\ncontent-length: {len(payload)}\r\n\r\n"
    last = b"GET /drain HTTP/1.1\r\nhost: x\r\n\r\n"
    before = server.page()
    with socket.create_connection(("127.0.0.1", server.config.port)) as raw:
        raw.sendall((head.encode() + payload) * 2 + last)
        received = b""
        while b"HTTP/1.1 400" not in received:
            received += raw.recv(65536)
    assert received.count(b"HTTP/1.1 200") == 2
    assert received.rindex(b"HTTP/1.1 200") < received.index(b"HTTP/1.1 400")
    counts = server.page().since(before)
    assert (counts.requests("2xx"), counts.connections(), counts.error_connections()) == (2, 1, 0)


def test_labels_come_back_once(server: RunningServer) -> None:
    tokens = [server.infer(ROW).json()["parameters"]["trimtab_tokens"][0] for _ in range(3)]

    def send(items: Any) -> requests.Response:
        return requests.post(server.url + "/feedback", json=items, timeout=5)

    before = server.page()
    first = send([{"token": token, "label": 1} for token in tokens[:2]])
    assert (first.status_code, first.json()) == (202, {"accepted": 2, "rejected": []})
    again = send([{"token": tokens[0], "label": 0}, {"token": tokens[2], "label": False}, {"token": "x"}])
    assert again.json() == {
        "accepted": 1,
        "rejected": [{"index": 0, "reason": "duplicate"}, {"index": 2, "reason": "malformed"}],
    }
    assert send({"token": tokens[2], "label": 1}).json()["accepted"] == 0
    assert send("nonsense").status_code == 400
    counts = server.page().since(before)
    parsed = parse_token(tokens[0])
    assert parsed is not None
    assert counts.feedback() == {
        (server.config.digest, parsed.bucket, "1", "0"): 2,
        (server.config.digest, parsed.bucket, "0", "0"): 1,
    }
    assert counts.feedback_rejected()["duplicate"] == 2 and counts.feedback_rejected()["malformed"] == 1


def test_answers_are_told_by_the_hash_of_their_request(server: RunningServer) -> None:
    payloads = [json.dumps(body() | {"id": f"told-{number}"}).encode() for number in range(3)]
    found = [requests.post(server.infer_url, data=payload, timeout=10).json() for payload in payloads]
    refused = requests.post(server.infer_url, data=b'{"inputs": []}', timeout=10)
    assert refused.status_code == 400
    page = requests.get(f"{server.url}/answers", timeout=5).content
    epochs = read_answers(page, server.config.digest).epochs.values()
    told = {key: score for epoch in epochs for key, score in epoch.items()}
    for payload, answer in zip(payloads, found, strict=True):
        assert told[key_of(payload)] == answer["outputs"][0]["data"][0]
    assert key_of(b'{"inputs": []}') not in told
    assert b"told" not in page


def test_the_warm_up_was_counted_apart(server: RunningServer) -> None:
    counts = server.page().counts
    rows = 2 * server.config.warmup_rows
    assert counts.rows(traffic=WARMUP) == sum(counts.scores(traffic=WARMUP)) == rows
    assert counts.requests("2xx", traffic=WARMUP) == server.config.warmup_rows + 1
    assert counts.connections(traffic=WARMUP) == 0


def test_the_log_is_quiet_about_requests_and_probes(server: RunningServer) -> None:
    assert server.infer(ROW).ok and requests.get(server.url + "/v2/health/ready", timeout=5).ok
    assert "/v2" not in server.log and "ServerNotReady" not in server.log and "Deprecat" not in server.log
    assert "ready: 32 rows answered" in server.log
