"""One object, told as it changes: a thread watches it, and the story waits for the state it needs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests import objects
from tests.objects import Object

from flights.demo.ground import Ground
from flights.demo.report import DidNotHappen, Report

WATCH_SECONDS = 3


class Followed:
    """One object of the story. Subclasses say in `tell` what of a new state is worth a line."""

    plural: str

    def __init__(self, report: Report, ground: Ground, name: str) -> None:
        self.report = report
        self.ground = ground
        self.name = name
        self._told: set[str] = set()
        self._states: list[Object] = []
        self._problem: Exception | None = None
        self._changed = threading.Condition()
        self._over = threading.Event()

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Tell every state of the object, as soon as there is one, until the block ends."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def until(
        self,
        holds: Callable[[Object], bool],
        what: str,
        seconds: float,
        never: Callable[[Object], bool] = lambda _: False,
    ) -> Object:
        """The first state from now on for which `holds`; DidNotHappen when `never` does, or time is up."""
        deadline = time.monotonic() + seconds
        seen = max(0, len(self._states) - 1)
        while self._await(seen + 1, deadline):
            state = self._states[seen]
            seen += 1
            if "status" in state and holds(state):
                return state
            if "status" in state and never(state):
                break
        last = self._states[seen - 1] if seen else {}
        ready = objects.condition(last, "Ready")
        why = f"{objects.phase(last)}, {ready.get('reason')}: {ready.get('message')}"
        raise DidNotHappen(f"not {what} within {seconds:g} s: {why}")

    def _await(self, states: int, deadline: float) -> bool:
        """Until so many states were seen; False when time is up."""
        with self._changed:
            self._changed.wait_for(
                lambda: len(self._states) >= states or self._problem is not None, deadline - time.monotonic()
            )
        if self._problem is not None:
            raise self._problem
        return len(self._states) >= states

    def tell(self, state: Object) -> None:
        """Say and keep what is new in a state."""
        raise NotImplementedError

    def tell_history(self, state: Object) -> None:
        """The transitions that were not told yet."""
        for entry in state["status"].get("history", ()):
            if self.is_new(f"history {entry['id']}"):
                self.report.say(f"{self.plural[:-1]}: {entry['reason']}: {entry['message']}")

    def is_new(self, what: str) -> bool:
        """Whether this is asked for the first time."""
        before = len(self._told)
        self._told.add(what)
        return len(self._told) > before

    def _watch(self) -> None:
        """In the thread. What goes wrong here is raised where the story waits."""
        try:
            while not self._over.is_set():
                self._watch_once()
        except Exception as problem:
            with self._changed:
                self._problem = problem
                self._changed.notify_all()

    def _watch_once(self) -> None:
        kubeconfig, namespace = self.ground.kubectl.kubeconfig, self.ground.namespace
        for state in objects.changes(kubeconfig, namespace, self.plural, self.name, WATCH_SECONDS):
            if "status" in state:
                self.tell(state)
            with self._changed:
                self._states.append(state)
                self._changed.notify_all()
            if self._over.is_set():
                return
