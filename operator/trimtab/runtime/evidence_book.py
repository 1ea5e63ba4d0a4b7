"""The evidence of running rollouts between passes: read from its checkpoint once, then kept and grown."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from trimtab.apis.v1alpha1.deployment import Deployment
from trimtab.apis.v1alpha1.deployment_status import Side
from trimtab.cluster.cache import Cache
from trimtab.cluster.client import Client
from trimtab.deployment import checkpoint
from trimtab.deployment.agreement import Joined, joined
from trimtab.deployment.evidence import Evidence, ScrapeRound, advance, fallen
from trimtab.deployment.pod_counters import SideName, Unit
from trimtab.deployment.steps import step_key
from trimtab.deployment.turn import turn_name
from trimtab.model import names
from trimtab.model.kinds import CONFIG_MAP
from trimtab.runtime.metrics_watch import Round
from trimtab_runtime.contract.page import ServerPage

LONGEST_PASS_SECONDS = 15.0


@dataclass
class _Page:
    evidence: Evidence
    pages: dict[str, ServerPage] = field(default_factory=dict)
    round_number: int = 0
    ticked_at: float = field(default_factory=time.monotonic)
    common: frozenset[str] | None = None


class EvidenceBook:
    def __init__(self, client: Client, cache: Cache) -> None:
        self._client = client
        self._cache = cache
        self._open: dict[str, _Page] = {}

    def close(self, uid: str) -> None:
        """The Deployment has no candidate."""
        self._open.pop(uid, None)

    def keep(self, uid: str, evidence: Evidence) -> None:
        self._open[uid].evidence = evidence

    async def read(self, deployment: Deployment, candidate: Side, now: datetime) -> Evidence:
        """The evidence on this candidate: ours, else that of the checkpoint, else none yet.

        Raises checkpoint.UnreadableCheckpoint.
        """
        page = self._open.get(deployment.metadata.uid)
        if page is None or page.evidence.turn != turn_name(candidate):
            evidence = await self._stored(deployment, candidate) or Evidence(turn_name(candidate), now)
            page = self._open[deployment.metadata.uid] = _Page(evidence)
        return page.evidence

    def tick(self, uid: str, step: int, *, frozen: bool, stable_is_down: bool) -> Evidence:
        """Count the time since the last pass: for this step, unless the metrics cannot be read, and for how
        long stable has had no ready pod.

        A process that slept or was away counts no more than one long interval.
        """
        page = self._open[uid]
        passed = min(time.monotonic() - page.ticked_at, LONGEST_PASS_SECONDS)
        page.ticked_at = time.monotonic()
        down = page.evidence.stable_down_seconds + passed if stable_is_down else 0.0
        page.evidence = replace(page.evidence, stable_down_seconds=down)
        if not frozen:
            key = step_key(page.evidence.turn, step)
            seconds = dict(page.evidence.observed_seconds)
            seconds[key] = seconds.get(key, 0.0) + passed
            page.evidence = replace(page.evidence, observed_seconds=seconds)
        return page.evidence

    def grow(
        self,
        deployment: Deployment,
        round_: Round,
        sides: Mapping[str, SideName],
        leaving: frozenset[str],
        *,
        unit: Unit,
    ) -> Evidence:
        """Add a round of scrapes, once. ``sides``: side of each pod that exists; ``leaving``: those that are
        being deleted."""
        page = self._open[deployment.metadata.uid]
        if round_.number == page.round_number:
            return page.evidence
        usable = _usable(round_, sides)
        vanished = frozenset(page.evidence.pods.keys() - sides.keys())
        scraped = ScrapeRound(round_.at, usable, round_.failures, vanished, leaving)
        analysis = deployment.spec.rollout.analysis
        page.evidence = advance(page.evidence, scraped, page.pages, analysis, unit)
        page.pages = {uid: found for uid, (_, found) in usable.items()}
        page.round_number = round_.number
        return page.evidence

    def compare(
        self,
        uid: str,
        round_: Round,
        sides: Mapping[str, SideName],
        thresholds: Mapping[SideName, float],
    ) -> Evidence:
        """Add the answers of a round that both sides gave to the same requests. A look at the same round once
        more adds nothing."""
        page = self._open[uid]
        told = [(sides[pod], answers) for pod, answers in round_.answers.items() if pod in sides]
        after = joined(Joined(page.evidence.agreement, page.common), told, thresholds)
        page.evidence, page.common = replace(page.evidence, agreement=after.agreement), after.known
        return page.evidence

    def fallen(self, uid: str, round_: Round, sides: Mapping[str, SideName]) -> frozenset[str]:
        """Uids of pods whose pages cannot be true after what was read of them before."""
        return fallen(self._open[uid].evidence, _usable(round_, sides))

    async def _stored(self, deployment: Deployment, candidate: Side) -> Evidence | None:
        meta = deployment.metadata
        config_map = await self._client.find(CONFIG_MAP, meta.namespace, names.evidence_config_map(meta.name))
        if config_map is None:
            return None
        self._cache.put(CONFIG_MAP, config_map)
        try:
            stored = json.loads(config_map.get("data", {}).get(names.KEY_EVIDENCE, "{}"))
        except ValueError as error:
            raise checkpoint.UnreadableCheckpoint(str(error)) from error
        if stored.get("turn") != turn_name(candidate):
            return None  # that of an earlier rollout
        return checkpoint.load(stored)


def _usable(round_: Round, sides: Mapping[str, SideName]) -> dict[str, tuple[SideName, ServerPage]]:
    """The pages of pods that have a side."""
    return {uid: (sides[uid], found) for uid, found in round_.pages.items() if uid in sides}
