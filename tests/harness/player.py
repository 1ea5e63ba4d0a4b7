"""Plays the nodes: the real Job controller makes the pods, this file lets them start, run and end.

The only stand-in of these tests. A played pod goes through its containers as a kubelet reports it: init
containers one after the other, then the main one; messages are cut as the kubelet cuts them. What our own
containers would do is done for real where it leaves something behind: `publish` checks and pushes a model to
the real registry, and messages are written by the contract's own code. Pods get no node, so a deleted pod is
gone at once.

Pods of Deployments are played in `serving_pods.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.harness import artifact, profiled
from tests.harness.access import Access
from tests.harness.background import Background
from tests.harness.plays import Fail, Play, Run, Stuck, Succeed
from tests.harness.pod_api import PodApi
from tests.harness.pod_status import PodStatus
from tests.harness.population import Population, profile_of
from tests.harness.serving_pods import ServingPods
from tests.registry import LocalRegistry

from trimtab.model.kinds import POD
from trimtab.model.names import LABEL_REVISION
from trimtab_runtime.__main__ import _parser as runtime_parser
from trimtab_runtime.contract import paths
from trimtab_runtime.contract.config import (
    Config,
    FetchModel,
    FetchTrial,
    PublishEvaluation,
    PublishTrial,
    parse_config,
)
from trimtab_runtime.contract.errors import ContractError
from trimtab_runtime.contract.message import Comparison, EvaluationResult, format_message
from trimtab_runtime.contract.metrics import improvement
from trimtab_runtime.contract.profile import Profile
from trimtab_runtime.contract.signature import signature_of

Object = dict[str, Any]
OUR_PODS = "app.kubernetes.io/managed-by=trimtab"
logger = logging.getLogger(__name__)


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
        self._background = background
        self._api = PodApi(access, namespace)
        self.serving = ServingPods(self._api, background.call, self._spawn, config_of, self._profile_of)
        self.registry = registry
        self._playing: dict[str, asyncio.Task[None]] = {}
        self._others: set[asyncio.Task[None]] = set()
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
                # What it reports now must not arrive after what it does next.
                await asyncio.gather(self._playing[uid], return_exceptions=True)
                self._begin(pod, played)

    async def _start(self) -> None:
        await self._api.start()
        await self._api.ensure_node()
        self._spawn(self._api.watch(POD, OUR_PODS, self._observe))
        self._spawn(self.serving.watch_slices())
        self._spawn(self.serving.send_requests())

    async def _stop(self) -> None:
        tasks = [*self._others, *self._playing.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.serving.close()
        await self._api.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._others.add(task)
        task.add_done_callback(self._others.discard)
        task.add_done_callback(self._ended)
        return task

    def _observe(self, event: str, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        if LABEL_REVISION in pod["metadata"]["labels"]:
            self.serving.observe(event, pod)
        elif event == "DELETED":
            self._held.pop(uid, None)
            if uid in self._playing:
                self._playing.pop(uid).cancel()
        elif event == "ADDED" and uid not in self._playing and pod["status"]["phase"] == "Pending":
            labels = pod["metadata"]["labels"]
            job = labels["batch.kubernetes.io/job-name"]
            number = 1 + sum(seen.job == job for seen in self.seen)
            trial = int(labels.get("trimtab.dev/trial", "0"))
            played = PlayedPod(job, trial, int(labels["trimtab.dev/attempt"]), number)
            self.seen.append(played)
            self._begin(pod, played)

    def _profile_of(self, pod: Object) -> Profile | None:
        """What `fetch` leaves beside the model; None for a version that a test planted without bytes."""
        fetch = config_of(pod, "fetch")
        assert isinstance(fetch, FetchModel)
        try:
            return profiled.pull(self.registry, fetch)
        except ContractError:
            return None

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
                await self._api.report(pod, status.waiting(play.container, play.reason))
            case Run():
                self._held[pod["metadata"]["uid"]] = (pod, played)
                await self._api.report(pod, status.running(play.container))
            case Fail():
                await self._api.report(pod, status.running(play.container))
                await self._api.report(
                    pod, status.failed(play.container, play.exit_code, play.reason, play.message)
                )
            case Succeed():
                await self._api.report(pod, status.running("publish"))
                message = await asyncio.to_thread(self._result, pod, played, play)
                await self._api.report(pod, status.succeeded(message))

    def _result(self, pod: Object, played: PlayedPod, play: Succeed) -> str:
        """What the main container does and writes."""
        match config_of(pod, "publish"):
            case PublishTrial() as config:
                written = ""
                if play.publish:
                    fetch = config_of(pod, "fetch")
                    assert isinstance(fetch, FetchTrial)
                    metrics = play.metrics or default_metrics(played.trial)
                    profile = self._reference(fetch, config)
                    result = artifact.publish(fetch, config, self.registry, metrics, profile)
                    written = format_message(result).decode()
            case PublishEvaluation() as config:
                written = format_message(evaluation_result(config, self.scores)).decode()
            case other:
                raise AssertionError(f"unexpected configuration {other}")
        return written if play.message is None else play.message

    def _reference(self, fetch: FetchTrial, config: PublishTrial) -> Profile | None:
        """The profile of a model that is trained now: of the world of now, if this lab has one."""
        clients = self.serving.clients
        if not isinstance(clients, Population):
            return None
        reference = next(entry.digest for entry in config.data if entry.split == "reference")
        signature = signature_of(fetch.data_contract)
        return profile_of(clients.now, data_digest=reference, signature_digest=signature.digest)


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
