"""A right that was never there ends a process; one that was taken away is waited for, loudly."""

from __future__ import annotations

from prometheus_client import REGISTRY

from oracle.bus.grants import RESTORED_S, SETTLED_S, Grants
from oracle.model.errors import ConfigError, Retryable


class Clock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _lost(call: str) -> float | None:
    return REGISTRY.get_sample_value("plumbline_bus_right_lost", {"call": call})


def test_a_right_that_never_was_is_for_a_person() -> None:
    """Also just after an empty read seemed to work, and whatever else is allowed."""
    clock = Clock()
    grants = Grants(clock)
    grants.worked("read a")
    clock.now_s = SETTLED_S - 1
    assert isinstance(grants.refused("read a", "why"), ConfigError)
    clock.now_s = 100
    assert isinstance(grants.refused("publish b", "why"), ConfigError)
    assert _lost("read a") is None


def test_a_right_that_was_taken_away_is_tried_again() -> None:
    """However long it is away; it is back when nothing has been refused for a while."""
    clock = Clock()
    grants = Grants(clock)
    grants.worked("read c")
    for clock.now_s in (SETTLED_S, 1000, 100_000):
        error = grants.refused("read c", "user 'feeds' may not")
        assert isinstance(error, Retryable)
        assert str(error) == "user 'feeds' may not"
        assert _lost("read c") == 1
    clock.now_s += RESTORED_S - 1
    grants.worked("read c")
    assert _lost("read c") == 1
    clock.now_s += 2
    grants.worked("read c")
    assert _lost("read c") == 0
    assert isinstance(grants.refused("read c", "why"), Retryable)
    assert _lost("read c") == 1
