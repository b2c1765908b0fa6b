"""How many groups go at once: down fast, up slowly, never beyond what is configured."""

from __future__ import annotations

from relayer.base import TooLarge
from relayer.parting import PROBE_AFTER, PartSize
from tests.unit.relayer.fakes import FakeChain
from tests.unit.relayer.test_service import Bench, running, until
from tests.unit.relayer.words import report, valid, word


def test_too_large_is_halved_to_one_at_least() -> None:
    """A single group has to be tried, whatever it costs."""
    size = PartSize(5)
    seen = []
    for _ in range(4):
        size.refused(size.groups)
        seen.append(size.groups)

    assert seen == [2, 1, 1, 1]


def test_parts_refused_together_halve_once() -> None:
    """Four of one offer are under way at once; the later ones say nothing new."""
    size = PartSize(16)
    for _ in range(4):
        size.refused(16)

    assert size.groups == 8


def test_it_grows_again_to_what_is_configured() -> None:
    """One by one, each after so many full ones; others do not count."""
    size = PartSize(4)
    size.refused(4)
    for _ in range(PROBE_AFTER - 1):
        size.taken(2)
        size.taken(1)
    assert size.groups == 2
    size.taken(2)
    assert size.groups == 3
    for _ in range(3 * PROBE_AFTER):
        size.taken(size.groups)

    assert size.groups == 4


def test_a_refusal_begins_to_count_anew() -> None:
    """What was taken before it is no reason to try again at once."""
    size = PartSize(4)
    size.refused(4)
    for _ in range(PROBE_AFTER - 1):
        size.taken(2)
    size.refused(2)
    size.taken(1)

    assert size.groups == 1


async def test_a_lane_comes_back_to_large_parts() -> None:
    """One refusal does not cost twice the transactions for ever."""
    chain = FakeChain()
    chain.push_failures = [TooLarge("needs 11000000 gas")]
    bench = Bench(chain, markets=range(0, 8, 4), most_groups=2)
    async with running(bench):
        for slot in range(1, PROBE_AFTER + 2):
            words = {group: word(slot, valid(100_000 + 1000 * slot)) for group in range(2)}
            await bench.publish(report(slot, words))
            await until(lambda: chain.words == words)  # noqa: B023

    groups = [d.groups for d in chain.deliveries]
    assert groups[0] == (0, 1)
    assert sorted(groups[1:3]) == [(0,), (1,)]
    assert groups[-1] == (0, 1)
