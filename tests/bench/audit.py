"""What a program has written, from the API server's audit log, told apart by user agent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITES = ("create", "update", "patch", "delete", "deletecollection")


@dataclass(frozen=True)
class Written:
    """Accepted writes by what they were: `patch deployments.apps`, `update deployments.apps/scale`."""

    by_kind: Mapping[str, int]

    def of(self, *words: str) -> int:
        return sum(count for kind, count in self.by_kind.items() if any(word in kind for word in words))

    @property
    def events(self) -> int:
        return self.of(" events")

    @property
    def leases(self) -> int:
        return self.of(" leases.")

    @property
    def objects(self) -> int:
        """All but Events and the Lease."""
        return sum(self.by_kind.values()) - self.events - self.leases

    def __str__(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in sorted(self.by_kind.items()))


class AuditLog:
    """Counts from the moment of its making, or of the last `mark`."""

    def __init__(self, path: Path, user_agent: str) -> None:
        self._path = path
        self._user_agent = user_agent
        self.mark()

    def mark(self) -> None:
        self._offset = self._path.stat().st_size

    def written(self, namespace: str, prefix: str = "") -> Written:
        """``prefix``: how the names of the objects begin that are counted."""
        counts: Counter[str] = Counter()
        with self._path.open("rb") as log:
            log.seek(self._offset)
            for line in log:
                if line.endswith(b"\n"):
                    entry = json.loads(line)
                    if self._is_ours(entry, namespace, prefix):
                        counts[_kind(entry)] += 1
        return Written(dict(counts))

    def _is_ours(self, entry: Mapping[str, Any], namespace: str, prefix: str) -> bool:
        return (
            entry["verb"] in WRITES
            and entry.get("userAgent", "").startswith(self._user_agent)
            and entry.get("objectRef", {}).get("namespace") == namespace
            and entry["objectRef"].get("name", "").startswith(prefix)
            and entry.get("responseStatus", {}).get("code", 500) < 300
        )


def _kind(entry: Mapping[str, Any]) -> str:
    target = entry["objectRef"]
    group = f".{target['apiGroup']}" if target.get("apiGroup") else ""
    subresource = f"/{target['subresource']}" if target.get("subresource") else ""
    return f"{entry['verb']} {target['resource']}{group}{subresource}"
