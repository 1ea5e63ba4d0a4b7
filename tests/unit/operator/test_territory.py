"""Which namespaces an operator of the whole cluster leaves alone, and when it takes them over."""

from __future__ import annotations

from typing import Any

from trimtab.runtime.election import LEASE_SECONDS
from trimtab.runtime.territory import Territory

Object = dict[str, Any]
OWN = ("trimtab-system", "trimtab")


def lease(namespace: str, version: str, holder: str | None = "somebody", name: str = "trimtab") -> Object:
    meta = {"namespace": namespace, "name": name, "resourceVersion": version}
    return {"metadata": meta, "spec": {"holderIdentity": holder} if holder else {}}


def watching() -> tuple[Territory, list[str]]:
    freed: list[str] = []
    return Territory(None, own_lease=OWN, freed=freed.append), freed


def test_a_namespace_whose_lease_is_renewed_is_anothers() -> None:
    territory, freed = watching()
    for beat in range(20):
        territory.look([lease("ml", str(beat))], now=2.0 * beat)
        assert not territory.is_ours("ml")
        assert territory.is_ours("risk")
    assert freed == []


def test_one_that_is_not_renewed_any_more_is_taken_over_once() -> None:
    territory, freed = watching()
    for now in (0.0, LEASE_SECONDS - 1.0):
        territory.look([lease("ml", "7")], now)
        assert not territory.is_ours("ml")
    for now in (LEASE_SECONDS + 0.0, LEASE_SECONDS + 5.0):
        territory.look([lease("ml", "7")], now)
        assert territory.is_ours("ml")
    assert freed == ["ml"]


def test_one_that_was_given_up_or_deleted_is_free_at_once() -> None:
    for after in ([lease("ml", "8", holder=None)], []):
        territory, freed = watching()
        territory.look([lease("ml", "7")], 0.0)
        territory.look(after, 1.0)
        assert (territory.is_ours("ml"), freed) == (True, ["ml"])


def test_an_operator_that_comes_back_has_its_namespace_again() -> None:
    territory, _ = watching()
    territory.look([lease("ml", "7")], 0.0)
    territory.look([lease("ml", "7")], LEASE_SECONDS + 1.0)
    territory.look([lease("ml", "8")], LEASE_SECONDS + 6.0)
    assert not territory.is_ours("ml")


def test_its_own_lease_is_no_foreign_one() -> None:
    territory, _ = watching()
    territory.look([lease(*OWN[:1], "7")], 0.0)
    assert territory.is_ours(OWN[0])


async def test_an_operator_of_named_namespaces_has_nothing_to_look_for() -> None:
    import asyncio

    territory, _ = watching()
    running = asyncio.create_task(territory.run())
    await asyncio.wait_for(territory.known.wait(), 5)
    assert territory.is_ours("ml") and not running.done()
    running.cancel()
