"""Lists in the pages that the code decides: reasons, metrics, configuration, values, rights."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel
from tests.unit.docs.pages import CLONE, code, marked_tables, prose, written_pages

from trimtab.apis import crd
from trimtab.deployment.runtimes import RUNTIMES, TRIMTAB, formats_of, presets_of
from trimtab.runtime import admission
from trimtab.runtime.metrics import Metrics
from trimtab.runtime.rbac import IN_WATCHED_NAMESPACES, Grant
from trimtab.runtime.settings import OperatorConfiguration

SUFFIXES = {"counter": "_total"}


def kinds_with_reasons() -> list[str]:
    """One module per kind that is served: a kind that is not in the CRDs yet is not documented either."""
    return [f"trimtab.{kind.name.lower()}.reasons" for kind in crd.KINDS]


def rows(kind: str, name: str) -> list[tuple[str, ...]]:
    found = [row for table in marked_tables(kind, name) for row in table.rows]
    assert found, f"no table is marked {kind}: {name}"
    return found


@pytest.mark.parametrize("module", kinds_with_reasons())
def test_reasons_are_the_closed_list(module: str) -> None:
    documented = [code(row[0]) for row in rows("reasons", module)]
    reasons = [str(reason) for reason in importlib.import_module(module).Reason]
    assert sorted(documented) == sorted(reasons), "each reason stands in exactly one table"
    assert all(row[1] for row in rows("reasons", module)), "each says what it means"


def test_metrics_are_those_the_operator_exports() -> None:
    collectors = [value for value in vars(Metrics()).values() if isinstance(value, MetricWrapperBase)]
    exported = {
        (
            c._name + SUFFIXES.get(str(c._type), ""),
            c._type,
            ", ".join(f"`{label}`" for label in c._labelnames),
        )
        for c in collectors
    }
    documented = {(code(row[0]), row[1], row[2]) for row in rows("metrics", "trimtab.runtime.metrics")}
    assert documented == exported


def test_configuration_fields_and_defaults() -> None:
    documented = {code(row[0]): row[1] for row in rows("table", "configuration")}
    fields = dict(configuration_fields(OperatorConfiguration))
    assert set(documented) == set(fields)
    for name, default in fields.items():
        shown = documented[name]
        if default is None:
            assert shown in ("", "required"), name
        elif default not in ("", ()) and name != "identity":
            assert shown == f"`{_plain(default)}`", name


def configuration_fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted wire name -> default; None where there is none."""
    for name, info in model.model_fields.items():
        path = f"{prefix}{info.alias or name}"
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from configuration_fields(info.annotation, f"{path}.")
        else:
            yield path, None if info.is_required() else info.default


def test_chart_values() -> None:
    documented = {code(row[0]): row[1] for row in rows("table", "chart values")}
    values = dict(chart_values(yaml.safe_load((CLONE / "charts/trimtab/values.yaml").read_text())))
    assert set(documented) == set(values)
    for name, default in values.items():
        if isinstance(default, bool | int) or (isinstance(default, str) and default):
            assert documented[name] == f"`{_plain(default)}`", name


def chart_values(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value and name != "resources":
            yield from chart_values(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


@pytest.mark.parametrize(
    ("table", "grants"),
    [("IN_WATCHED_NAMESPACES", IN_WATCHED_NAMESPACES), ("approver", admission.approver())],
)
def test_rights_are_the_table_of_the_code(table: str, grants: Iterable[Grant]) -> None:
    documented = {code(row[0]): row[1] for row in rows("rights", table)}
    assert documented == {grant.full_resource: ", ".join(grant.verbs) for grant in grants}


def test_runtimes_are_those_of_the_table() -> None:
    """Which formats each serves, and what a canary on it is judged by."""
    documented = {code(row[0]): (row[2], row[3]) for row in rows("table", "runtimes")}
    assert documented == {
        name: (", ".join(formats_of(name)), ", ".join(presets_of(name)) or "pod health only")
        for name in (TRIMTAB, *RUNTIMES)
    }


def test_phases_are_explained() -> None:
    for kind in crd.KINDS:
        page = f"{kind.name.lower()}.md"
        text = prose(CLONE / "docs" / page)
        status = crd.definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for phase in status["properties"]["status"]["properties"]["phase"]["enum"]:
            assert f"\n| {phase} |" in text, f"{page}: {phase}"


def test_every_kind_is_introduced() -> None:
    """In the README, the concepts, and a guide of its own."""
    pages = {page.relative_to(CLONE).as_posix() for page in written_pages()}
    for kind in crd.KINDS:
        assert f"`{kind.name}`" in prose(CLONE / "README.md")
        assert f"| `{kind.name}` | `{kind.short_name}` |" in prose(CLONE / "docs/concepts.md")
        assert f"docs/{kind.name.lower()}.md" in pages


def _plain(default: Any) -> str:
    match default:
        case bool():
            return str(default).lower()
        case float():
            return f"{default:g}"
        case _:
            return str(default)
