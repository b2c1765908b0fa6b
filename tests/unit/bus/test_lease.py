"""For how long a share may be relied on: never longer than the broker's session."""

from __future__ import annotations

from oracle.bus.lease import Lease


def test_it_holds_for_a_session_after_the_last_heartbeat() -> None:
    """From when the heartbeat was sent, as the broker counts from later."""
    lease = Lease(6.0)
    assert not lease.holds(0.0)
    lease.joined(0.0)
    assert lease.holds(5.9)
    assert not lease.holds(6.0)
    lease.renew(5.0)
    assert lease.holds(10.9)
    lease.renew(1.0)  # answered late
    assert lease.holds(10.9)
    assert not lease.holds(11.0)


def test_it_holds_while_the_group_divides() -> None:
    """A member that died keeps the others waiting, but they go on with what they have."""
    lease = Lease(6.0)
    lease.joined(0.0)
    lease.join(3.0)
    for now in range(4, 12):
        lease.tick(float(now))
    assert lease.holds(15.0)
    lease.joined(15.0)
    assert lease.holds(20.9)


def test_a_division_without_end_is_no_reason_to_hold() -> None:
    """The coordinator may be out of our reach alone."""
    lease = Lease(6.0)
    lease.joined(0.0)
    lease.join(1.0)
    for now in range(2, 40):
        lease.tick(float(now))
    assert not lease.holds(20.0)


def test_who_slept_through_a_division_holds_nothing_on_waking() -> None:
    """A process that was stopped wakes up with a share that others have by now."""
    lease = Lease(6.0)
    lease.joined(0.0)
    lease.join(1.0)
    lease.tick(2.0)
    assert not lease.holds(60.0)
    lease.tick(60.0)
    assert not lease.holds(60.0)


def test_what_was_given_up_is_not_had_back_by_waiting() -> None:
    """Only a new division gives it back."""
    lease = Lease(6.0)
    lease.joined(0.0)
    lease.end()
    lease.join(1.0)
    lease.tick(2.0)
    assert not lease.holds(2.0)
    lease.joined(3.0)
    assert lease.holds(3.0)
