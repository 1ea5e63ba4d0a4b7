"""When a ModelVersion may be served: only when the Experiment that made it says so itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.unit.operator import samples
from tests.unit.operator.samples import NOW, condition, history_ids
from tests.unit.operator.schema_limits import assert_storable

from trimtab.apis.v1alpha1.modelversion import ModelVersionSpec, ModelVersionStatus
from trimtab.experiment.register import version_body
from trimtab.modelversion.decide import decide
from trimtab.modelversion.observed import ModelVersionObserved, OriginObserved

SPEC = ModelVersionSpec.model_validate(
    version_body(samples.observed(samples.registering()), samples.artifact(), 3)["spec"]
)


def origin(**parts: Any) -> OriginObserved:
    known: dict[str, Any] = {
        "uid": samples.UID,
        "result": "flights-v3",
        "final": True,
        "digest": samples.MODEL,
        "image": samples.IMAGE,
    }
    return OriginObserved(**(known | parts))


def observed(
    seen: OriginObserved | None, status: ModelVersionStatus | None = None, generation: int = 1
) -> ModelVersionObserved:
    return ModelVersionObserved(
        name="flights-v3",
        namespace="ml",
        uid="uid-of-v3",
        generation=generation,
        spec=SPEC,
        status=status or ModelVersionStatus(),
        origin=seen,
    )


@pytest.mark.parametrize(
    ("seen", "phase", "ready", "stalled", "why"),
    [
        (origin(), "Approved", ("True", "Approved"), None, "named by its own Experiment"),
        (
            origin(result="", final=False),
            "Registered",
            ("False", "AwaitingExperiment"),
            None,
            "registered, and its Experiment has not noted it yet",
        ),
        (
            None,
            "Registered",
            ("False", "UnknownOrigin"),
            ("True", "UnknownOrigin"),
            "made by hand: no such Experiment",
        ),
        (
            origin(uid=samples.OTHER_UID),
            "Registered",
            ("False", "UnknownOrigin"),
            ("True", "UnknownOrigin"),
            "another Experiment of the same name is another one",
        ),
        (
            origin(result="flights-v2"),
            "Registered",
            ("False", "UnknownOrigin"),
            ("True", "UnknownOrigin"),
            "its Experiment made another version",
        ),
        (
            origin(result="", final=True),
            "Registered",
            ("False", "UnknownOrigin"),
            ("True", "UnknownOrigin"),
            "its Experiment ended without a version",
        ),
        (
            origin(digest=samples.digest("0")),
            "Registered",
            ("False", "UnknownOrigin"),
            ("True", "UnknownOrigin"),
            "deleted and made again under the same name with other bytes",
        ),
        (
            origin(image="evil@" + samples.digest("0")),
            "Registered",
            ("False", "UnknownOrigin"),
            ("True", "UnknownOrigin"),
            "the same bytes, to be run by another image",
        ),
    ],
)
def test_origins(seen: Any, phase: str, ready: Any, stalled: Any, why: str) -> None:
    plan = decide(observed(seen), NOW)
    assert plan.status is not None
    assert plan.status["phase"] == phase, why
    assert condition(plan.status, "Ready") == ready, why
    assert condition(plan.status, "Stalled") == stalled, why
    assert condition(plan.status, "Approved") == ("True" if phase == "Approved" else "False", ready[1]), why
    assert_storable("ModelVersion", plan.status)


@pytest.mark.parametrize("seen", [origin(), origin(result="", final=False), None])
def test_the_planned_status_needs_no_second_write(seen: OriginObserved | None) -> None:
    status = ModelVersionStatus.model_validate(decide(observed(seen), NOW).status)
    assert decide(observed(seen, status), NOW + timedelta(days=1)).is_empty


def test_approved_once_is_approved_for_good() -> None:
    approved = ModelVersionStatus.model_validate(decide(observed(origin()), NOW).status)
    assert decide(observed(None, approved), NOW).is_empty, (
        "its Experiment may be deleted: the bytes are pinned"
    )
    later = decide(observed(None, approved, generation=2), NOW)
    assert later.status is not None
    assert (later.status["phase"], history_ids(later.status)) == ("Approved", ["approved"])


def test_approval_comes_when_the_experiment_names_it() -> None:
    waiting = ModelVersionStatus.model_validate(decide(observed(origin(result="", final=False)), NOW).status)
    plan = decide(observed(origin(), waiting), NOW)
    assert plan.status is not None
    assert plan.status["phase"] == "Approved"
    assert condition(plan.status, "Reconciling") is None
