"""Plays the nodes: the real Job controller makes the pods, this file lets them start, run and end.

The only stand-in of these tests. A played pod goes through its containers as a kubelet reports it: init
containers one after the other, then the main one; messages are cut as the kubelet cuts them. What our own
containers would do is done for real where it leaves something behind: `publish` checks and pushes a model to
the real registry, and messages are written by the contract's own code. Pods get no node, so a deleted pod is
gone at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from tests.harness import artifact
from tests.harness.access import Access
from tests.harness.background import Background
from tests.harness.pod_status import PodStatus
from tests.registry import LocalRegistry

from trimtab_runtime.__main__ import _parser as runtime_parser
from trimtab_runtime.contract import paths
from trimtab_runtime.contract.config import (
    Config,
    FetchTrial,
    PublishEvaluation,
    PublishTrial,
    parse_config,
)
from trimtab_runtime.contract.errors import Reason, exit_code
from trimtab_runtime.contract.message import Comparison, EvaluationResult, Failure, format_message
from trimtab_runtime.contract.metrics import improvement

Object = dict[str, Any]
OUR_PODS = "app.kubernetes.io/managed-by=trimtab"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Succeed:
    """The pod does what it should. `metrics` are a trial's; `message` replaces what publish would write.

    publish: whether the model is pushed; False with a message of one's own plays a container that lies.
    """

    metrics: Mapping[str, float] | None = None
    message: str | None = None
    publish: bool = True


@dataclass(frozen=True)
class Fail:
    """The pod's `container` ends with an exit code; the ones before it went well."""

    container: str = "train"
    exit_code: int = 1
    message: str = ""
    reason: str = "Error"


@dataclass(frozen=True)
class Stuck:
    """`container` never starts: it waits with a reason such as ImagePullBackOff."""

    container: str = "train"
    reason: str = "ImagePullBackOff"


@dataclass(frozen=True)
class Run:
    """`container` runs and does not end, until the test gives the Job another play."""

    container: str = "train"


Play = Succeed | Fail | Stuck | Run


def failing(container: str, reason: Reason, where: str, message: str) -> Fail:
    """One of our own containers that reports a failure as the contract has it."""
    text = format_message(Failure(1, reason, where, message)).decode()
    return Fail(container, exit_code(reason), text)


@dataclass(frozen=True)
class PlayedPod:
    """What a script may look at to choose a play. `number` counts the pods of one Job from 1."""

    job: str
    trial: int
    attempt: int
    number: int

    @property
    def is_evaluation(self) -> bool:
        return self.trial == 0


Script = Callable[[PlayedPod], Play]


@dataclass
class Scores:
    """What evaluation pods report; by default the challenger is a little better than the champion."""

    challenger: Mapping[str, float] = field(default_factory=lambda: {"auc": 0.75, "logLoss": 0.55})
    champion: Mapping[str, float] = field(default_factory=lambda: {"auc": 0.72, "logLoss": 0.58})
    rows: int = 600
    groups: int = 6


def default_metrics(trial: int) -> dict[str, float]:
    """Trial 2 is the best, then 3, 1, 4, ...: the winner is neither the first nor the last."""
    return {"logLoss": round(0.5 + 0.01 * abs(trial - 2.4), 4), "auc": 0.7}


