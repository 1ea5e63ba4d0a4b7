"""A replay from files to results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trimtab.apis.v1alpha1.driftmonitor import DriftMonitorSpec
from trimtab.model.profile_tables import feature_tables
from trimtab.replay.chunks import Chunk, by_number, by_time
from trimtab.replay.counting import Counting, count
from trimtab.replay.errors import CannotReplay
from trimtab.replay.exact import exact_statistics
from trimtab.replay.judging import Judged, judge_all
from trimtab.replay.monitor import monitor_of
from trimtab.replay.performance import Estimator, WindowPerformance, estimator_of
from trimtab.replay.reference import Reference, reference_of
from trimtab.replay.roles import Roles
from trimtab.replay.rows import Rows, read
from trimtab.replay.statistics import Statistic, statistics_of

Statistics = Mapping[str, Mapping[str, Statistic]]  # by feature, by name


@dataclass(frozen=True)
class Asked:
    """What is replayed. `chunk_size` and `every` exclude each other; neither: one window of all rows."""

    reference: Path
    current: Path
    roles: Roles = field(default_factory=Roles)
    chunk_size: int | None = None
    every: str = ""
    monitor: Path | None = None
    exact: bool = False

    def __post_init__(self) -> None:
        if self.chunk_size is not None and self.every:
            raise CannotReplay("give --chunk-size or --every, not both")
        if self.every and not self.roles.timestamp:
            raise CannotReplay("--every needs --timestamp: the column of the times")


@dataclass(frozen=True)
class Result:
    """One window: what the operator would have said, and the numbers behind it."""

    judged: Judged
    statistics: Statistics
    exact: Statistics
    performance: WindowPerformance


@dataclass(frozen=True)
class Replay:
    """`skipped`: columns that were not looked at, and why."""

    asked: Asked
    spec: DriftMonitorSpec
    reference: Reference
    estimator: Estimator
    results: tuple[Result, ...]
    skipped: tuple[str, ...]


def replay(asked: Asked) -> Replay:
    """Raises CannotReplay for anything that cannot be judged."""
    reference = reference_of(read(asked.reference), asked.roles)
    spec = monitor_of(asked.monitor, reference)
    current = read(asked.current)
    counting = count(current, asked.roles, reference)
    estimator = estimator_of(reference)
    results = tuple(
        Result(
            judged=judged,
            statistics=_statistics(reference, judged),
            exact=_exact(reference, current, judged.chunk) if asked.exact else {},
            performance=estimator.of(counting, judged.chunk.places, exact=asked.exact),
        )
        for judged in judge_all(spec, reference.profile, counting, _chunks(asked, current))
    )
    return Replay(asked, spec, reference, estimator, results, _skipped(reference, asked.roles, counting))


def _chunks(asked: Asked, current: Rows) -> list[Chunk]:
    if asked.every:
        return by_time(current, asked.roles, asked.every)
    return by_number(current, asked.chunk_size)


def _statistics(reference: Reference, judged: Judged) -> Statistics:
    tables = feature_tables(reference.profile, judged.window.counts)
    return {
        table.name: statistics_of(feature, table)
        for table, feature in zip(tables, reference.profile.features.values(), strict=True)
    }


def _exact(reference: Reference, current: Rows, chunk: Chunk) -> Statistics:
    return {
        name: exact_statistics(reference.rows.columns[name], current.columns[name].take(chunk.places))
        for name in reference.profile.features
    }


def _skipped(reference: Reference, roles: Roles, counting: Counting) -> tuple[str, ...]:
    extra = [name for name in counting.rows.columns if name not in reference.rows.columns]
    unknown = [f"{name} is not in the reference" for name in extra if name not in roles.named]
    return (*reference.skipped, *unknown)
