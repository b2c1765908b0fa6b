"""What still goes as a day's budget comes to its end."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.model.validity import Validity
from oracle.report.word import Entry
from relayer.budget import REASONS, Budget, Level
from relayer.policy import Push, PushPolicy, Reason, decide
from tests.unit.relayer.words import valid, word

BUDGET = Budget(wei=1000, reserve=0.2, stretch=4.0)
POLICY = PushPolicy(deviation_bps=10.0, heartbeat_ms=60_000, confidence=3.0)


@pytest.mark.parametrize(
    ("spent", "level"),
    [
        (0, Level.FULL),
        (799, Level.FULL),
        (800, Level.SAVING),
        (899, Level.SAVING),
        (900, Level.URGENT),
        (999, Level.URGENT),
        (1000, Level.SPENT),
        (10**30, Level.SPENT),
    ],
)
def test_levels(spent: int, level: Level) -> None:
    """The reserve is opened in two halves, and at its end nothing is left."""
    assert BUDGET.level(spent) is level


def test_without_a_reserve_the_end_comes_at_once() -> None:
    """All of the budget goes to everything, then nothing goes."""
    bare = Budget(1000, reserve=0.0)
    assert [bare.level(999), bare.level(1000)] == [Level.FULL, Level.SPENT]


@pytest.mark.parametrize(
    ("offered", "pushed"),
    [
        (word(1, valid(200_000)), [Reason.DEVIATION, None, None, None]),
        (word(1, valid(conf_e8=10**7)), [Reason.CONFIDENCE, None, None, None]),
        (word(60_000), [Reason.HEARTBEAT, None, None, None]),
        (word(240_000), [Reason.HEARTBEAT, Reason.HEARTBEAT, None, None]),
        (word(240_000, valid(200_000)), [Reason.DEVIATION, Reason.HEARTBEAT, None, None]),
        (word(1, Entry(Validity.HALTED)), [Reason.VALIDITY] * 3 + [None]),
    ],
)
def test_what_still_goes(offered: bytes, pushed: list[Reason | None]) -> None:
    """Moves stop first, then heartbeats; a change of validity goes to the last."""
    for level, reason in zip(Level, pushed, strict=True):
        rules = {0: POLICY} if level is Level.FULL else BUDGET.saving({0: POLICY})
        found = decide({0: word(0)}, {0: offered}, rules, REASONS[level])
        assert found == ([] if reason is None else [Push(0, reason)]), level


def test_a_market_never_stored_goes_until_the_end() -> None:
    """Without a first update a consumer has nothing at all."""
    for level in (Level.SAVING, Level.URGENT):
        assert decide({}, {0: word(0)}, {0: POLICY}, REASONS[level]) == [Push(0, Reason.FIRST)]
    assert decide({}, {0: word(0)}, {0: POLICY}, REASONS[Level.SPENT]) == []


@given(st.integers(1, 10**24), st.floats(0, 1), st.lists(st.integers(0, 10**24), min_size=2))
def test_more_spent_is_never_more_allowed(wei: int, reserve: float, spends: list[int]) -> None:
    """Levels rise with what is spent, and each allows no more than the one before."""
    levels = [Budget(wei, reserve).level(spent) for spent in sorted(spends)]

    assert levels == sorted(levels)
    for before, after in pairwise(levels):
        assert REASONS[after] <= REASONS[before]
