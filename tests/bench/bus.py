"""How fast a bus carries ticks: single ones against batches, and the delay from end to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from oracle.bus.interface import Bus, Subscription
from oracle.model.fixed import Px
from oracle.model.messages import Message, encode
from oracle.model.ticks import Tick, TickBatch, pack
from oracle.model.topics import Topic

_IN_FLIGHT = 200  # messages of one publish call
_PROBES = 300
_QUIET_S = 30.0


async def measure(bus: Bus, ticks: int, batch: int) -> dict[str, float]:
    """Send `ticks` ticks in messages of `batch` each, then single messages for their delay.

    The bus is entered and its topics exist. Returns figures by name: `messages_per_s` and
    `ticks_per_s` from the first publish to the last record taken, `bytes_per_tick`, and
    `p50_ms` and `p99_ms` from publish to take of a lone message of `batch` ticks.
    """
    message = _batch(batch)
    count = max(1, ticks // batch)
    async with bus.subscribe(Topic.TICKS) as reader:
        began = time.perf_counter()
        reading = asyncio.create_task(_take(reader, count))
        for first in range(0, count, _IN_FLIGHT):
            await bus.publish(Topic.TICKS, [("0", message)] * min(_IN_FLIGHT, count - first))
        await reading
        took_s = time.perf_counter() - began
        delays_ms = sorted([await _delay_ms(bus, reader, message) for _ in range(_PROBES)])
    return {
        "messages_per_s": count / took_s,
        "ticks_per_s": count * batch / took_s,
        "bytes_per_tick": len(encode(message)) / batch,
        "p50_ms": _quantile(delays_ms, 0.50),
        "p99_ms": _quantile(delays_ms, 0.99),
    }


async def _take(reader: Subscription, count: int) -> None:
    while count > 0:
        records = await reader.take(limit=1000, timeout_s=_QUIET_S)
        if not records:
            raise TimeoutError(f"{count} messages did not come within {_QUIET_S:.0f} s")
        count -= len(records)


async def _delay_ms(bus: Bus, reader: Subscription, message: Message) -> float:
    taking = asyncio.create_task(_take(reader, 1))
    began = time.perf_counter()
    await bus.publish(Topic.TICKS, [("0", message)])
    await taking
    return (time.perf_counter() - began) * 1000


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _batch(size: int) -> TickBatch:
    """Make one batch as a busy minute looks: five sources, rising times, bid and ask."""
    now_ns = 1_760_000_000_000_000_000
    return pack(
        Tick(
            source=f"venue-{n % 5}:BTC/USD",
            sequence=n,
            event_ns=now_ns + n * 1_000_003,
            received_ns=now_ns + n * 1_000_003 + 40_000_000,
            bid=Px(6_512_340 + n % 17, -2),
            ask=Px(6_512_345 + n % 19, -2),
        )
        for n in range(size)
    )
