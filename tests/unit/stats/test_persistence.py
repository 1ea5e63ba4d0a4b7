"""k of n with two levels."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.stats.persistence import Mark, Persistence, PersistenceRule, advance, mark

PROPERTY = settings(max_examples=20, deadline=None)

A, B, C = Mark.ABOVE, Mark.BETWEEN, Mark.CLEAR
TWO_OF_THREE = PersistenceRule()


def states(rule: PersistenceRule, windows: str) -> str:
    """One letter per window in ("A", "B", "C", "-" not judged), one per state out ("R" raised)."""
    letters = {"A": A, "B": B, "C": C, "-": None}
    state, seen = Persistence(), ""
    for letter in windows:
        state = advance(state, letters[letter], rule)
        seen += "R" if state.raised else "."
    return seen


@pytest.mark.parametrize(
    ("windows", "expected", "why"),
    [
        ("A", ".", "one finding is no alarm"),
        ("AA", ".R", "two of the first two"),
        ("ACA", "..R", "two of three need not be adjacent"),
        ("ACCA", "....", "the first finding has left the last three"),
        ("AAC", ".RR", "one clear window does not clear"),
        ("AACC", ".RR.", "two of three clear"),
        ("AABBBB", ".RRRRR", "between the levels an alarm stays"),
        ("BBBB", "....", "between the levels none begins"),
        ("A--A", "...R", "windows that were not judged push nothing out"),
        ("AA----", ".RRRRR", "missing data never ends an alarm"),
        ("AACAC", ".RRR.", "two of three clear need not be adjacent"),
    ],
)
def test_two_of_three(windows: str, expected: str, why: str) -> None:
    assert states(TWO_OF_THREE, windows) == expected, why


def test_one_of_three_clears_only_after_three() -> None:
    assert states(PersistenceRule(raise_windows=1), "ACCAC") == "RRRRR"
    assert states(PersistenceRule(raise_windows=1), "ACCC") == "RRR."


@pytest.mark.parametrize(
    ("value", "significant", "expected"),
    [(0.05, True, A), (0.9, False, B), (0.04, True, B), (0.03, True, B), (0.029, True, C), (-0.1, False, C)],
)
def test_marks(value: float, significant: bool, expected: Mark) -> None:
    assert mark(value, significant=significant, rule=TWO_OF_THREE) is expected


rules = st.integers(1, 6).flatmap(
    lambda of: st.builds(PersistenceRule, raise_windows=st.integers(1, of), of_windows=st.just(of))
)


@PROPERTY
@given(rules, st.lists(st.sampled_from([A, B, C, None]), max_size=40))
def test_state_survives_a_checkpoint_at_any_point(rule: PersistenceRule, windows: list[Mark | None]) -> None:
    straight = restarted = Persistence()
    for window in windows:
        straight = advance(straight, window, rule)
        restarted = advance(Persistence.from_dict(json.loads(json.dumps(restarted.to_dict()))), window, rule)
        assert len(straight.marks) <= rule.of_windows
    assert straight == restarted


@PROPERTY
@given(rules, st.lists(st.sampled_from([A, B, C]), max_size=40))
def test_never_raised_and_cleared_by_the_same_windows(rule: PersistenceRule, windows: list[Mark]) -> None:
    state = Persistence()
    for window in windows:
        after = advance(state, window, rule)
        if state.raised and not after.raised:
            assert window is not A
            assert after.findings < rule.raise_windows
        if after.raised and not state.raised:
            assert after.findings >= rule.raise_windows
        state = after


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="raise_windows"):
        PersistenceRule(raise_windows=4)
    with pytest.raises(ValueError, match="clear_level"):
        PersistenceRule(clear_level=0.5)
    with pytest.raises(ValueError, match="state"):
        Persistence.from_dict({"raised": 1, "marks": []})
