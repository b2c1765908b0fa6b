"""When a relayer gives way with a chain, and when it may have it again."""

from __future__ import annotations

from relayer.ailments import Ailments

HAS = frozenset({"alpha", "beta"})


def _failing(*chains: str):
    return lambda chain: 99.0 if chain in chains else 0.0


def test_gives_way_with_what_failed_for_long_enough_only() -> None:
    """Not at the first failure, and not with the chains that do well."""
    ailments = Ailments(give_way_s=30, sit_out_s=60)
    assert not ailments.look(HAS, lambda _: 29.9, 0)
    assert ailments.look(HAS, _failing("beta"), 1)
    assert ailments.flagged == ("beta",)
    assert not ailments.look(HAS, _failing("beta"), 2)


def test_sits_out_once_the_chain_is_somebody_elses() -> None:
    """Then it is a candidate again, whatever it can know of the chain."""
    ailments = Ailments(30, 60)
    ailments.look(HAS, _failing("beta"), 0)
    assert not ailments.look({"alpha"}, _failing(), 59)
    assert ailments.look({"alpha"}, _failing(), 60)
    assert ailments.flagged == ()


def test_sits_out_twice_as_long_each_time_to_a_bound() -> None:
    """A chain is not passed round every minute between one that is ill and one that is loaded."""
    ailments, now, waits = Ailments(30, 60), 0.0, []
    for _ in range(7):
        assert ailments.look(HAS, _failing("beta"), now)
        began = now
        while ailments.flagged:
            now += 10
            ailments.look({"alpha"}, _failing(), now)
        waits.append(now - began)
    assert waits == [60, 120, 240, 480, 960, 960, 960]


def test_what_nobody_else_took_is_claimed_as_well_when_it_gets_through() -> None:
    """Alone with its chain, it goes on trying, and says so when it succeeds."""
    ailments = Ailments(30, 60)
    ailments.look(HAS, _failing("beta"), 0)
    assert not ailments.look(HAS, _failing("beta"), 1000)
    assert ailments.flagged == ("beta",)
    assert ailments.look(HAS, _failing(), 1001)
    assert ailments.flagged == ()


def test_what_was_is_forgotten_after_as_long_a_time_in_health() -> None:
    """The next failure, days later, is a first one."""
    ailments = Ailments(30, 60)
    ailments.look(HAS, _failing("beta"), 0)
    ailments.look(HAS, _failing(), 10)
    for now in (60, 120, 200, 300):
        ailments.look(HAS, _failing(), now)
    assert ailments.look(HAS, _failing("beta"), 400)
    ailments.look({"alpha"}, _failing(), 459)
    assert ailments.flagged == ("beta",)
    ailments.look({"alpha"}, _failing(), 460)
    assert ailments.flagged == ()