class Player:
    """`with Player(...) as player:`; `plays[<job name>]` or `script` say what happens, `scores` how well."""

    def __init__(
        self, access: Access, background: Background, namespace: str, registry: LocalRegistry
    ) -> None:
        self.scores = Scores()
        self.script: Script = lambda pod: Succeed()
        self.seen: list[PlayedPod] = []
        self.errors: list[BaseException] = []
        self._plays: dict[str, Play] = {}
        self._access = access
        self._background = background
        self._namespace = namespace
        self.registry = registry
        self._playing: dict[str, asyncio.Task[None]] = {}
        self._held: dict[str, tuple[Object, PlayedPod]] = {}

    def __enter__(self) -> Player:
        self._background.call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._background.call(self._stop())
        if self.errors:
            raise self.errors[0]

    def play(self, job: str, play: Play) -> None:
        """Every pod of the Job plays this from now on, also one that runs or is stuck."""
        self._background.call(self._change(job, play))

    def forget(self, job: str) -> None:
        """From the next pod on the script decides again; a held pod stays as it is."""
        self._plays.pop(job, None)

    async def _change(self, job: str, play: Play) -> None:
        self._plays[job] = play
        for uid, (pod, played) in list(self._held.items()):
            if played.job == job:
                del self._held[uid]
                self._begin(pod, played)

    async def _start(self) -> None:
        connector = aiohttp.TCPConnector(ssl=self._access.tls, limit=0)
        self._session = aiohttp.ClientSession(connector=connector)
        self._watching = asyncio.create_task(self._watch())

    async def _stop(self) -> None:
        tasks = [self._watching, *self._playing.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._session.close()

    async def _watch(self) -> None:
        """Watch from the beginning, and again when the server ends or loses the watch."""
        url = f"{self._access.url}/api/v1/namespaces/{self._namespace}/pods"
        query = {"watch": "true", "labelSelector": OUR_PODS}
        timeout = aiohttp.ClientTimeout(total=None)
        while True:
            try:
                async with self._session.get(url, params=query, timeout=timeout) as answer:
                    async for line in answer.content:
                        event = json.loads(line)
                        if event["type"] in ("ADDED", "DELETED"):
                            self._observe(event["type"], event["object"])
            except (aiohttp.ClientError, ValueError) as error:
                logger.info("the watch of the pods is opened again: %r", error)
                await asyncio.sleep(0.2)

    def _observe(self, event: str, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        if event == "DELETED":
            self._held.pop(uid, None)
            if uid in self._playing:
                self._playing.pop(uid).cancel()
        elif uid not in self._playing and pod["status"]["phase"] == "Pending":
            labels = pod["metadata"]["labels"]
            job = labels["batch.kubernetes.io/job-name"]
            number = 1 + sum(seen.job == job for seen in self.seen)
            trial = int(labels.get("trimtab.dev/trial", "0"))
            played = PlayedPod(job, trial, int(labels["trimtab.dev/attempt"]), number)
            self.seen.append(played)
            self._begin(pod, played)

    def _begin(self, pod: Object, played: PlayedPod) -> None:
        uid = pod["metadata"]["uid"]
        task = asyncio.create_task(self._perform(pod, played))
        self._playing[uid] = task
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("player: %r", error)
            self.errors.append(error)

    async def _perform(self, pod: Object, played: PlayedPod) -> None:
        play = self._plays.get(played.job) or self.script(played)
        status = PodStatus(pod)
        _check_commands(pod)
        match play:
            case Stuck():
                self._held[pod["metadata"]["uid"]] = (pod, played)
                await self._report(pod, status.waiting(play.container, play.reason))
            case Run():
                self._held[pod["metadata"]["uid"]] = (pod, played)
                await self._report(pod, status.running(play.container))
            case Fail():
                await self._report(pod, status.running(play.container))
                await self._report(
                    pod, status.failed(play.container, play.exit_code, play.reason, play.message)
                )
            case Succeed():
                await self._report(pod, status.running("publish"))
                message = await asyncio.to_thread(self._result, pod, played, play)
                await self._report(pod, status.succeeded(message))

    def _result(self, pod: Object, played: PlayedPod, play: Succeed) -> str:
        """What the main container does and writes."""
        match config_of(pod, "publish"):
            case PublishTrial() as config:
                written = ""
                if play.publish:
                    fetch = config_of(pod, "fetch")
                    assert isinstance(fetch, FetchTrial)
                    metrics = play.metrics or default_metrics(played.trial)
                    result = artifact.publish(fetch, config, self.registry, metrics)
                    written = format_message(result).decode()
            case PublishEvaluation() as config:
                written = format_message(evaluation_result(config, self.scores)).decode()
            case other:
                raise AssertionError(f"unexpected configuration {other}")
        return written if play.message is None else play.message

    async def _report(self, pod: Object, status: Object) -> None:
        meta = pod["metadata"]
        url = f"{self._access.url}/api/v1/namespaces/{self._namespace}/pods/{meta['name']}/status"
        headers = {"Content-Type": "application/merge-patch+json", "User-Agent": "trimtab-tests-player"}
        body = json.dumps({"metadata": {"uid": meta["uid"]}, "status": status})
        async with self._session.patch(url, data=body, headers=headers) as answer:
            if answer.status in (404, 409):
                return  # deleted meanwhile
            assert answer.status == 200, await answer.text()


def config_of(pod: Mapping[str, Any], container: str) -> Config:
    """TRIMTAB_CONFIG of a container, read by the contract's parser."""
    for spec in [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]:
        if spec["name"] == container:
            text = next(e["value"] for e in spec["env"] if e["name"] == paths.CONFIG_ENV)
            return parse_config(text)
    raise AssertionError(f"no container {container}")


def evaluation_result(config: PublishEvaluation, scores: Scores) -> EvaluationResult:
    compared: tuple[Comparison, ...] = ()
    if config.has_champion:
        compared = tuple(_compare(name, scores) for name in sorted(scores.challenger))
    return EvaluationResult(
        config.attempt, config.data_digest, scores.rows, scores.groups, scores.challenger, compared
    )


def _compare(metric: str, scores: Scores) -> Comparison:
    challenger, champion = scores.challenger[metric], scores.champion[metric]
    difference = improvement(metric, challenger, champion)
    interval = (difference - 0.02, difference + 0.02)
    return Comparison(metric, challenger, champion, difference, interval, scores.groups)


def _check_commands(pod: Object) -> None:
    """Our containers must call the runtime as its own command line takes it."""
    for spec in [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]:
        command = spec.get("command", [])
        if command[:3] == ["python", "-m", "trimtab_runtime"]:
            try:
                runtime_parser().parse_args(command[3:])
            except SystemExit as end:
                raise AssertionError(f"{spec['name']}: the runtime does not take {command[3:]}") from end
