"""How processes divide the shards, and what a host does as they come and go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from oracle.bus.memory import MemoryBus
from oracle.bus.shards import ShardLost
from oracle.model.errors import ConfigError, Retryable
from oracle.node.metrics import NodeMetrics
from oracle.node.shards import ShardHost, divide

DEADLINE_S = 10.0


def divided(claims: dict[str, list[int]], shards: int) -> dict[str, list[int]]:
    """Divide claims given as lists."""
    given_out = divide({name: msgspec.json.encode(held) for name, held in claims.items()}, shards)
    return {name: msgspec.json.decode(share) for name, share in given_out.items()}


@given(
    st.dictionaries(st.text("abcdef", min_size=1), st.lists(st.integers(0, 20)), min_size=1),
    st.integers(1, 16),
)
def test_every_shard_has_one_owner_and_nobody_two_more_than_another(
    claims: dict[str, list[int]], shards: int
) -> None:
    """Whatever is claimed: shards that do not exist, the same twice, by two."""
    given_out = divided(claims, shards)
    assert sorted(shard for share in given_out.values() for shard in share) == list(range(shards))
    sizes = [len(share) for share in given_out.values()]
    assert max(sizes) - min(sizes) <= 1


def test_a_division_again_moves_nothing() -> None:
    """Who has what it should have keeps it."""
    first = divided({"a": [], "b": [], "c": []}, 8)
    assert divided(first, 8) == first


def test_a_newcomer_takes_only_its_part() -> None:
    """Of six shards of two processes, two move to a third."""
    given_out = divided({"a": [0, 1, 2], "b": [3, 4, 5], "c": []}, 6)
    assert len(given_out["c"]) == 2
    assert set(given_out["a"]) < {0, 1, 2}
    assert set(given_out["b"]) < {3, 4, 5}


def test_a_claim_of_another_version_gets_nothing() -> None:
    """Who is not understood is not relied on."""
    given_out = divide({"a": b"[]", "b": b"\xff{}"}, 3)
    assert msgspec.json.decode(given_out["a"]) == [0, 1, 2]
    assert msgspec.json.decode(given_out["b"]) == []


class Party:
    """Hosts on one bus, and who steps what."""

    def __init__(self) -> None:
        self.bus = MemoryBus()
        self.stepping: dict[tuple[str, int], asyncio.Event] = {}
        self.failures: list[Exception] = []
        self.pages: dict[str, CollectorRegistry] = {}
        self.tries = 0

    def host(self, name: str, shards: int = 2) -> ShardHost:
        """Return a host; it steps until its event is set, then is lost."""

        async def step(shard: int) -> None:
            self.tries += 1
            if self.failures:
                raise self.failures.pop(0)
            lost = self.stepping.setdefault((name, shard), asyncio.Event())
            try:
                await lost.wait()
                raise ShardLost("taken")
            finally:
                del self.stepping[name, shard]

        page = self.pages.setdefault(name, CollectorRegistry())
        metrics = NodeMetrics(page)
        return ShardHost(self.bus, name, shards, step, metrics, hand_over_s=1.0, retry_s=0.01)

    def says(self, name: str, shard: int) -> float | None:
        """Return what a host's page says of who owns a shard."""
        return self.pages[name].get_sample_value("plumbline_shard_owned", {"shard": str(shard)})

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + DEADLINE_S
        while not holds():
            assert time.monotonic() < deadline, sorted(self.stepping)
            await asyncio.sleep(0.005)

    def owned(self, name: str) -> list[int]:
        """Return what a host steps."""
        return sorted(shard for owner, shard in self.stepping if owner == name)


async def test_a_shard_is_stepped_on_until_it_is_taken() -> None:
    """There are marks while a newcomer prepares: the owner before ends when it is shut out."""
    party = Party()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(party.host("a").run())
        await party.until(lambda: party.owned("a") == [0, 1])
        second = tasks.create_task(party.host("b").run())
        await party.until(lambda: len(party.owned("b")) == 1)
        (moved,) = party.owned("b")
        assert party.owned("a") == [0, 1]
        assert party.says("b", 1 - moved) == 0  # shown from the start, though never its own
        party.stepping["a", moved].set()
        await party.until(lambda: party.owned("a") == [1 - moved])
        await party.until(lambda: (party.says("a", moved), party.says("b", moved)) == (0, 1))
        second.cancel()
        await party.until(lambda: party.owned("a") == [0, 1])
        first.cancel()


async def test_who_comes_is_given_what_has_to_move_and_no_more() -> None:
    """Each says what it steps, whatever its name is: the others are not handed round."""
    party = Party()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(party.host("b", 3).run())
        await party.until(lambda: party.owned("b") == [0, 1, 2])
        second = tasks.create_task(party.host("a", 3).run())
        await party.until(lambda: len(party.owned("a")) > 0)
        assert party.owned("a") == [2]
        first.cancel()
        second.cancel()


async def test_a_shard_that_nobody_takes_is_let_go_in_the_end() -> None:
    """The one that was to have it may never come; then it is divided anew."""
    party = Party()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(party.host("a").run())
        await party.until(lambda: party.owned("a") == [0, 1])
        second = tasks.create_task(party.host("b").run())
        await party.until(lambda: len(party.owned("a")) == 1)
        first.cancel()
        second.cancel()


@pytest.mark.parametrize("error", [Retryable("no broker"), ShardLost("twin"), ValueError("defect")])
async def test_a_shard_that_fails_is_taken_again_and_the_others_go_on(error: Exception) -> None:
    """A lost bus, a taking over in error and a defect stop one shard, and not for good."""
    party = Party()
    party.failures = [error]
    async with asyncio.TaskGroup() as tasks:
        host = tasks.create_task(party.host("a").run())
        await party.until(lambda: party.owned("a") == [0, 1])
        assert party.tries == 3
        host.cancel()


async def test_what_only_a_person_can_mend_ends_the_host() -> None:
    """Credentials that are refused are not tried again for ever."""
    party = Party()
    party.failures = [ConfigError("refused")]
    with pytest.raises(ConfigError, match="refused"):
        async with asyncio.timeout(DEADLINE_S):
            await party.host("a").run()
