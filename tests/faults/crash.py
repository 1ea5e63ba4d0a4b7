"""The crash matrix: kill -9 before and after every write of a scenario, and compare what is left in the end.

A scenario runs once without a fault: that gives the number n of writes and the expected world. Then it runs
2n times with one kill each; every time a new process takes over, and the world must come out the same.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.harness import world
from tests.harness.access import Access
from tests.harness.api import Api, create_namespace
from tests.harness.background import Background
from tests.harness.lab import Lab
from tests.harness.operator import Operator, configuration
from tests.harness.player import Player
from tests.harness.proxy import Fault, Kill, Proxy, Request, Side, Write
from tests.harness.witness import Witness
from tests.harness.zygote import Zygote
from tests.registry import LocalRegistry

PARALLEL = 2
SIDES: tuple[Side, Side] = ("before", "after")
SETTLE_SECONDS = 0.3
CONVERGE_SECONDS = 60.0  # a run takes 5 s on a machine with nothing else to do


@dataclass(frozen=True)
class Case:
    """A kill at one write of the fault-free run.

    The write is recognised by what it is, not by its number: what happens at the same time may be one status
    write in one run and two in the next, and then all later numbers shift.

    `held`: a write that is kept waiting at the proxy until the kill, because it can overtake ours and make it
    needless. Such a run has two workers, so that ours goes on meanwhile.
    """

    index: int
    side: Side
    label: str
    occurrence: int
    held: str = ""

    def __str__(self) -> str:
        return f"--index {self.index} --side {self.side}"

    def trigger(self) -> Callable[[Request], bool]:
        """Holds once: of the `occurrence`-th write with our label."""
        seen = 0

        def is_it(request: Request) -> bool:
            nonlocal seen
            seen += label_of(request.verb, request.name, request.body) == self.label
            return seen == self.occurrence

        return is_it

    def holds(self, request: Request) -> bool:
        return bool(self.held) and label_of(request.verb, request.name, request.body) == self.held


def label_of(verb: str, name: str, body: bytes) -> str:
    """What a write is, in every run: Events are named by hashes, a status is told by its phase."""
    if name.startswith("events/"):
        return f"{verb} events"
    if name.endswith("/status"):
        return f"{verb} {name} ({_told(json.loads(body)['status'])})"
    return f"{verb} {name}"


def _told(status: Mapping[str, Any]) -> str:
    """What a status says: its phase, and of a rollout who has a role and which step it is in."""
    roles = [role for role in ("stable", "candidate", "abort", "probation", "rollback") if role in status]
    step = [f"step {status['step']['index']}"] if "step" in status else []
    return ", ".join([str(status.get("phase")), *roles, *step])


@dataclass(frozen=True)
class Outcome:
    """One run. `struck` names the write at which the operator was killed; empty if it was not reached."""

    case: Case | None
    struck: str
    seconds: float
    writes: tuple[Write, ...]
    world: dict[str, Any]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Scenario:
    """`begin` makes the objects; `is_done` says that a fault-free run has nothing left to do.

    `proceed` is what users do on the way: it is called again and again, also after a kill. `settings` are
    fields of the operator's configuration. `test`: the file that runs it.

    `overtaken`: writes that a run leaves out where another object's reconcile is faster, each with the write
    that overtakes it.
    """

    test: str
    begin: Callable[[Lab], None]
    is_done: Callable[[Witness], bool]
    overtaken: Mapping[str, str] = field(default_factory=dict)
    proceed: Callable[[Lab, Witness], None] = lambda lab, witness: None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def cases(self, writes: Sequence[Write]) -> list[Case]:
        """Both sides of every write of the fault-free run, and of what may have been overtaken in it."""
        cases = []
        seen: Counter[str] = Counter()
        for write in writes:
            label = label_of(write.verb, write.name, write.body)
            if label not in self.overtaken:
                seen[label] += 1
                cases += [Case(write.index, side, label, seen[label]) for side in SIDES]
        for index, (label, overtaking) in enumerate(self.overtaken.items(), start=len(writes) + 1):
            cases += [Case(index, side, label, 1, overtaking) for side in SIDES]
        return cases


@dataclass(frozen=True)
class Site:
    """What all runs share."""

    access: Access
    background: Background
    registry: LocalRegistry
    zygote: Zygote
    folder: Path

    def run(
        self, scenario: Scenario, case: Case | None = None, expected: dict[str, Any] | None = None
    ) -> Outcome:
        """One run in a namespace of its own, with a kill if there is a case.

        The namespace goes with the control plane; deleting it here would keep the server busy meanwhile.
        """
        reach = self.access
        api = Api(reach, f"crash-{secrets.token_hex(4)}")
        create_namespace(api)
        began = time.monotonic()
        with (
            Player(reach, self.background, api.namespace, self.registry) as player,
            Proxy(reach, self.background) as proxy,
            Witness(reach, self.background, api.namespace) as witness,
        ):
            lab = Lab(api, player, proxy, self.registry, self.folder / api.namespace, self.zygote)
            run = _Run(self, lab, witness, scenario=scenario, case=case, expected=expected)
            problems = run.until_converged()
            if player.serving.unanswered:
                problems.append(f"{player.serving.unanswered} clients found no ready pod")
            seconds = time.monotonic() - began
        return Outcome(
            case,
            run.struck,
            seconds,
            tuple(sorted(proxy.writes, key=lambda write: write.index)),
            run.world,
            (*problems, *witness.broken),
        )


class _Run:
    def __init__(
        self,
        site: Site,
        lab: Lab,
        witness: Witness,
        *,
        scenario: Scenario,
        case: Case | None,
        expected: dict[str, Any] | None,
    ) -> None:
        self.world: dict[str, Any] = {}
        self._site = site
        self._lab = lab
        self._witness = witness
        self._scenario = scenario
        self._expected = expected
        self._operators: list[Operator] = []
        self._workers = 2 if case is not None and case.held else 1
        self._kill: Kill | None = None
        if case is not None:
            self._kill = Kill(case.trigger(), case.side, self._kill_current, held=case.holds)
            lab.proxy.fault = self._kill

    def _kill_current(self) -> None:
        self._operators[-1].kill()

    @property
    def struck(self) -> str:
        if self._kill is None or self._kill.struck is None:
            return ""
        struck = self._kill.struck
        return label_of(struck.verb, struck.name, struck.body)

    def until_converged(self) -> list[str]:
        """Returns what is wrong at the end."""
        self._scenario.begin(self._lab)
        self._start()
        try:
            deadline = time.monotonic() + CONVERGE_SECONDS
            while not self._is_settled():
                self._scenario.proceed(self._lab, self._witness)
                if not self._operators[-1].is_running:
                    problem = self._restart_once()
                    if problem:
                        return [problem]
                if time.monotonic() > deadline:
                    return self._differences() or ["the operator goes on writing"]
                time.sleep(0.05)
            return self._differences()
        finally:
            for operator in self._operators:
                operator.stop()

    def _restart_once(self) -> str:
        if len(self._operators) == 2 or not self.struck:
            return f"the operator ended by itself:\n{self._operators[-1].log_tail()}"
        self._lab.proxy.fault = Fault()
        self._start()
        return ""

    def _is_settled(self) -> bool:
        """As expected, and no write for a while."""
        if not self._scenario.is_done(self._witness) or (self._expected is not None and self._differences()):
            return False
        written = len(self._lab.proxy.writes)
        time.sleep(SETTLE_SECONDS)  # the absence of writes has no condition to wait for
        self.world = world.project(self._lab.api)
        return len(self._lab.proxy.writes) == written

    def _differences(self) -> list[str]:
        self.world = world.project(self._lab.api)
        return [] if self._expected is None else world.differences(self._expected, self.world)

    def _start(self) -> None:
        number = len(self._operators) + 1
        folder = self._lab.folder / f"operator-{number}"
        folder.mkdir(parents=True)
        # A Lease of its own per process: a killed holder's Lease would have to expire first, 15 s in which
        # nothing happens. Taking over an expired Lease has a test of its own. One worker: then writes come
        # one after the other, and an index means nearly the same write in every run.
        settings = configuration(
            self._lab.api.namespace,
            self._lab.registry,
            leaseName=f"trimtab-{number}",
            workers=self._workers,
            **self._scenario.settings,
        )
        kubeconfig = self._lab.proxy.write_kubeconfig(folder / "kubeconfig", self._lab.api.namespace)
        self._operators.append(self._site.zygote.start(Operator(folder, settings, kubeconfig)))


def run_all(site: Site, scenario: Scenario, cases: Sequence[Case], expected: dict[str, Any]) -> list[Outcome]:
    """Two at a time: one control plane carries them, and this machine has two processors."""

    def run(case: Case) -> Outcome:
        outcome = site.run(scenario, case, expected)
        verdict = "the same" if not outcome.problems else "NOT THE SAME"
        print(f"{outcome.seconds:5.1f} s  {case}  {outcome.struck or 'not reached'}: {verdict}", flush=True)
        return outcome

    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(run, cases))


def without_fault(site: Site, scenario: Scenario) -> Outcome:
    """The run that the others are compared with; prints n and the writes."""
    outcome = site.run(scenario)
    print(f"\nwithout a fault: {len(outcome.writes)} writes in {outcome.seconds:.1f} s")
    for write in outcome.writes:
        print(f"  {write}")
    assert not outcome.problems, "\n".join(outcome.problems)
    return outcome


def chosen(cases: Sequence[Case], options: pytest.Config, *, every: int = 1, offset: int = 0) -> list[Case]:
    """What the command line asks for; else every `every`-th write."""
    index, side = options.getoption("index", None), options.getoption("side", None)
    if index is not None:
        every = 1
    every = options.getoption("every", None) or every
    offset = options.getoption("offset", None) or offset
    return [
        case
        for case in cases
        if index in (None, case.index) and side in (None, case.side) and case.index % every == offset % every
    ]


def assert_the_same_world(site: Site, scenario: Scenario, cases: Sequence[Case], expected: Outcome) -> None:
    """All cases end as the run without a fault, and none of the writes was missed by its kill."""
    outcomes = run_all(site, scenario, cases, expected.world)
    seconds = sorted(outcome.seconds for outcome in outcomes)
    struck = sum(bool(outcome.struck) for outcome in outcomes)
    print(
        f"\n{len(expected.writes)} writes, {len(outcomes)} runs, {struck} struck, "
        f"{seconds[len(seconds) // 2]:.1f} s median, {seconds[-1]:.1f} s longest"
    )
    failures = report(outcomes, scenario.test)
    assert not failures, f"the same world was not reached:\n{failures}"
    assert missed(outcomes) == []


def missed(outcomes: Sequence[Outcome]) -> list[str]:
    """What no kill has struck: only repetitions of a write may be missing in a run."""
    return [
        f"{outcome.case.side} {outcome.case.label}"
        for outcome in outcomes
        if outcome.case is not None and outcome.case.occurrence == 1 and outcome.struck != outcome.case.label
    ]


def report(outcomes: Sequence[Outcome], test: str) -> str:
    """What to read when something failed, with the command that does it again."""
    lines = []
    for outcome in outcomes:
        if outcome.problems:
            lines.append(f"killed at {outcome.struck or '(not reached)'} ({outcome.case}):")
            lines += [f"    {problem[:300]}" for problem in outcome.problems[:12]]
            lines.append(f"    again: pytest {test} {outcome.case}")
    return "\n".join(lines)
