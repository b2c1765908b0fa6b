"""What is measured apart from the pipeline: a broker flat out, and feeds on sandbox venues."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import yaml

from deploy.sandbox.venues.server import SandboxVenues
from oracle.bus.interface import Start
from oracle.bus.kafka import KafkaBus
from oracle.model.messages import Message
from oracle.model.topics import Topic
from tests.bench.scaling.load import TICKS_A_MESSAGE, Ticks
from tests.bench.scaling.processes import (
    START_S,
    cpu_s,
    free_ports,
    rss_mib,
    running,
    total,
    until,
)

ROUNDS: Final = 40
SECONDS: Final = 20.0
_FEED_TICKS: Final = "plumbline_feed_ticks_total"
_SYMBOLS: Final = {
    "binance": ["BTC/USDT", "ETH/USDT"],
    "okx": ["BTC/USDT", "ETH/USDT"],
    "coinbase": ["BTC/USD", "ETH/USD"],
    "kraken": ["BTC/USD", "ETH/USD"],
}


async def flat_out(
    bootstrap: str, broker_s: Callable[[], float], marks: Sequence[Message]
) -> dict[str, float]:
    """Return what a warm broker spends on a tick and on a mark, each written and read once.

    At a low rate its fixed costs, and not its work, would be measured.
    """
    ticks, found = Ticks(400), {}
    quotes: list[Message] = [ticks.message(time.time_ns()) for _ in range(200)]
    bus = KafkaBus(bootstrap, prefix="flat.")
    async with bus:
        await bus.ensure_topics()
        for topic, messages, each in (
            (Topic.TICKS, quotes, TICKS_A_MESSAGE),
            (Topic.MARKS, marks, 1),
        ):
            for _ in ("warm", "measured"):
                before = broker_s()
                await _through(bus, topic, messages)
                spent_us = (broker_s() - before) * 1e6
                found[f"broker_{topic[:-1]}"] = spent_us / (ROUNDS * len(messages) * each)
    return found


async def _through(bus: KafkaBus, topic: Topic, messages: Sequence[Message]) -> None:
    async with bus.subscribe(topic, start=Start.TAIL) as reader:
        left = ROUNDS * len(messages)

        async def read() -> None:
            nonlocal left
            while left > 0:
                left -= len(await reader.take(limit=5_000))

        reading = asyncio.create_task(read())
        for _ in range(ROUNDS):
            await bus.publish(topic, [("0", message) for message in messages])
        await asyncio.wait_for(reading, START_S)


async def feeds(bootstrap: str, folder: Path) -> tuple[float, float]:
    """Return what `plumb feeds` spends on a tick, in us, and what it holds, in MiB."""
    home = folder / "feeds"
    home.mkdir()
    bus = KafkaBus(bootstrap, prefix="feeds.")
    async with bus:
        await bus.ensure_topics()
    async with SandboxVenues(seed=1, step_ms=20) as venues:
        config = home / "config.yaml"
        config.write_text(yaml.safe_dump(_configuration(bootstrap, venues)))
        (port,) = free_ports(1)
        with running("feeds", config, home, port) as pid:
            await until(port, _FEED_TICKS, 500)
            before_s, before = cpu_s(pid), await total(port, _FEED_TICKS)
            await asyncio.sleep(SECONDS)
            spent_s, ticks = cpu_s(pid) - before_s, await total(port, _FEED_TICKS) - before
            return spent_s / ticks * 1e6, rss_mib(pid)


def _configuration(bootstrap: str, venues: SandboxVenues) -> dict[str, object]:
    return {
        "bus": {"kind": "kafka", "bootstrap": bootstrap, "prefix": "feeds."},
        "feeds": [
            {
                "kind": "ccxt",
                "venue": venue,
                "symbols": symbols,
                "rest_url": venues.urls[venue][0],
                "ws_url": venues.urls[venue][1],
            }
            for venue, symbols in _SYMBOLS.items()
        ],
        "markets": {
            f"{base}-USD": {
                "number": at,
                "sources": [{"source": f"{venue}:{base}/USD"} for venue in ("coinbase", "kraken")],
            }
            for at, base in enumerate(("BTC", "ETH"))
        },
    }
