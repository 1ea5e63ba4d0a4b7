"""The status tree: where each object stands, what is said about it, and how it is drawn."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from trimtab.cli import rows, tree
from trimtab.cli.drawing import ASCII, draw
from trimtab.cli.rows import Row, State
from trimtab.model.kinds import DEPLOYMENT, DRIFT_MONITOR, EXPERIMENT, MODEL_VERSION

Object = dict[str, Any]


def ready(value: str, reason: str = "Because", message: str = "") -> Object:
    return {"type": "Ready", "status": value, "reason": reason, "message": message}


def obj(name: str, spec: Object, status: Object | None = None, **meta: Any) -> Object:
    made = {"metadata": {"name": name, "namespace": "ml", "uid": f"uid-{name}", **meta}, "spec": spec}
    return made if status is None else made | {"status": status}


def experiment(name: str, status: Object | None = None, **meta: Any) -> Object:
    return obj(name, {"model": "flights"}, status, **meta)


def version(number: int, by: str, status: Object | None = None) -> Object:
    spec = {"model": "flights", "version": number, "lineage": {"experiment": {"uid": f"uid-{by}"}}}
    return obj(f"flights-v{number}", spec, status or {"phase": "Approved", "conditions": [ready("True")]})


def deployment(stable: int | None = None, candidate: int | None = None, **status: Any) -> Object:
    sides = {"stable": stable, "candidate": candidate}
    named = {side: {"modelVersion": f"flights-v{n}"} for side, n in sides.items() if n}
    conditions = {"phase": "Ready", "conditions": [ready("True")]}
    return obj("flights", {"model": {"name": "flights"}}, conditions | named | status)


def monitor(status: Object | None = None, of: str = "flights") -> Object:
    return obj("watch", {"deploymentRef": {"name": of}}, status)


def objects(*, experiments: Any = (), versions: Any = (), deployments: Any = (), monitors: Any = ()) -> Any:
    return {
        EXPERIMENT.id: list(experiments),
        MODEL_VERSION.id: list(versions),
        DEPLOYMENT.id: list(deployments),
        DRIFT_MONITOR.id: list(monitors),
    }


def outline(trees: tuple[Row, ...]) -> list[Any]:
    """Labels only, children as a list after their parent."""
    result: list[Any] = []
    for row in trees:
        result += [row.label, outline(row.children)] if row.children else [row.label]
    return result


def labels(trees: tuple[Row, ...]) -> list[str]:
    return [label for row in trees for label in (row.label, *labels(row.children))]


WHOLE = objects(
    experiments=[experiment("summer", creationTimestamp="2"), experiment("winter", creationTimestamp="1")],
    versions=[version(1, "winter"), version(2, "summer")],
    deployments=[deployment(stable=1, candidate=2)],
    monitors=[monitor()],
)


@pytest.mark.parametrize(
    ("given_", "expected", "why"),
    [
        (objects(), [], "nothing there is nothing shown"),
        (
            WHOLE,
            [
                "experiment winter",
                ["version flights-v1", ["deployment flights", ["monitor watch"]]],
                "experiment summer",
                ["version flights-v2", ["deployment flights"]],
            ],
            "a Deployment stands under both sides of its rollout, its monitor under the one that serves",
        ),
        (
            objects(versions=[version(10, "gone"), version(2, "gone")]),
            ["version flights-v2", "version flights-v10"],
            "versions outlive their Experiment, and numbers are ordered as numbers",
        ),
        (
            objects(deployments=[deployment()], monitors=[monitor()]),
            ["deployment flights", ["monitor watch"]],
            "a Deployment that serves nothing yet is shown too",
        ),
        (
            objects(deployments=[deployment(stable=3)]),
            ["deployment flights"],
            "so is one whose version was deleted: it goes on serving",
        ),
        (
            objects(versions=[version(2, "gone")], deployments=[deployment(stable=1, candidate=2)]),
            ["version flights-v2", ["deployment flights"]],
            "one side is enough",
        ),
        (objects(monitors=[monitor(of="other")]), ["monitor watch"], "a monitor of a missing Deployment"),
        ({EXPERIMENT.id: [experiment("one")]}, ["experiment one"], "kinds that were not read"),
    ],
)
def test_where_objects_stand(given_: Any, expected: list[Any], why: str) -> None:
    assert outline(tree.forest(given_)) == expected, why


@given(st.lists(st.sampled_from("abc"), unique=True), st.lists(st.integers(1, 5), unique=True), st.data())
def test_no_object_is_lost_whatever_refers_to_what(names: list[str], numbers: list[int], data: Any) -> None:
    maker = st.sampled_from([*"abcd"])
    sides = st.none() | st.integers(1, 6)
    given_ = objects(
        experiments=[experiment(name) for name in names],
        versions=[version(number, data.draw(maker)) for number in numbers],
        deployments=[deployment(data.draw(sides), data.draw(sides))],
        monitors=[monitor(of=data.draw(st.sampled_from(["flights", "other"])))],
    )
    shown = labels(tree.forest(given_))
    once = [f"experiment {name}" for name in names] + [f"version flights-v{n}" for n in numbers]
    assert all(shown.count(label) == 1 for label in [*once, "monitor watch"])
    assert shown.count("deployment flights") in (1, 2)


def test_namespaces_stand_apart() -> None:
    other = experiment("winter", namespace="risk")
    trees = tree.by_namespace(objects(experiments=[experiment("winter"), other]))
    assert outline(trees) == ["namespace ml", ["experiment winter"], "namespace risk", ["experiment winter"]]


FAILED = {"type": "Stalled", "status": "True", "reason": "GateFailed"}
WORKING = {"type": "Reconciling", "status": "True", "reason": "Training"}


@pytest.mark.parametrize(
    ("row", "expected", "why"),
    [
        (rows.experiment(experiment("e")), ("-", "no operator has looked at it yet", State.UNKNOWN), "new"),
        (
            rows.experiment(experiment("e", {"phase": "Succeeded", "conditions": [ready("True")]})),
            ("Succeeded", "", State.GOOD),
            "what is well needs no words",
        ),
        (
            rows.experiment(
                experiment(
                    "e",
                    {"phase": "GateFailed", "conditions": [ready("False", "GateFailed", "auc 0.4"), FAILED]},
                )
            ),
            ("GateFailed", "GateFailed: auc 0.4", State.BAD),
            "reason and message of what is not",
        ),
        (
            rows.experiment(
                experiment("e", {"phase": "Training", "conditions": [ready("False", "Training"), WORKING]})
            ),
            ("Training", "Training", State.WORKING),
            "under way",
        ),
        (
            rows.experiment(experiment("e", {"phase": "Training"}, deletionTimestamp="now")),
            ("Deleting", "no operator has looked at it yet", State.WORKING),
            "what is being deleted says so",
        ),
        (
            rows.experiment(
                obj(
                    "e",
                    {"trigger": {"kind": "DriftMonitor", "name": "watch", "decision": "d-41"}},
                    {"phase": "Training", "conditions": [ready("False", "Training"), WORKING]},
                )
            ),
            ("Training", "by monitor watch, decision d-41; Training", State.WORKING),
            "a retraining says who asked for it",
        ),
        (
            rows.model_version(
                version(
                    2,
                    "e",
                    {
                        "phase": "Approved",
                        "conditions": [ready("True")],
                        "quarantinedBy": [{"deployment": "flights", "reason": "AnalysisFailed"}],
                    },
                )
            ),
            ("Approved", "quarantined by flights: AnalysisFailed", State.BAD),
            "approved, and yet given up",
        ),
        (
            rows.deployment(deployment(stable=1, replicas=3), "stable"),
            ("Ready", "stable, 3 ready", State.GOOD),
            "pods count for the side that serves",
        ),
        (
            rows.deployment(
                deployment(
                    stable=1,
                    candidate=2,
                    phase="Progressing",
                    step={"index": 1},
                    weight={"desired": 25, "applied": 20},
                    conditions=[ready("False", "Analyzing", "errors: 210 of 500"), WORKING],
                ),
                "candidate",
            ),
            ("Progressing", "candidate, step 1, weight 20 %, Analyzing: errors: 210 of 500", State.WORKING),
            "step and weight for the side that is to take over",
        ),
        (
            rows.deployment(
                deployment(
                    stable=1,
                    candidate=2,
                    replicas=2,
                    phase="Progressing",
                    conditions=[ready("False", "Analyzing")],
                ),
                "stable",
            ),
            ("Progressing", "stable, 2 ready", State.UNKNOWN),
            "what the rollout waits for is said once",
        ),
        (
            rows.drift_monitor(
                monitor(
                    {
                        "phase": "Drifted",
                        "conditions": [ready("True")],
                        "decision": {
                            "id": "d-41",
                            "action": "Retrain",
                            "state": "Suppressed",
                            "reason": "Cooldown",
                        },
                    }
                )
            ),
            ("Drifted", "decision d-41: Retrain Suppressed Cooldown", State.WARNING),
            "a monitor that works well and has found something",
        ),
        (
            rows.drift_monitor(
                monitor(
                    {
                        "phase": "Healthy",
                        "conditions": [ready("True")],
                        "decision": {"id": "d-41", "action": "Retrain", "state": "Executed", "endedAt": "t"},
                    }
                )
            ),
            ("Healthy", "", State.GOOD),
            "what is over is in its history",
        ),
    ],
)
def test_what_is_said(row: Row, expected: tuple[str, str, State], why: str) -> None:
    assert (row.phase, row.detail, row.state) == expected, why


def test_trials_and_gates() -> None:
    status = {
        "winner": 1,
        "trials": [
            {"index": 1, "phase": "Succeeded", "objective": "0.51"},
            {"index": 2, "phase": "Failed", "reason": "ImagePullError", "message": "not found"},
            {"index": 3},
        ],
        "gates": [
            {
                "metric": "auc",
                "verdict": "Pass",
                "challenger": "0.7",
                "champion": "0.6",
                "difference": "0.1",
            },
            {"metric": "logLoss", "verdict": "Invalid", "reason": "NoChampion"},
        ],
    }
    shown = [(r.label, r.phase, r.detail, r.state) for r in rows.experiment(experiment("e", status)).children]
    assert shown == [
        ("trial 1", "Succeeded", "objective 0.51, winner", State.GOOD),
        ("trial 2", "Failed", "ImagePullError: not found", State.BAD),
        ("trial 3", "Pending", "", State.UNKNOWN),
        ("gate auc", "Pass", "0.7, champion 0.6, better by 0.1", State.GOOD),
        ("gate logLoss", "Invalid", "NoChampion", State.BAD),
    ]


def test_many_trials_are_counted() -> None:
    phases = ["Succeeded"] * 40 + ["Running"] * 2 + ["Failed"] * 8
    trials = [{"index": i, "phase": phase} for i, phase in enumerate(phases, 1)]
    *shown, rest = rows.experiment(experiment("e", {"winner": 7, "trials": trials})).children
    assert [row.label for row in shown] == [f"trial {i}" for i in (7, 41, 42, 43, 44, 45)]
    assert (rest.label, rest.detail) == ("44 more trials", "39 Succeeded, 5 Failed")


SMALL = (
    Row("experiment winter", "Succeeded", state=State.GOOD).under(
        Row("trial 1", "Failed", "ImagePullError: the image registry.example/flights:1 does not exist"),
        Row("version flights-v1", "Approved").under(Row("deployment flights", "Ready", "stable, 3 ready")),
    ),
)


def test_columns_are_aligned_and_long_words_wrap_under_theirs() -> None:
    assert [line.plain.rstrip() for line in draw(SMALL, 64)] == [
        "experiment winter         Succeeded",
        "├─ trial 1                Failed     ImagePullError: the image",
        "│                                    registry.example/flights:1",
        "│                                    does not exist",
        "└─ version flights-v1     Approved",
        "   └─ deployment flights  Ready      stable, 3 ready",
    ]


def test_without_utf_8_the_guides_are_ascii() -> None:
    assert all(line.plain.isascii() for line in draw(SMALL, 80, ASCII))


TEXT = st.text("ab c-é", max_size=200)


@given(st.recursive(
    st.builds(Row, st.text("abc", min_size=1, max_size=20), TEXT.map(str.strip).map(lambda t: t[:12]), TEXT),
    lambda rows_: st.builds(
        lambda row, below: row.under(*below),
        st.builds(Row, st.text("abc", min_size=1, max_size=20), st.just("Ready"), TEXT),
        st.lists(rows_, max_size=3),
    ),
    max_leaves=8,
), st.integers(80, 200))  # fmt: skip
def test_no_line_is_wider_than_the_terminal_and_no_word_is_lost(row: Row, width: int) -> None:
    lines = draw((row,), width)
    assert max(cell_len(line.plain) for line in lines) <= width
    drawn = "".join("".join(line.plain.replace("│", "").split()) for line in lines)
    assert "".join(row.detail.split()) in drawn
