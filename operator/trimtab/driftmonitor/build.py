"""Builds what a retraining needs: the Experiment, and the ledger's ConfigMap. Neither has an owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trimtab.apis.v1alpha1.data import DataSource
from trimtab.driftmonitor.ledger import Entry, Ledger
from trimtab.driftmonitor.observed import DriftMonitorObserved, Template
from trimtab.model import names
from trimtab.model.kinds import CONFIG_MAP, DRIFT_MONITOR, EXPERIMENT
from trimtab.model.model_record import new_record
from trimtab.model.plan import Create, Replace

DECISION_PATH = ("spec", "trigger", "decision")


def tagged(source: DataSource) -> DataSource:
    """The entry as its tag has it: a digest that an earlier retraining pinned is left out."""
    uri, _, digest = source.uri.partition("@")
    has_tag = ":" in uri.removeprefix("oci://").rpartition("/")[2]
    return source.model_copy(update={"uri": uri}) if digest and has_tag else source


def experiment(observed: DriftMonitorObserved, template: Template, entry: Entry) -> Create:
    """The whole spec of the copied Experiment, its data pinned to the entry's digests.

    It belongs to nobody: deleting the monitor must not delete a model's history. Of equal name is only the
    same retraining, so one that another decision has made is looked at again.
    """
    copied = {key: value for key, value in template.wire.items() if key != "suspend"}
    spec = copied | {
        "data": [_pinned(source, entry.data) for source in template.spec.data],
        "trigger": {"kind": DRIFT_MONITOR.name, "name": observed.name, "decision": entry.decision},
    }
    body = {
        "apiVersion": EXPERIMENT.api_version,
        "kind": EXPERIMENT.name,
        "metadata": {
            "name": entry.name,
            "namespace": observed.namespace,
            "labels": {names.LABEL_MODEL: observed.model, names.LABEL_TRIGGER: observed.name},
        },
        "spec": spec,
    }
    return Create(EXPERIMENT, body, (DECISION_PATH, entry.decision), redecide_if_foreign=True)


def _pinned(source: DataSource, data: Mapping[str, str]) -> dict[str, Any]:
    uri = tagged(source).uri.partition("@")[0]
    return source.to_wire() | {"uri": f"{uri}@{data[source.name]}"}


def reservation(observed: DriftMonitorObserved, ledger: Ledger, entry: Entry) -> Create | Replace:
    """The entry in the model's ConfigMap. Its resourceVersion lets only one of two writers through."""
    data = ledger.with_entry(entry)
    if ledger.body is None:
        return new_record(observed.namespace, observed.model, data)
    return Replace(CONFIG_MAP, {**ledger.body, "data": data})
