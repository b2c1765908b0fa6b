"""cbETH, which venues quote in ETH, before and after a change that loses the conversion leg.

The figures are those of Moonwell's cbETH market in February 2026: 2,200 USD became 1.12.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from oracle.bus.interface import Bus
from oracle.config.load import parse
from oracle.engine.engine import Engine
from oracle.model.fixed import px_exact
from oracle.model.ticks import Tick, pack
from oracle.model.topics import Topic
from oracle.node.compile import engine_spec

QUOTES = {
    "coinbase:cbETH/ETH": ("1.1199", "1.1201"),
    "balancer:cbETH/ETH": ("1.1198", "1.1202"),
    "curve:cbETH/ETH": ("1.1199", "1.1202"),
    "coinbase:ETH/USD": ("1964.0", "1964.4"),
    "kraken:ETH/USD": ("1964.1", "1964.5"),
}
OLD: dict[str, Any] = {
    "markets": {
        "CBETH-USD": {
            "number": 0,
            "mark": "index_only",
            "sources": [{"source": name} for name in list(QUOTES)[:3]],
        },
        "ETH-USD": {
            "number": 1,
            "mark": "index_only",
            "sources": [{"source": name} for name in list(QUOTES)[3:]],
        },
    }
}


def changed(**changes: Any) -> dict[str, Any]:
    """Return the configuration with every source of CBETH-USD changed as said."""
    made = deepcopy(OLD)
    for entry in made["markets"]["CBETH-USD"]["sources"]:
        entry.update(changes)
    return made


NEW = changed(quote="USD")
"""The leg is lost: what is quoted in ETH is taken as USD."""


def ticks(at_ns: int, sequence: int = 1) -> Iterator[Tick]:
    """Yield a quote of every source."""
    for name, (bid, ask) in QUOTES.items():
        yield Tick(name, sequence, at_ns, at_ns, px_exact(bid), px_exact(ask))


def tick_file(seconds: int, begin_ns: int = 1_770_000_000 * 10**9) -> str:
    """Return a CSV of `seconds` with a quote a second of every source."""
    rows = ["received_ns,event_ns,source,bid,ask,last"]
    for second in range(seconds):
        at = begin_ns + second * 10**9
        rows += [f"{at},{at},{name},{bid},{ask}," for name, (bid, ask) in QUOTES.items()]
    return "\n".join(rows) + "\n"


async def run_for_ever(bus: Bus, *, marks: bool = True) -> None:
    """Publish ticks, and the marks of the old configuration, twenty times a second."""
    engine, sequence = Engine(engine_spec(parse(OLD).markets)), 0
    while True:
        sequence, now_ns = sequence + 1, time.time_ns()
        batch = pack(ticks(now_ns, sequence))
        await bus.publish(Topic.TICKS, [("0", batch)])
        made = engine.step([batch], [], now_ns).messages()
        if marks:
            await bus.publish(Topic.MARKS, [(mark.market, mark) for mark in made])
        await asyncio.sleep(0.05)
