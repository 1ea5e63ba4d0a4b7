"""Labels that clients sent back for the answers of either side.

A label goes to any pod behind the Service and names the model whose answer it is about: so all pages are read
for the labels of each side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trimtab.deployment.pod_counters import SideName
from trimtab_runtime.contract.counts import ServerCounts
from trimtab_runtime.contract.page import ServerPage

POSITIVE = "1"


@dataclass(frozen=True)
class Labels:
    """How many labels, and how many of them are 1."""

    total: int = 0
    positive: int = 0

    def __sub__(self, before: Labels) -> Labels:
        return Labels(self.total - before.total, self.positive - before.positive)


def sides_of_digests(pages: Iterable[tuple[SideName, ServerPage]]) -> dict[str, SideName]:
    """Which side answers with which model; nothing if both answer with the same one."""
    found = {(page.model_digest, side) for side, page in pages}
    digests = dict(found)
    return digests if len(digests) == len(found) else {}


def with_labels(
    labels: Mapping[SideName, Labels], grown: ServerCounts, answered_by: Mapping[str, SideName]
) -> dict[SideName, Labels]:
    """``labels`` and those of one more page."""
    total = dict(labels)
    for key, count in grown.feedback().items():
        side = answered_by.get(key.model_digest)
        if side is not None:
            known = total[side]
            more = count if key.label == POSITIVE else 0
            total[side] = Labels(known.total + count, known.positive + more)
    return total
