"""A version served by MLServer, another project: its answers, and a canary that is judged by its metrics."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.cluster import images, provider
from tests.e2e import fragile_model
from tests.e2e.serving import Served, candidate, history, quarantined, verdicts
from tests.e2e.world import World
from tests.load.rows import DATATYPES, Input, Pool, read_pool

SOURCES = Path(__file__).parent / "mlserver"
REQUESTS_PER_SECOND = 20
ANALYSIS = {"metrics": [{"name": "errors", "preset": "errorRate", "maxAbsolute": "0.05"}]}
STEPS = ({"weight": 50}, {"analyze": {"minSamples": 60, "maxDuration": "3m"}})


@pytest.fixture(scope="module")
def mlserver(fragile: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of an image with MLServer and the code and libraries that the fragile model was trained with."""
    context = tmp_path_factory.mktemp("mlserver")
    lock = shutil.copy(SOURCES / "requirements.lock", context)
    inputs = [*fragile_model.copy_sources(context), Path(lock)]
    built = images.derived("localhost/mlserver", SOURCES / "Dockerfile", context, inputs, on_debian=True)
    return provider.choose().load_image(built.archive).name


@dataclass(frozen=True)
class Foreign:
    """The Deployment `foreign`, and rows to ask it about."""

    served: Served
    image: str
    pool: Pool

    def apply(self, **parts: Any) -> None:
        self.served.apply(serving={"runtime": "mlserver", "image": self.image}, replicas=1, **parts)

    def ask(self, first: int, count: int = 1) -> requests.Response:
        """Probabilities of some rows, on a connection of its own: a data frame, as MLServer takes it."""
        rows = self.pool.rows[first : first + count]
        inputs = [
            {"name": one.name, "shape": [count], "datatype": one.datatype, "data": list(column), **_text(one)}
            for one, column in zip(self.pool.inputs, zip(*rows, strict=True), strict=True)
        ]
        body = {
            "parameters": {"content_type": "pd"},
            "inputs": inputs,
            "outputs": [{"name": "predict_proba"}],
        }
        return requests.post(f"{self.served.url}/v2/models/{self.served.model}/infer", json=body, timeout=10)


def _text(one: Input) -> dict[str, Any]:
    return {"parameters": {"content_type": "str"}} if one.datatype == "BYTES" else {}


@pytest.fixture(scope="module")
def foreign(world: World, fragile: str, pool: Path, mlserver: str) -> Foreign:
    """Version 1, ready behind its Service."""
    version = world.get("modelversion", f"{fragile}-v{fragile_model.SOUND}")
    signature = version["spec"]["signature"]
    inputs = [Input(one["name"], DATATYPES[one["datatype"]]) for one in signature["inputs"]]
    read = read_pool(pool, inputs, signature["outputs"][0]["name"])
    complete = [row for row in read.rows if None not in row]
    made = Foreign(
        Served(world, name="foreign", model=fragile),
        mlserver,
        Pool(read.name, read.inputs, tuple(complete), read.labels),
    )
    made.apply()
    made.served.ready()
    return made


@dataclass
class Load:
    """Answers by status, of requests that are sent for as long as the test runs."""

    answers: Counter[int] = field(default_factory=Counter)


@contextmanager
def asked(foreign: Foreign) -> Iterator[Load]:
    """Two rows at a time, again and again, each request on a new connection."""
    load, end = Load(), threading.Event()

    def ask() -> None:
        number = 0
        while not end.wait(1 / REQUESTS_PER_SECOND):
            load.answers[foreign.ask(number % (len(foreign.pool.rows) - 1), 2).status_code] += 1
            number += 1

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield load
    finally:
        end.set()
        thread.join()


def test_it_answers_with_the_probabilities_of_the_model(foreign: Foreign) -> None:
    answer = foreign.ask(0, 20)
    assert answer.ok, answer.text
    (output,) = answer.json()["outputs"]
    assert (output["name"], output["shape"]) == ("predict_proba", [20, 2])
    late = output["data"][1::2]
    assert output["data"][0::2] == pytest.approx([1 - score for score in late])
    assert len({round(score, 4) for score in late}) > 5, "it is the model, and no constant"


def test_a_sound_candidate_is_promoted_by_what_mlserver_counts(foreign: Foreign) -> None:
    with asked(foreign) as load:
        foreign.apply(env={"OTHER": "settings"}, steps=STEPS, analysis=ANALYSIS)
        started = foreign.served.until(lambda d: bool(candidate(d)), "a candidate")
        revision = candidate(started)
        deployment = foreign.served.ready()
    assert deployment["status"]["stable"]["revision"] == revision
    assert "WeightApplied" in history(deployment)
    assert set(load.answers) == {200}, load.answers


def test_a_candidate_that_fails_is_given_up(foreign: Foreign) -> None:
    before = foreign.served.get()["status"]["stable"]["revision"]
    with asked(foreign) as load:
        foreign.apply(env={"FRAGILE": "errors"}, steps=STEPS, analysis=ANALYSIS)
        deployment = foreign.served.until(lambda d: bool(quarantined(d)), "the candidate given up")
        foreign.served.await_only(before)
    assert list(quarantined(deployment).values()) == ["AnalysisFailed"]
    assert verdicts(deployment)["errors"] == "Fail"
    assert load.answers[500] > 0 and load.answers[200] > load.answers[500]
    assert deployment["status"]["stable"]["revision"] == before
    assert foreign.ask(0).ok
