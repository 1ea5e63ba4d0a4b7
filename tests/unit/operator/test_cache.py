"""The cache and the staleness guard: old news is no news, the dead stay dead, lookups never lie."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator.effort import examples

from trimtab.cluster.cache import Cache, is_newer
from trimtab.cluster.staleness import StalenessGuard
from trimtab.model.kinds import DEPLOYMENT, EXPERIMENT, JOB, MODEL_VERSION, POD, WORKLOAD, Kind, ObjectKey
from trimtab.model.names import LABEL_MODEL


def made(
    version: int | str, name: str = "a", *, uid: str = "u1", owner: str = "", model: str = "", **spec: Any
) -> dict[str, Any]:
    owners = [{"uid": owner, "controller": True}, {"uid": "friend"}] if owner else []
    labels = {LABEL_MODEL: model} if model else {}
    meta = {"name": name, "namespace": "ml", "uid": uid, "resourceVersion": str(version)}
    return {"metadata": meta | {"ownerReferences": owners, "labels": labels}, "spec": spec}


def version_of(cache: Cache, name: str = "a", kind: Kind = JOB) -> str | None:
    found = cache.get(kind, "ml", name)
    return found["metadata"]["resourceVersion"] if found else None


@pytest.mark.parametrize(
    ("candidate", "known", "newer", "why"),
    [
        ("10", "9", True, "numbers, not texts"),
        ("9", "10", False, "older"),
        ("9", "9", False, "the same"),
        ("abc", "abd", True, "opaque: another one is taken as newer"),
        ("abc", "abc", False, "opaque, and the same"),
    ],
)
def test_order_of_versions(candidate: str, known: str, newer: bool, why: str) -> None:
    assert is_newer(candidate, known) is newer, why


def test_an_older_or_equal_copy_is_ignored() -> None:
    cache = Cache()
    assert cache.put(JOB, made(5, n=1))
    assert not cache.put(JOB, made(5, n=2))
    assert not cache.put(JOB, made(4, n=3))
    assert cache.put(JOB, made(6, n=4))
    assert cache.of(JOB)[0]["spec"] == {"n": 4}


def test_copies_are_trimmed_of_managed_fields_and_the_original_is_not_touched() -> None:
    cache, obj = Cache(), made(1)
    obj["metadata"]["managedFields"] = [{"manager": "x"}]
    cache.put(JOB, obj)
    assert "managedFields" not in cache.of(JOB)[0]["metadata"]
    assert "managedFields" in obj["metadata"]


def test_the_dead_are_not_raised_by_a_late_copy() -> None:
    cache = Cache()
    cache.put(JOB, made(5))
    cache.remove(JOB, made(7))
    assert not cache.put(JOB, made(6))
    assert version_of(cache) is None
    assert cache.put(JOB, made(8, uid="u2")), "made again"


def test_a_late_deletion_does_not_bury_the_one_made_again() -> None:
    cache = Cache()
    cache.put(JOB, made(8, uid="u2"))
    cache.remove(JOB, made(7, uid="u1"))
    assert version_of(cache) == "8"


def test_a_deletion_of_a_later_one_also_ends_the_one_before() -> None:
    cache = Cache()
    cache.put(JOB, made(5, uid="u1"))
    cache.remove(JOB, made(9, uid="u2"))
    assert version_of(cache) is None, "u1 must have gone before u2 could be made"


def test_deletions_in_the_wrong_order_bury_for_the_newest() -> None:
    cache = Cache()
    cache.remove(JOB, made(9, uid="u2"))
    cache.remove(JOB, made(7, uid="u1"))
    assert not cache.put(JOB, made(8, uid="u2"))


def test_ghosts_are_dropped_only_if_the_list_must_have_shown_them() -> None:
    cache = Cache()
    for name, version in (("ghost", 5), ("listed", 6), ("newer", 12)):
        cache.put(JOB, made(version, name))
    cache.put(POD, made(5, "pod"))
    dropped = cache.reconcile_list(JOB, "ml", {ObjectKey(JOB.id, "ml", "listed")}, "10")
    assert [obj["metadata"]["name"] for obj in dropped] == ["ghost"]
    assert sorted(obj["metadata"]["name"] for obj in cache.of(JOB)) == ["listed", "newer"]
    assert version_of(cache, "pod", POD) == "5", "a list of one kind says nothing about another"


def test_a_list_of_one_namespace_says_nothing_about_another() -> None:
    cache = Cache()
    cache.put(JOB, made(5))
    assert cache.reconcile_list(JOB, "other", set(), "10") == []
    assert version_of(cache) == "5"


def test_a_sweep_forgets_tombstones_that_it_has_overtaken_and_no_others() -> None:
    cache = Cache()
    cache.remove(JOB, made(7, "old"))
    cache.remove(JOB, made(12, "new"))
    cache.reconcile_list(JOB, "ml", set(), "10")
    assert not cache.put(JOB, made(11, "new")), "deleted while the list was under way"
    assert cache.put(JOB, made(6, "old")), "the tombstone is gone: nobody sends that any more"


def test_two_kinds_called_deployment_are_kept_apart() -> None:
    cache = Cache()
    cache.put(DEPLOYMENT, made(1))
    cache.put(WORKLOAD, made(2))
    assert (version_of(cache, kind=DEPLOYMENT), version_of(cache, kind=WORKLOAD)) == ("1", "2")


# --- lookups -----------------------------------------------------------------------------------------------


def test_owners_and_models_move_with_the_object() -> None:
    cache = Cache()
    cache.put(JOB, made(1, "b", owner="e1", model="flights"))
    cache.put(JOB, made(1, "a", owner="e1", model="flights"))
    assert [o["metadata"]["name"] for o in cache.owned_by("e1", JOB)] == ["a", "b"], "by name"
    assert cache.owned_by("friend", JOB) == [], "an owner that is not the controller does not count"
    assert cache.owned_by("e1", POD) == []
    cache.put(JOB, made(2, "a", owner="e2", model="hotels"))
    assert [o["metadata"]["name"] for o in cache.owned_by("e1", JOB)] == ["b"]
    assert [o["metadata"]["name"] for o in cache.of_model(JOB, "ml", "hotels")] == ["a"]
    cache.remove(JOB, made(3, "b"))
    assert cache.owned_by("e1", JOB) == cache.of_model(JOB, "ml", "flights") == []


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["put", "remove", "list"]),
        st.sampled_from(["a", "b"]),
        st.integers(1, 12),
        st.sampled_from(["", "e1", "e2"]),
        st.sampled_from(["", "m1", "m2"]),
    ),
    max_size=25,
)


@examples(20)
@given(EVENTS)
def test_lookups_always_agree_with_the_objects(events: list[tuple[str, str, int, str, str]]) -> None:
    cache = Cache()
    for what, name, version, owner, model in events:
        obj = made(version, name, uid=f"u{version // 4}", owner=owner, model=model)
        match what:
            case "put":
                cache.put(JOB, obj)
            case "remove":
                cache.remove(JOB, obj)
            case "list":
                cache.reconcile_list(JOB, "ml", set(), str(version))
    held = sorted(cache.of(JOB), key=lambda o: o["metadata"]["name"])
    assert len(cache) == len(held)
    for uid in ("e1", "e2"):
        owned = [o for o in held if {"uid": uid, "controller": True} in o["metadata"]["ownerReferences"]]
        assert cache.owned_by(uid, JOB) == owned
    for model in ("m1", "m2"):
        labelled = [o for o in held if o["metadata"]["labels"].get(LABEL_MODEL) == model]
        assert cache.of_model(JOB, "ml", model) == labelled


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[tuple[str, dict[str, Any]]], dict[str, Any] | None]:
    """The true life of one name (made, changed, deleted, made again...), and its events in any order."""
    uid = 0
    events: list[tuple[str, dict[str, Any]]] = []
    alive: dict[str, Any] | None = None
    changes = draw(st.lists(st.sampled_from(["change", "delete"]), min_size=1, max_size=8))
    for version, change in enumerate(changes, 1):
        if change == "delete" and alive is not None:
            events.append(("DELETED", made(version, uid=f"u{uid}")))
            alive = None
        else:
            uid += alive is None
            alive = made(version, uid=f"u{uid}")
            events.append(("MODIFIED", alive))
    return draw(st.permutations(events)), alive


@examples(20)
@given(lives())
def test_events_in_any_order_end_with_the_truth(
    life: tuple[list[tuple[str, dict[str, Any]]], dict[str, Any] | None],
) -> None:
    events, alive = life
    cache = Cache()
    for type_, obj in events:
        if type_ == "DELETED":
            cache.remove(JOB, obj)
        else:
            cache.put(JOB, obj)
    assert version_of(cache) == (alive["metadata"]["resourceVersion"] if alive else None)


# --- staleness ---------------------------------------------------------------------------------------------

ME = ObjectKey(EXPERIMENT.id, "ml", "winter")
RIVAL = ObjectKey(EXPERIMENT.id, "ml", "summer")
A = ObjectKey(JOB.id, "ml", "a")


def guarded() -> tuple[Cache, StalenessGuard]:
    cache = Cache()
    return cache, StalenessGuard(cache)


def test_a_key_waits_until_the_cache_has_its_own_write() -> None:
    cache, guard = guarded()
    cache.put(JOB, made(3))
    guard.wrote(ME, JOB, made(5))
    assert guard.behind(ME) == [A]
    assert guard.behind(RIVAL) == [], "others need not wait for it"
    cache.put(JOB, made(4))
    assert guard.behind(ME) == [A]
    cache.put(JOB, made(5))
    assert guard.behind(ME) == []


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (made(5), "exactly our write"),
        (made(9), "somebody has written since"),
        (made(6, uid="u2"), "deleted and made again"),
    ],
)
def test_what_ends_the_wait(seen: dict[str, Any], why: str) -> None:
    cache, guard = guarded()
    guard.wrote(ME, JOB, made(5))
    cache.put(JOB, seen)
    assert guard.behind(ME) == [], why


def test_only_the_deletion_of_that_object_ends_the_wait() -> None:
    _, guard = guarded()
    guard.wrote(ME, JOB, made(5))
    guard.deleted(A, "another uid")
    assert guard.behind(ME) == [A]
    guard.deleted(A, "u1")
    assert guard.behind(ME) == []


def test_a_sweep_that_does_not_show_the_object_ends_the_wait() -> None:
    cache, guard = guarded()
    guard.wrote(ME, JOB, made(5))
    guard.swept(POD)
    assert guard.behind(ME) == [A]
    guard.swept(JOB)
    assert guard.behind(ME) == []
    cache.put(JOB, made(3))
    guard.wrote(ME, JOB, made(5))
    guard.swept(JOB)
    assert guard.behind(ME) == [A], "the list was older than our write: it shows an older copy"


def test_a_write_without_an_answer_is_unknown_until_it_is_read_live() -> None:
    _, guard = guarded()
    guard.wrote(ME, JOB, made(5))
    guard.lost(ME, JOB, "ml", "a")
    assert guard.unknown(ME) == [(A, JOB)]
    assert guard.unknown(RIVAL) == []
    guard.resolved(ME, A)
    assert guard.unknown(ME) == []
    assert guard.behind(ME) == [], "the live read has also shown our earlier write"


def test_the_last_write_counts() -> None:
    cache, guard = guarded()
    guard.wrote(ME, MODEL_VERSION, made(5))
    guard.wrote(ME, MODEL_VERSION, made(8))
    cache.put(MODEL_VERSION, made(6))
    assert guard.behind(ME) == [ObjectKey(MODEL_VERSION.id, "ml", "a")]
