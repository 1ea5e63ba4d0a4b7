"""How the benchmarks count, and the table they end in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.bench.__main__ import BEGIN, END, _keep
from tests.bench.audit import AuditLog
from tests.bench.latency import Latencies, latencies
from tests.bench.measure import Measure, table
from tests.cluster.cache import CLONE

PAGE = """\
# TYPE trimtab_reconcile_seconds histogram
trimtab_reconcile_seconds_bucket{kind="Deployment",outcome="idle",le="0.001"} 40.0
trimtab_reconcile_seconds_bucket{kind="Deployment",outcome="idle",le="0.01"} 80.0
trimtab_reconcile_seconds_bucket{kind="Deployment",outcome="idle",le="+Inf"} 80.0
trimtab_reconcile_seconds_bucket{kind="Deployment",outcome="written",le="0.001"} 0.0
trimtab_reconcile_seconds_bucket{kind="Deployment",outcome="written",le="0.01"} 18.0
trimtab_reconcile_seconds_bucket{kind="Deployment",outcome="written",le="+Inf"} 20.0
trimtab_reconcile_seconds_bucket{kind="Experiment",outcome="idle",le="+Inf"} 7.0
"""


def test_all_outcomes_of_a_kind_count_together() -> None:
    assert latencies(PAGE, "Deployment").cumulative == ((0.001, 40.0), (0.01, 98.0), (float("inf"), 100.0))
    assert latencies(PAGE, "ModelVersion").count == 0


@pytest.mark.parametrize(
    ("share", "seconds", "why"),
    [
        (0.2, 0.0005, "half way into the first bucket"),
        (0.4, 0.001, "exactly its edge"),
        (0.5, 0.001 + 0.009 * 10 / 58, "inside the second"),
        (0.99, 0.01, "beyond the last finite edge nothing is known"),
    ],
)
def test_quantiles(share: float, seconds: float, why: str) -> None:
    assert latencies(PAGE, "Deployment").quantile(share) == pytest.approx(seconds), why


def test_no_passes_have_no_duration() -> None:
    assert Latencies(()).quantile(0.5) == 0.0


def entry(verb: str, resource: str, *, agent: str = "trimtab/0.1", code: int = 200, **ref: str) -> Any:
    target = {"resource": resource, "namespace": "ml", **ref}
    return {"verb": verb, "userAgent": agent, "objectRef": target, "responseStatus": {"code": code}}


def test_accepted_writes_of_one_program_in_one_namespace_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text(json.dumps(entry("create", "jobs", apiGroup="batch")) + "\n")
    log = AuditLog(path, "trimtab/")
    later = [
        entry("update", "deployments", apiGroup="trimtab.dev", subresource="status"),
        entry("update", "deployments", apiGroup="trimtab.dev", subresource="status"),
        entry("patch", "services"),
        entry("create", "events"),
        entry("update", "leases", apiGroup="coordination.k8s.io"),
        entry("patch", "services", code=409),
        entry("patch", "services", agent="kubectl/1"),
        entry("patch", "services", namespace="other"),
        entry("list", "services"),
    ]
    with path.open("a") as out:
        out.write("".join(json.dumps(line) + "\n" for line in later) + '{"verb": "pa')
    written = log.written("ml")
    assert written.by_kind == {
        "update deployments.trimtab.dev/status": 2,
        "patch services": 1,
        "create events": 1,
        "update leases.coordination.k8s.io": 1,
    }
    assert (written.objects, written.events, written.leases, written.of("/status")) == (3, 1, 1, 2)


def test_the_table_names_what_misses_its_target() -> None:
    text = table([Measure("a", "1 ms", "< 5 ms"), Measure("bb", "6 ms", "< 5 ms", "peer: 7", met=False)])
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert rows[2:] == [["a", "1 ms", "< 5 ms", ""], ["bb", "6 ms", "< 5 ms **missed**", "peer: 7"]]
    assert len({len(line) for line in text.splitlines()}) == 1, "aligned"


def test_the_page_keeps_the_latest_table_and_the_words_around_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{BEGIN}\nold\n{END}\n\nafter\n")
    for _ in range(2):
        _keep(page, "new \\1")
    assert page.read_text() == f"before\n\n{BEGIN}\n\nnew \\1\n\n{END}\n\nafter\n"


def test_the_page_of_the_repository_has_the_headings() -> None:
    text = (CLONE / "docs" / "benchmarks.md").read_text()
    assert text.index(BEGIN) < text.index(END)
