"""Pods as scrape targets: by the address in their status, the port of their frozen template, and a reader
that knows the pages of their version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trimtab.deployment.observed import PodObserved, RevisionRecord, WorkloadObserved
from trimtab.experiment.observed import Artifact, Problem
from trimtab.sources.scrape import Target
from trimtab_runtime.contract.page import PageReader

READERS_LIMIT = 1000


class Targets:
    """Keeps one reader per version: pages of one shape are checked once, then only read."""

    def __init__(self) -> None:
        self._readers: dict[str, PageReader] = {}

    def of(
        self,
        pods: Iterable[PodObserved],
        *,
        digest: str,
        artifact: Artifact | Problem | None,
        port: int,
    ) -> list[Target]:
        """The pods that have an address. ``artifact`` is that of the version of ``digest``."""
        reader = self._reader(digest, artifact)
        return [Target(pod.uid, pod.name, pod.ip, port, reader) for pod in pods if pod.ip]

    def _reader(self, digest: str, artifact: Artifact | Problem | None) -> PageReader:
        profile, profile_digest = (
            (artifact.profile, artifact.profile_digest) if isinstance(artifact, Artifact) else (None, "")
        )
        name = f"{digest}/{profile_digest}"
        reader = self._readers.get(name)
        if reader is None:
            if len(self._readers) >= READERS_LIMIT:
                self._readers.clear()
            reader = self._readers[name] = PageReader(digest, profile_digest, profile)
        return reader


def port_of(
    records: Mapping[str, RevisionRecord], workloads: Mapping[str, WorkloadObserved], revision: str
) -> int:
    """The port of a revision's frozen template; of its workload, if somebody deleted the record; 0 without
    either, and then it has no pods."""
    record, workload = records.get(revision), workloads.get(revision)
    if record is None and workload is None:
        return 0
    template = record.template if record else workload.body["spec"]["template"]  # type: ignore[union-attr]
    return int(template["spec"]["containers"][0]["ports"][0]["containerPort"])
