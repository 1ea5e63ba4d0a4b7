"""Counters as one JSON object, as they stand in the ConfigMaps that survive the process."""

from __future__ import annotations

from collections.abc import Mapping

from trimtab_runtime.contract.counts import ServerCounts

_SEPARATOR = "|"


def dump_counts(counts: ServerCounts) -> dict[str, int]:
    """Series with their values, zeros as well: which series there are is the shape of the version."""
    return {_SEPARATOR.join(series): count for series, count in counts.values.items()}


def load_counts(stored: Mapping[str, int]) -> ServerCounts:
    """Inverse of `dump_counts`. Raises ValueError, TypeError or AttributeError for anything else."""
    return ServerCounts({tuple(key.split(_SEPARATOR)): int(count) for key, count in stored.items()})
