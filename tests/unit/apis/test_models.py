"""The models at the API edge: strict for users, lenient for newer operators, exact on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from trimtab.apis.v1alpha1.data import DataContract
from trimtab.apis.v1alpha1.experiment_status import ExperimentStatus, TrialStatus
from trimtab.apis.v1alpha1.gates import Gate
from trimtab.apis.v1alpha1.meta import Time, deadline_seconds, duration_seconds
from trimtab.apis.v1alpha1.trial import EnvVar, Resources, TrialTemplate


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90.0), ("1h30m", 5400.0), ("250ms", 0.25), ("1m0s500ms", 60.5), ("0s", 0.0)],
)
def test_durations_are_go_style(text: str, seconds: float) -> None:
    assert duration_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "seconds"), [("1500ms", 2), ("10m", 600), ("1s", 1)])
def test_deadlines_are_rounded_up(text: str, seconds: int) -> None:
    assert deadline_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "1d", "-1s", "1.5h", "s", "1 s"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="deadline"):
        TrialTemplate(image="x", deadline=text)


def test_an_unknown_field_of_a_spec_is_an_error() -> None:
    with pytest.raises(ValidationError, match="valueFrom"):
        EnvVar.model_validate({"name": "A", "valueFrom": {}})


def test_an_unknown_field_of_a_status_is_ignored() -> None:
    newer = {"phase": "Training", "fromTheFuture": 1, "trials": [{"index": 1, "fromTheFuture": 2}]}
    assert ExperimentStatus.model_validate(newer).trials == (TrialStatus(index=1),)


def test_the_wire_is_camel_case_and_without_what_is_absent() -> None:
    gate = Gate(metric="auc", not_worse_than="Champion", tolerance="0")
    assert gate.to_wire() == {"metric": "auc", "notWorseThan": "Champion", "tolerance": "0"}
    assert TrialStatus(index=1, attempt=1).to_wire() == {
        "index": 1,
        "attempt": 1,
        "phase": "Pending",
        "message": "",
    }


@pytest.mark.parametrize("written", ["2026-01-02T03:04:05Z", "2026-01-02T04:04:05.999+01:00"])
def test_times_are_kept_in_utc_to_the_second(written: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(Time)
    parsed = adapter.validate_python(written)
    assert parsed == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert adapter.dump_python(parsed, mode="json") == "2026-01-02T03:04:05Z"


def test_a_time_made_in_python_is_normalised_too() -> None:
    east = datetime(2026, 1, 2, 4, 4, 5, 7, tzinfo=timezone(timedelta(hours=1)))
    trial = TrialStatus(index=1, started_at=east)
    assert trial.to_wire()["startedAt"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(("written", "read"), [(2, "2"), ("500m", "500m"), ("1.5Gi", "1.5Gi")])
def test_quantities_may_be_integers(written: object, read: str) -> None:
    assert Resources.model_validate({"requests": {"cpu": written}}).requests == {"cpu": read}


@pytest.mark.parametrize("written", [True, 0.5, "", "1 Gi", "-1", "1e3"])
def test_other_quantities_are_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        Resources.model_validate({"requests": {"cpu": written}})


def test_features_are_the_declared_columns_but_three_in_order_of_name() -> None:
    columns: Any = {name: {"type": "string"} for name in ("temp", "date", "carrier", "late", "when")}
    contract = DataContract(label="late", time_column="when", group_column="date", columns=columns)
    assert contract.feature_names == ("carrier", "temp")


def test_models_are_immutable() -> None:
    trial = TrialStatus(index=1)
    with pytest.raises(ValidationError, match="frozen"):
        trial.attempt = 2  # type: ignore[misc]
