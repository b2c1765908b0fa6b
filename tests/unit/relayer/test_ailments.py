"""When a relayer gives way with a chain, and when it may have it again."""

from __future__ import annotations

from collections.abc import Collection

from relayer.ailments import Ailments

HAS = frozenset({"alpha", "beta"})


class Watch:
    """Looks once a second at chains whose pushes fail."""

    def __init__(self) -> None:
        self.ailments = Ailments(give_way_s=30, sit_out_s=60)
        self.now = 0.0
        self.failing_since: dict[str, float] = {}

    def look(self, owned: Collection[str], *failing: str, for_s: float) -> float | None:
        """Return after how long something changed, None if nothing did."""
        began = self.now
        since = self.failing_since
        self.failing_since = {chain: since.get(chain, began) for chain in failing}
        while self.now < began + for_s:
            self.now += 1
            if self.ailments.look(owned, self._ailing_s, self.now):
                return self.now - began
        return None

    def _ailing_s(self, chain: str) -> float:
        return self.now - self.failing_since.get(chain, self.now)


def test_gives_way_with_what_failed_for_long_enough_only() -> None:
    """Not at the first failure, and not with the chains that do well."""
    watch = Watch()
    assert watch.look(HAS, for_s=100) is None
    assert watch.look(HAS, "beta", for_s=100) == 30
    assert watch.ailments.flagged == ("beta",)
    assert watch.look(HAS, "beta", for_s=1000) is None


def test_one_success_in_between_is_a_new_start() -> None:
    """A chain that is slow is not one that does not get through."""
    watch = Watch()
    for _ in range(5):
        assert watch.look(HAS, "beta", for_s=29) is None
        assert watch.look(HAS, for_s=1) is None


def test_time_asleep_was_not_spent_trying() -> None:
    """A process that was stopped in the middle of a push has not failed for an hour."""
    watch = Watch()
    assert watch.look(HAS, "beta", for_s=10) is None
    watch.now += 3600
    assert watch.look(HAS, "beta", for_s=15) is None
    assert watch.look(HAS, "beta", for_s=10) is not None


def test_what_others_tried_before_does_not_count() -> None:
    """A chain comes to us with nothing tried yet."""
    watch = Watch()
    watch.look(HAS, "beta", for_s=25)
    watch.look({"alpha"}, for_s=5)
    assert watch.look(HAS, "beta", for_s=30) is None
    assert watch.look(HAS, "beta", for_s=5) == 1


def test_sits_out_once_the_chain_is_somebody_elses() -> None:
    """Then it is a candidate again, whatever it can know of the chain."""
    watch = Watch()
    watch.look(HAS, "beta", for_s=100)
    assert watch.look({"alpha"}, for_s=100) == 60
    assert watch.ailments.flagged == ()


def test_sits_out_twice_as_long_each_time_to_a_bound() -> None:
    """A chain is not passed round every minute between one that is ill and one that is loaded."""
    watch, waits = Watch(), []
    for _ in range(7):
        assert watch.look(HAS, "beta", for_s=100) is not None
        waits.append(watch.look({"alpha"}, for_s=10_000))
    assert waits == [60, 120, 240, 480, 960, 960, 960]


def test_what_nobody_else_took_is_claimed_as_well_when_it_gets_through() -> None:
    """Alone with its chain, it goes on trying, and says so when it succeeds."""
    watch = Watch()
    watch.look(HAS, "beta", for_s=100)
    assert watch.look(HAS, "beta", for_s=1000) is None
    assert watch.ailments.flagged == ("beta",)
    assert watch.look(HAS, for_s=10) == 1
    assert watch.ailments.flagged == ()


def test_what_was_is_forgotten_after_as_long_a_time_in_health() -> None:
    """The next failure, days later, is a first one."""
    watch = Watch()
    watch.look(HAS, "beta", for_s=100)
    assert watch.look(HAS, for_s=10) == 1
    assert watch.look(HAS, for_s=300) is None
    assert watch.look(HAS, "beta", for_s=100) is not None
    assert watch.look({"alpha"}, for_s=1000) == 60
