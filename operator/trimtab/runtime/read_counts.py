"""Reads what a source holds of the pods of both sides into the pages that these pods would have shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from trimtab.apis.v1alpha1.analysis import Metric
from trimtab.deployment.counted import CountLook, mapping_for
from trimtab.deployment.observed import PodObserved
from trimtab.deployment.pod_counters import SideName
from trimtab.deployment.queries import Look, Sample
from trimtab.deployment.runtimes import MetricMapping
from trimtab.sources.mapped_page import MappedReader
from trimtab_runtime.contract.errors import ContractError
from trimtab_runtime.contract.page import ServerPage

POD_LABEL = "pod"


def count_look(
    metric: Metric,
    look: Look,
    pods: Mapping[SideName, Sequence[PodObserved]],
    mappings: Mapping[SideName, MetricMapping],
) -> CountLook:
    """Only pods that are known to be ours are looked for: labels name them, and give them no side."""
    pages: dict[str, tuple[SideName, ServerPage]] = {}
    missing, problems = [], [look.problem] if look.problem else []
    for side, mapping in mappings.items():
        answer = look.candidate if side == "candidate" else look.stable
        series = _by_pod(answer.samples if answer else ())
        reader = MappedReader("", mapping_for(metric, mapping))
        for pod in pods[side]:
            samples = series.get(pod.name, ())
            if samples:
                try:
                    pages[pod.uid] = (side, reader.page_of(_of_one_target(samples)))
                except ContractError as error:
                    problems.append(f"pod {pod.name}: {error.field}: {error.message}")
                except _TwoTargets:
                    problems.append(f"pod {pod.name} is scraped by two jobs: keep one")
            elif pod.ready and not pod.deleting:
                missing.append(pod.name)
    staying = frozenset(pod.uid for members in pods.values() for pod in members if not pod.deleting)
    return CountLook(look.at, pages, staying, tuple(missing), "; ".join(problems[:3]))


class _TwoTargets(Exception):
    """The source has every series of a pod twice: which of them is newer cannot be told."""


def _by_pod(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    series: dict[str, list[Sample]] = {}
    for sample in samples:
        series.setdefault(sample.labels.get(POD_LABEL, ""), []).append(sample)
    return series


def _of_one_target(samples: Sequence[Sample]) -> Sequence[Sample]:
    if len({(sample.labels.get("job"), sample.labels.get("instance")) for sample in samples}) > 1:
        raise _TwoTargets
    return samples
