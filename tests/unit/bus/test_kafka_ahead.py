"""Reading ahead over fetches that the test brings about."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from oracle.bus.kafka_ahead import ReadAhead
from oracle.model.errors import Retryable

DEADLINE_S = 10.0


class Raw(NamedTuple):
    """A record as the library gives it, as far as it is looked at."""

    offset: int
    value: bytes | None = None


def offsets(records: Sequence[Raw]) -> list[int]:
    """Return where they stand."""
    return [raw.offset for raw in records]


class Fetches:
    """Brings what the test gives, in its order, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self._given: asyncio.Queue[Sequence[Raw] | Exception] = asyncio.Queue()

    def give(self, *batches: Sequence[int] | Exception, size: int = 0) -> None:
        """Let the next fetches bring records of these offsets."""
        for batch in batches:
            if isinstance(batch, Exception):
                self._given.put_nowait(batch)
            else:
                self._given.put_nowait([Raw(at, bytes(size)) for at in batch])

    def give_raw(self, record: Raw) -> None:
        """Let the next fetch bring this one."""
        self._given.put_nowait([record])

    async def __call__(self) -> Sequence[Raw]:
        """Return the next batch, once there is one."""
        self.asked += 1
        batch = await self._given.get()
        if isinstance(batch, Exception):
            raise batch
        return batch

    async def until_asked(self, times: int) -> None:
        """Wait until the reader has come so often."""
        async with asyncio.timeout(DEADLINE_S):
            while self.asked < times:  # noqa: ASYNC110 - a count
                await asyncio.sleep(0)


async def test_what_comes_while_nobody_takes_is_there_at_once() -> None:
    """A step's commit takes many fetches' time: afterwards the next step has all they brought."""
    fetches = Fetches()
    fetches.give([1], [2, 3], [], [4])
    ahead = ReadAhead(fetches)
    await fetches.until_asked(5)
    assert offsets(await ahead.take(3, 0)) == [1, 2, 3]
    assert offsets(await ahead.take(3, 0)) == [4]
    assert offsets(await ahead.take(3, 0)) == []
    await ahead.close()


async def test_a_taker_waits_for_the_first_record_and_not_for_more() -> None:
    """Ticks must not wait for the time-out of whoever takes them."""
    fetches = Fetches()
    ahead = ReadAhead(fetches)
    taking = asyncio.create_task(ahead.take(10, DEADLINE_S))
    await fetches.until_asked(1)
    fetches.give([], [1])
    assert offsets(await asyncio.wait_for(taking, DEADLINE_S)) == [1]
    await ahead.close()


@pytest.mark.parametrize(("most", "most_bytes"), [(3, 1000), (1000, 25)])
async def test_memory_is_bounded(most: int, most_bytes: int) -> None:
    """With enough waiting, by number or by size, nothing is fetched until some are taken."""
    fetches = Fetches()
    fetches.give([1, 2], [3, 4], [5], size=10)
    ahead = ReadAhead(fetches, most, most_bytes)
    await fetches.until_asked(2)
    for _ in range(10):
        await asyncio.sleep(0)
    assert fetches.asked == 2
    assert offsets(await ahead.take(2, 0)) == [1, 2]
    await fetches.until_asked(3)
    assert offsets(await ahead.take(2, 0)) == [3, 4]
    assert offsets(await ahead.take(9, DEADLINE_S)) == [5]
    await ahead.close()


async def test_a_failure_is_raised_after_what_was_read_before_it() -> None:
    """Whoever takes hears of it, also when they were waiting, and loses no record."""
    fetches = Fetches()
    fetches.give([1], Retryable("the broker is gone"))
    ahead = ReadAhead(fetches)
    await fetches.until_asked(2)
    assert offsets(await ahead.take(9, 0)) == [1]
    with pytest.raises(Retryable, match="gone"):
        await ahead.take(9, DEADLINE_S)
    await ahead.close()


async def test_a_failure_wakes_who_waits() -> None:
    """Whoever waits for a tick that cannot come hears of it before their time is out."""
    fetches = Fetches()
    ahead = ReadAhead(fetches)
    taking = asyncio.create_task(ahead.take(9, 1000 * DEADLINE_S))
    await fetches.until_asked(1)
    fetches.give(Retryable("the broker is gone"))
    with pytest.raises(Retryable, match="gone"):
        await asyncio.wait_for(taking, DEADLINE_S)
    await ahead.close()


async def test_a_record_without_a_value_is_taken_too() -> None:
    """Anybody who may write ticks can write one; it is set aside where it is decoded."""
    fetches = Fetches()
    ahead = ReadAhead(fetches, most_bytes=1)
    fetches.give_raw(Raw(1))
    assert offsets(await ahead.take(9, DEADLINE_S)) == [1]
    await ahead.close()
