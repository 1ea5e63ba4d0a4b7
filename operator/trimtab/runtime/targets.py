"""Pods as scrape targets: by the address in their status, port and runtime of their frozen template, and a
reader that knows the pages of their version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trimtab.deployment.observed import PodObserved, RevisionRecord, WorkloadObserved
from trimtab.deployment.runtimes import RUNTIMES, TRIMTAB, runtime_of
from trimtab.deployment.template import METRICS
from trimtab.experiment.observed import Artifact, Problem
from trimtab.sources.mapped_page import MappedReader
from trimtab.sources.scrape import Reader, Target
from trimtab_runtime.contract.page import PageReader

READERS_LIMIT = 1000


@dataclass(frozen=True)
class Endpoint:
    """Where the pods of a revision have their metrics, and whose pages these are."""

    port: int = 0
    runtime: str = TRIMTAB


class Targets:
    """Keeps one reader per version: pages of one shape are checked once, then only read."""

    def __init__(self) -> None:
        self._readers: dict[str, Reader] = {}

    def of(
        self,
        pods: Iterable[PodObserved],
        *,
        digest: str,
        artifact: Artifact | Problem | None,
        endpoint: Endpoint,
        answers: bool = False,
    ) -> list[Target]:
        """The pods that have an address and count something. ``artifact`` is that of the version of
        ``digest``. ``answers``: they are asked for their answers as well."""
        if endpoint.runtime == TRIMTAB:
            reader = self._reader(digest, artifact)
        elif (mapping := RUNTIMES[endpoint.runtime].metrics) is not None:
            reader = MappedReader(digest, mapping)
        else:
            return []
        answers_of = digest if answers and endpoint.runtime == TRIMTAB else ""
        return [Target(p.uid, p.name, p.ip, endpoint.port, reader, answers_of) for p in pods if p.ip]

    def _reader(self, digest: str, artifact: Artifact | Problem | None) -> Reader:
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


def endpoint_of(
    records: Mapping[str, RevisionRecord], workloads: Mapping[str, WorkloadObserved], revision: str
) -> Endpoint:
    """As a revision's frozen template says; as its workload does, if somebody deleted the record. Without
    either it has no pods."""
    record, workload = records.get(revision), workloads.get(revision)
    if record is None and workload is None:
        return Endpoint()
    template = record.template if record else workload.body["spec"]["template"]  # type: ignore[union-attr]
    ports = template["spec"]["containers"][0]["ports"]
    port = next((port for port in ports if port["name"] == METRICS), ports[0])
    return Endpoint(int(port["containerPort"]), runtime_of(template))
