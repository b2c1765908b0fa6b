"""A chain that has been pushed to, a chain that is not there, and an API with our own marks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from oracle.api.app import create_app
from oracle.api.server import serving
from oracle.api.view import LatestView
from oracle.bus.memory import MemoryBus
from oracle.model.topics import Topic
from tests.integration.relayer.conftest import (  # noqa: F401 (fixtures)
    Site,
    away,
    deliver,
    exits,
    fresh_word,
    home,
)
from tests.unit.api.samples import mark, until
from tests.unit.relayer.words import COMMITTEE, SALT

NOBODY = "http://127.0.0.1:9"
MARKETS = {"BTC-USD": 0, "ETH-USD": 1}


class Deployment:
    """A configuration over chains, and what was pushed to them."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.site = site
        self.file = folder / "config.yaml"
        self.slot = 0

    def write(self, *more: Mapping[str, Any], heartbeat: str = "1h", runway: str = "1s") -> Path:
        """Write the configuration: the site's chain, and `more`."""
        chain = self.site.config().model_dump(mode="json", include={"name", "chain_id", "oracle"})
        key = {
            "keystore": str(self.site.key.keystore),
            "password_file": str(self.site.key.password_file),
        }
        own = chain | {
            "rpc": [self.site.node.rpc_url], "key": key, "push": {"heartbeat": heartbeat},
            "timeout": "2s",
        }  # fmt: skip
        data = {
            "deployment": {"network": "plumbline-test", "home_governor": "0x" + "0" * 39 + "1",
                           "nonce": 1},
            "markets": {
                name: {"number": number, "sources": _sources(name)}
                for name, number in MARKETS.items()
            },
            "committee": {
                "epoch": 1,
                "threshold": COMMITTEE.threshold,
                "members": ["0x" + member.hex() for member in COMMITTEE.members],
            },
            "chains": [own, *({**own, **other} for other in more)],
            "relayer": {"overdue": 2.0, "runway": runway},
        }  # fmt: skip
        self.file.write_text(yaml.safe_dump(data))
        return self.file

    async def push(self, price: int) -> None:
        """Push a report of two markets: `price` / 1000, and 1 more."""
        self.slot += 1
        await self.site.chain.push(deliver(self.slot, fresh_word(price)))


def _sources(market: str) -> list[dict[str, str]]:
    base = market.partition("-")[0]
    return [{"source": f"{venue}:{base}/USD"} for venue in ("a", "b")]


@pytest.fixture
async def deployment(home: Site, tmp_path: Path) -> Deployment:  # noqa: F811 (a fixture)
    """One chain with nothing pushed yet."""
    await home.chain.start(SALT)
    return Deployment(tmp_path, home)


@pytest.fixture
async def api() -> AsyncIterator[str]:
    """Serve our own marks: BTC at 100.1, ETH without a price."""
    bus = MemoryBus()
    view = LatestView(bus, MARKETS, max_age_ms=3_600_000, clock_ns=time.time_ns)
    following = asyncio.create_task(view.run())
    await until(partial(_reads, view))
    now_ms = time.time_ns() // 10**6
    await bus.publish(Topic.MARKS, [("BTC-USD", mark("BTC-USD", now_ms, "100.1"))])
    await until(lambda: "BTC-USD" in view.marks)
    async with serving(create_app(view), "127.0.0.1", 0) as served:
        yield served.url
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


def _reads(view: LatestView) -> bool:
    return not any(reason.startswith("bus") for reason in view.unready())
