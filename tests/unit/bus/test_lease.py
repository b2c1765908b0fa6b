"""For how long a share may be relied on: never longer than the broker's session."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.bus.lease import TWINS, TWINS_SESSIONS, Lease, Takeovers, awake_or_not_s

SESSION_S = 6.0
TIMES = st.floats(0, 1e6)


def test_it_holds_for_a_session_after_the_last_acknowledgement() -> None:
    """From when the request was sent, as the broker counts from later."""
    lease = Lease(SESSION_S)
    assert not lease.holds(0.0)
    lease.renew(0.0)
    assert lease.holds(5.9)
    assert not lease.holds(6.0)
    lease.renew(5.0)
    assert lease.holds(10.9)
    lease.renew(1.0)  # answered late
    assert lease.holds(10.9)
    assert not lease.holds(11.0)


@given(acknowledged=st.lists(TIMES), now=TIMES)
def test_whatever_happens_it_is_of_an_acknowledgement_within_a_session(
    acknowledged: list[float], now: float
) -> None:
    """However long a division takes, and in whatever order answers come."""
    lease = Lease(SESSION_S)
    for sent in acknowledged:
        lease.renew(sent)
    assert lease.holds(now) == (now - max(acknowledged, default=-1e9) < SESSION_S)


def test_what_was_given_up_comes_back_with_the_next_acknowledgement() -> None:
    """And not by waiting."""
    lease = Lease(SESSION_S)
    lease.renew(1.0)
    lease.end()
    assert not lease.holds(2.0)
    lease.renew(3.0)
    assert lease.holds(3.0)


def test_takeovers_in_a_row_are_of_a_twin() -> None:
    """Who is thrown out again and again within some sessions shares a name."""
    takeovers = Takeovers(SESSION_S)
    for at in range(TWINS):
        assert not takeovers.twins
        takeovers.add(at)
    assert takeovers.twins
    takeovers.clear()
    assert not takeovers.twins


def test_takeovers_now_and_then_are_not() -> None:
    """A broker's restarts, months apart, end no process."""
    takeovers = Takeovers(SESSION_S)
    for at in range(10 * TWINS):
        takeovers.add(at * TWINS_SESSIONS * SESSION_S / (TWINS - 1))
        assert not takeovers.twins


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_its_clock_counts_from_the_start_of_the_machine() -> None:
    """Time asleep included, which `/proc/uptime` has in it and `time.monotonic` has not."""
    before = awake_or_not_s()
    up_s = float(Path("/proc/uptime").read_text().split()[0])
    assert before - 1 < up_s < awake_or_not_s() + 1
