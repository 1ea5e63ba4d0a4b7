"""The crash matrix: kill -9 before and after every write of a scenario, and compare what is left in the end.

A scenario runs once without a fault: that gives the number n of writes and the expected world. Then it runs
2n times with one kill each; every time a new process takes over, and the world must come out the same.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import access, world
from tests.harness.api import Api, create_namespace
from tests.harness.background import Background
from tests.harness.lab import Lab
from tests.harness.operator import Operator, configuration
from tests.harness.player import Player
from tests.harness.proxy import Fault, Kill, Proxy, Side, Write
from tests.harness.witness import Witness
from tests.harness.zygote import Zygote
from tests.registry import LocalRegistry

PARALLEL = 2
SETTLE_SECONDS = 0.3
CONVERGE_SECONDS = 30.0


@dataclass(frozen=True)
class Case:
    index: int
    side: Side

    def __str__(self) -> str:
        return f"--index {self.index} --side {self.side}"


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
    """`begin` makes the objects; `is_done` says that a fault-free run has nothing left to do."""

    begin: Callable[[Lab], None]
    is_done: Callable[[Witness], bool]


@dataclass(frozen=True)
class Site:
    """What all runs share."""

    kubeconfig: Path
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
        reach = access.of_kubeconfig(self.kubeconfig)
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
        self._kill: Kill | None = None
        if case is not None:
            self._kill = Kill(case.index, case.side, self._kill_current)
            lab.proxy.fault = self._kill

    def _kill_current(self) -> None:
        self._operators[-1].kill()

    @property
    def struck(self) -> str:
        if self._kill is None or self._kill.struck is None:
            return ""
        return f"{self._kill.struck.verb} {self._kill.struck.name}"

    def until_converged(self) -> list[str]:
        """Returns what is wrong at the end."""
        self._scenario.begin(self._lab)
        self._start()
        try:
            deadline = time.monotonic() + CONVERGE_SECONDS
            while not self._is_settled():
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
            self._lab.api.namespace, self._lab.registry, leaseName=f"trimtab-{number}", workers=1
        )
        kubeconfig = self._lab.proxy.write_kubeconfig(folder / "kubeconfig", self._lab.api.namespace)
        self._operators.append(self._site.zygote.start(Operator(folder, settings, kubeconfig)))


def run_all(site: Site, scenario: Scenario, cases: Sequence[Case], expected: dict[str, Any]) -> list[Outcome]:
    """Two at a time: one control plane carries them, and this machine has two processors."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(lambda case: site.run(scenario, case, expected), cases))


def cases_of(count: int, sides: Iterable[Side] = ("before", "after")) -> list[Case]:
    return [Case(index, side) for index in range(1, count + 1) for side in sides]


def report(outcomes: Sequence[Outcome], test: str) -> str:
    """What to read when something failed, with the command that does it again."""
    lines = []
    for outcome in outcomes:
        if outcome.problems:
            lines.append(f"killed at {outcome.struck or '(not reached)'} ({outcome.case}):")
            lines += [f"    {problem[:300]}" for problem in outcome.problems[:12]]
            lines.append(f"    again: pytest {test} {outcome.case}")
    return "\n".join(lines)
