"""The sandbox exchanges: one server a venue on a free port, and one to turn the knobs over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from deploy.sandbox.venues.binance import BinanceCoinM, BinanceSpot, BinanceUsdM
from deploy.sandbox.venues.bybit import Bybit
from deploy.sandbox.venues.coinbase import Coinbase
from deploy.sandbox.venues.cryptocom import CryptoCom
from deploy.sandbox.venues.dialect import Dialect
from deploy.sandbox.venues.hyperliquid import Hyperliquid
from deploy.sandbox.venues.knobs import Knobs
from deploy.sandbox.venues.kraken import Kraken
from deploy.sandbox.venues.krakenfutures import KrakenFutures
from deploy.sandbox.venues.listings import LISTINGS
from deploy.sandbox.venues.market import Market
from deploy.sandbox.venues.okx import Okx
from oracle.model.errors import ConfigError

DIALECTS: Final[tuple[type[Dialect], ...]] = (
    BinanceSpot,
    BinanceUsdM,
    BinanceCoinM,
    Bybit,
    Coinbase,
    CryptoCom,
    Hyperliquid,
    Kraken,
    KrakenFutures,
    Okx,
)
_KNOBS: Final = frozenset(
    {"wick", "freeze", "delay", "garbage", "disconnect", "mute", "shift", "depeg", "clear"}
)
_LOCALHOST: Final = "127.0.0.1"
CONTROL: Final = "control"


def wall_ms() -> int:
    """Read the wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


class SandboxVenues:
    """Simulated exchanges on this machine; use as `async with`.

    `symbols` names venues and what each lists; everything it can by default. `urls[venue]` is
    (REST, WebSocket) base address, `control_url` takes `POST /knobs/NAME` with the knob's
    arguments as JSON, and `GET /knobs`. `ports` names venues, or `CONTROL`, and what each takes
    instead of a free one.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        symbols: Mapping[str, Sequence[str]] | None = None,
        step_ms: int = 100,
        now_ms: Callable[[], int] = wall_ms,
        host: str = _LOCALHOST,
        ports: Mapping[str, int] | None = None,
    ) -> None:
        listed = {venue: tuple(of) for venue, of in LISTINGS.items()}
        chosen = listed if symbols is None else {v: tuple(s) for v, s in symbols.items()}
        for venue, names in chosen.items():
            if unknown := set(names) - set(listed.get(venue, ())):
                raise ConfigError(
                    f"sandbox venue {venue!r} has no {', '.join(sorted(unknown))}; it can list "
                    f"{', '.join(listed.get(venue, ('nothing: no such venue',)))}"
                )
        self.market = Market(seed, start_ms=now_ms(), step_ms=step_ms)
        self.knobs = Knobs(self.market, now_ms)
        self.urls: dict[str, tuple[str, str]] = {}
        self.control_url = ""
        self._dialects = [
            dialect(self.knobs, chosen[dialect.name], now_ms)
            for dialect in DIALECTS
            if dialect.name in chosen
        ]
        self._step_s = step_ms / 1000
        self._host, self._ports = host, ports or {}
        self._runners: list[web.AppRunner] = []
        self._pushes: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        try:
            for dialect in self._dialects:
                host = await self._serve(dialect.application(), dialect.name)
                self.urls[dialect.name] = (f"http://{host}", f"ws://{host}")
            self.control_url = f"http://{await self._serve(self._control(), CONTROL)}"
        except OSError:
            await self._stop()
            raise
        self._pushes = [asyncio.create_task(self._push(dialect)) for dialect in self._dialects]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        for task in self._pushes:
            task.cancel()
        await asyncio.gather(*self._pushes, return_exceptions=True)
        for dialect in self._dialects:
            await dialect.drop_all()
        for runner in self._runners:
            await runner.cleanup()

    async def _serve(self, app: web.Application, name: str) -> str:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        self._runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, self._host, self._ports.get(name, 0))
        await site.start()
        return f"{self._host}:{runner.addresses[0][1]}"

    async def _push(self, dialect: Dialect) -> None:
        while True:
            if self.knobs.is_down(dialect.name):
                await dialect.drop_all()
            else:
                await dialect.push()
            await asyncio.sleep(self._step_s)

    def _control(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/knobs", self._list)
        app.router.add_post("/knobs/{name}", self._turn)
        return app

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response(self.knobs.in_force())

    async def _turn(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in _KNOBS:
            return _refusal(f"knob {name!r}: use one of {', '.join(sorted(_KNOBS))}", 404)
        arguments: Any = None
        with contextlib.suppress(ValueError):
            arguments = await request.json()
        if not isinstance(arguments, dict):
            return _refusal("send the knob's arguments as one JSON object", 400)
        try:
            getattr(self.knobs, name)(**arguments)
        except (ConfigError, TypeError, ValueError) as error:
            return _refusal(str(error), 400)
        return web.json_response(self.knobs.in_force())


def _refusal(message: str, status: int) -> web.Response:
    return web.json_response({"error": message}, status=status)
