"""Slots: what one node takes of the machine, and that no two nodes meet."""

from __future__ import annotations

from itertools import combinations

from tests.cluster.addresses import SLOTS, Addresses, Network, unused


def test_no_two_slots_share_a_network_or_a_name() -> None:
    for one, other in combinations([Addresses(slot) for slot in SLOTS], 2):
        assert not any(mine.overlaps(theirs) for mine in one.networks for theirs in other.networks)
        assert one.link != other.link
        assert one.cgroup != other.cgroup


def test_a_link_name_fits_the_kernel() -> None:
    assert all(len(Addresses(slot).link) <= 15 for slot in SLOTS)


def test_the_first_slot_is_taken_on_an_empty_machine() -> None:
    assert next(unused([])) == Addresses(0)


def test_slots_that_overlap_a_route_of_the_machine_are_passed_over() -> None:
    taken = [Network("10.250.0.0/24"), Network("10.97.128.0/20"), Network("192.168.0.0/16")]
    assert next(unused(taken)) == Addresses(2)


def test_nothing_is_offered_where_everything_is_taken() -> None:
    assert list(unused([Network("10.0.0.0/8")])) == []
