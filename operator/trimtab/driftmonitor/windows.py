"""Windows of counts: how rounds of scrapes fill one, and what makes it less than complete.

    [ start ............ end )[ next ...        closed at whole multiples of the length since 1970
    r0    r1    r2    r3   r4                    the round at or after `end` closes it

A window holds what the counters of stable's pods grew by between the first round at or after its start and
the first at or after its end. Counters are cumulative: a round that could not be read is covered by the next
one. Only one thing is never recovered: what a process counted after it was read for the last time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from trimtab_runtime.contract.counts import ServerCounts
from trimtab_runtime.contract.errors import ContractError
from trimtab_runtime.contract.page import ServerPage
from trimtab_runtime.contract.serving import FEATURE_ROWS, FEEDBACK, LIVE, ROWS, SCORE_ROWS, Series

MAX_GRACE_SECONDS = 5.0
_OF_STABLE = frozenset({FEATURE_ROWS, SCORE_ROWS, ROWS})


class Completeness(StrEnum):
    """Only a Complete window can be Healthy."""

    COMPLETE = "Complete"
    PARTIAL = "Partial"
    LATE = "Late"
    MIXED = "Mixed"


@dataclass(frozen=True)
class Round:
    """One scrape of a Deployment's pods in which every ready pod of stable could be read; by pod uid.

    ``others``: pods of other revisions, read for the labels that they got for stable's answers.
    ``leaving``: pods that are being deleted. ``present``: all pods that exist.
    """

    at: datetime
    stable: Mapping[str, ServerPage]
    others: Mapping[str, ServerPage] = field(default_factory=dict)
    leaving: frozenset[str] = frozenset()
    present: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LastRead:
    """The last page of a pod, and whether what it counted afterwards is lost when it vanishes."""

    page: ServerPage
    matters: bool


@dataclass(frozen=True)
class OpenWindow:
    """A window that is being filled, for the version of ``digest``."""

    start: datetime
    end: datetime
    digest: str
    counts: ServerCounts = field(default_factory=lambda: ServerCounts({}))
    partial: bool = False
    mixed: bool = False

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()

    def is_overdue(self, now: datetime) -> bool:
        """Whether a round that closes it now comes too late."""
        return now > self.end + timedelta(seconds=grace_seconds(self.seconds))


@dataclass(frozen=True)
class ClosedWindow:
    """A window as it is judged."""

    start: datetime
    end: datetime
    digest: str
    counts: ServerCounts
    completeness: Completeness

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()

    @property
    def rows(self) -> int:
        """Rows that stable answered."""
        return self.counts.values.get((ROWS, LIVE), 0)

    @property
    def labelled(self) -> int:
        """Labels for answers of the version."""
        return sum(self.counts.feedback().values())


@dataclass(frozen=True)
class Collection:
    """The open window, and the last page of each pod that exists. ``read_at`` None: no round yet."""

    window: OpenWindow
    known: Mapping[str, LastRead] = field(default_factory=dict)
    read_at: datetime | None = None


def grace_seconds(window_seconds: float) -> float:
    """How far a round may lie behind a boundary and still be taken for it."""
    return min(MAX_GRACE_SECONDS, window_seconds / 2)


def window_at(
    moment: datetime, seconds: int, digest: str, *, partial: bool = False, mixed: bool = False
) -> OpenWindow:
    """The empty window that ``moment`` lies in."""
    start = datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)
    end = start + timedelta(seconds=seconds)
    return OpenWindow(start, end, digest, partial=partial, mixed=mixed)


def advance(collection: Collection, round_: Round) -> tuple[Collection, ClosedWindow | None]:
    """The collection after one more round, and the window that it closed. A round of the past is nothing."""
    if collection.read_at is not None and round_.at <= collection.read_at:
        return collection, None
    window = _filled(collection, round_)
    known = {uid: kept for uid, kept in collection.known.items() if uid in round_.present}
    known |= {uid: LastRead(page, uid not in round_.leaving) for uid, page in round_.stable.items()}
    known |= {uid: LastRead(page, False) for uid, page in round_.others.items()}
    if round_.at < window.end:
        return Collection(window, known, round_.at), None
    return Collection(_next(window, round_.at), known, round_.at), _closed(window, round_.at)


def _next(window: OpenWindow, at: datetime) -> OpenWindow:
    following = window_at(at, round(window.seconds), window.digest)
    return replace(following, partial=_is_late_start(following, at))


def _is_late_start(window: OpenWindow, at: datetime) -> bool:
    return (at - window.start).total_seconds() > grace_seconds(window.seconds)


def _closed(window: OpenWindow, at: datetime) -> ClosedWindow:
    if window.mixed:
        completeness = Completeness.MIXED
    elif window.is_overdue(at):
        completeness = Completeness.LATE
    else:
        completeness = Completeness.PARTIAL if window.partial else Completeness.COMPLETE
    return ClosedWindow(window.start, window.end, window.digest, window.counts, completeness)


def _filled(collection: Collection, round_: Round) -> OpenWindow:
    """The window with what the counters grew by."""
    window, known = collection.window, collection.known
    if collection.read_at is None:  # the baseline: what was counted before is of other windows
        return replace(window, partial=window.partial or _is_late_start(window, round_.at))
    counts, partial = window.counts, window.partial
    for uid, page in round_.stable.items():
        grown, whole = _grown(known.get(uid), page)
        counts += _kept(grown, window.digest, rows=True)
        partial |= not whole
    for uid, page in round_.others.items():
        grown, _ = _grown(known.get(uid), page)
        counts += _kept(grown, window.digest, rows=False)
    partial |= any(last.matters for uid, last in known.items() if uid not in round_.present)
    return replace(window, counts=counts, partial=partial)


def _grown(last: LastRead | None, page: ServerPage) -> tuple[ServerCounts, bool]:
    """What a process counted since it was last read, and whether that is all that its pod counted.

    A pod that was not there before has counted everything since. One whose process is another one has lost
    the end of the former. A counter that fell makes both pages unusable: the next round starts anew.
    """
    if last is None:
        return page.counts, True
    if last.page.start_time_seconds != page.start_time_seconds:
        return page.counts, False
    try:
        return page.since(last.page), True
    except ContractError:
        return ServerCounts({}), False


def _kept(counts: ServerCounts, digest: str, *, rows: bool) -> ServerCounts:
    """The series that windows are made of: the rows of stable, and the labels for its version's answers."""
    return ServerCounts(dict(_of_window(counts.values.items(), digest, rows=rows)))


def _of_window(
    items: Iterable[tuple[Series, int]], digest: str, *, rows: bool
) -> Iterable[tuple[Series, int]]:
    for series, count in items:
        of_rows = rows and series[0] in _OF_STABLE and series[1] == LIVE
        if of_rows or (series[0] == FEEDBACK and series[1] == digest):
            yield series, count
