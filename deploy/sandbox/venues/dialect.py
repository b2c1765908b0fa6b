"""What every simulated exchange shares: its server, its sessions, its pushes.

A dialect is one file that knows a venue's documented wire protocol: REST handlers, what a
subscription looks like, what a frame looks like. To add one, copy the smallest.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from aiohttp import WSCloseCode, WSMsgType, web

from deploy.sandbox.venues.knobs import Garbage, Knobs
from deploy.sandbox.venues.listings import LISTINGS, Listing
from deploy.sandbox.venues.market import Quote

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Json = dict[str, Any]

_MALFORMED: Final[dict[str, Any]] = {
    "bid": "NaN",
    "ask": "",
    "last": "six",
    "bid_size": "many",
    "ask_size": "",
    "last_size": "few",
    "funding": "soon",
}
_JUNK: Final = ('{"truncated":', "not json at all", "[]", "[null]", '{"data":7}', "{}")


class Malformed(Exception):
    """The garbage knob wants this REST answer spoiled."""


class Session:
    """One WebSocket connection: what it subscribed, and what it was last sent."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self.path = request.path
        self.query = request.query
        self.transport = request.transport
        self.sent: dict[tuple[str, str], Quote | None] = {}
        """(channel, symbol) to the last quote pushed; None before the first."""
        self.shown: dict[str, dict[str, Json]] = {}
        """What deltas are against, by channel and symbol."""
        self.count = itertools.count()

    def subscribe(self, channel: str, symbol: str) -> bool:
        """Push `symbol` on `channel` from now on. Returns whether that is new."""
        if (channel, symbol) in self.sent:
            return False
        self.sent[channel, symbol] = None
        return True

    async def send(self, message: object) -> None:
        """Send JSON, or text as it is."""
        text = message if isinstance(message, str) else json.dumps(message, separators=(",", ":"))
        with contextlib.suppress(ConnectionError):  # gone; its reader notices
            await self.socket.send_str(text)


class Dialect(ABC):
    """One venue: `name` is its ccxt id."""

    name: ClassVar[str]
    heartbeat_s: ClassVar[float] = 1.0

    def __init__(self, knobs: Knobs, symbols: Iterable[str], now_ms: Callable[[], int]) -> None:
        self.knobs = knobs
        self.symbols = tuple(symbols)
        self.now_ms = now_ms
        self.sessions: set[Session] = set()
        self._junk = itertools.cycle(_JUNK)

    @abstractmethod
    def rest(self) -> dict[str, Handler]:
        """REST paths and their handlers."""

    def posts(self) -> dict[str, Handler]:
        """REST paths that take their question as a body, and their handlers."""
        return {}

    @abstractmethod
    def ws_paths(self) -> tuple[str, ...]:
        """Paths that speak WebSocket; they may hold `{variables}`."""

    @abstractmethod
    async def received(self, session: Session, message: Any) -> None:
        """Answer one message of a client: parsed JSON, or text that is none."""

    @abstractmethod
    def frame(self, session: Session, channel: str, symbol: str, quote: Quote) -> object:
        """Make the frame that tells one quote on one channel."""

    def interval_ms(self, channel: str) -> int:  # noqa: ARG002  a hook
        """Least time between two frames of a channel; 0: every step."""
        return 0

    async def opened(self, session: Session) -> None:  # noqa: B027  a hook
        """Greet, where the venue does."""

    async def beat(self, session: Session) -> None:  # noqa: B027  a hook
        """Send the venue's heartbeat, where it has one."""

    def listing(self, symbol: str) -> Listing:
        """Look up an instrument of this venue."""
        return LISTINGS[self.name][symbol]

    def market_id(self, symbol: str) -> str:
        """Give the venue's own name of an instrument."""
        listing = self.listing(symbol)
        return listing.base + listing.quote

    def symbol_of(self, market_id: str) -> str | None:
        """Give the symbol behind the venue's own name."""
        return next((s for s in self.symbols if self.market_id(s) == market_id), None)

    def quote(self, symbol: str) -> Quote:
        """Give what the venue shows now over REST.

        Raises:
            Malformed: the garbage knob spoils this answer.
        """
        if self.knobs.garbage_of(self.name, symbol) is Garbage.MALFORMED:
            raise Malformed
        return self.knobs.quote(self.name, symbol)

    async def push(self) -> None:
        """Send every session the quotes that are new to it."""
        for session in tuple(self.sessions):
            if self._is_mute(session.path) and session.transport is not None:
                session.transport.abort()
            for channel, symbol in tuple(session.sent):
                quote = self.knobs.quote(self.name, symbol)
                shown = session.sent[channel, symbol]
                if quote == shown or (
                    shown and quote.event_ms < shown.event_ms + self.interval_ms(channel)
                ):
                    continue
                session.sent[channel, symbol] = quote
                if self.knobs.garbage_of(self.name, symbol) is Garbage.MALFORMED:
                    await session.send(next(self._junk))
                    quote = replace(quote, **_MALFORMED)
                await session.send(self.frame(session, channel, symbol, quote))

    def _is_mute(self, path: str) -> bool:
        return any(self.knobs.is_mute(self.name, part) for part in path.split("/"))

    async def drop_all(self) -> None:
        """Cut every connection without a farewell."""
        for session in tuple(self.sessions):
            if session.transport is not None:
                session.transport.abort()

    def application(self) -> web.Application:
        """Make the web application that speaks this dialect."""
        app = web.Application(middlewares=[self._guard])
        for path, handler in self.rest().items():
            app.router.add_get(path, handler)
        for path, handler in self.posts().items():
            app.router.add_post(path, handler)
        for path in self.ws_paths():
            app.router.add_get(path, self._converse)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._is_mute(request.path) or self.knobs.is_down(self.name):
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        try:
            return await handler(request)
        except Malformed:
            return web.Response(text="<html><body>Bad gateway", content_type="text/html")

    async def _converse(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        session = Session(socket, request)
        self.sessions.add(session)
        beats = asyncio.create_task(self._beats(session))
        try:
            await self.opened(session)
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self.received(session, _parsed(message.data))
        except (KeyError, TypeError, AttributeError):  # a request that lacks what it must have
            await socket.close(code=WSCloseCode.POLICY_VIOLATION)
        finally:
            beats.cancel()
            self.sessions.discard(session)
        return socket

    async def _beats(self, session: Session) -> None:
        while True:
            await asyncio.sleep(self.heartbeat_s)
            await self.beat(session)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def iso8601(time_ms: int) -> str:
    """Format a time as RFC 3339 in UTC with microseconds."""
    seconds, millis = divmod(time_ms, 1000)
    stamp = datetime.fromtimestamp(seconds, UTC)
    return f"{stamp:%Y-%m-%dT%H:%M:%S}.{millis:03d}000Z"
