"""Serve an ASGI application inside a running event loop, with a bound on every connection."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from oracle.model.errors import ConfigError

GRACE_S: Final = 2
"""How long requests may finish when the server stops; then they are cut."""
MAX_CONNECTIONS: Final = 256
CONNECTIONS_EACH: Final = 8
"""Of one who has proved to be somebody: with 31 such there is room for strangers."""
REQUEST_S: Final = 5.0
"""A connection that has not brought a whole request within this is cut."""
KEEP_ALIVE_S: Final = 30
PROVE: Final = "plumbline.prove"
"""In the scope: called by the application with who asks, once it knows that nobody else could."""


class Served(NamedTuple):
    """A server that runs."""

    url: str
    """Its base URL, with the port it has."""
    running: asyncio.Task[None]


class Bounds(NamedTuple):
    """What connections may take."""

    connections: int = MAX_CONNECTIONS
    each: int = CONNECTIONS_EACH
    request_s: float = REQUEST_S


class Keys(NamedTuple):
    """The keys of the configuration that say where to listen."""

    host: str
    port: str


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process that embeds it has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Bounded(H11Protocol):
    """A connection that must bring each request in time.

    When there are too many, the oldest that nobody has proved to be somebody's is cut for the
    newest: strangers can take each other's places, and none of a peer's. Nor can a peer take
    another's: of its own it has so many, and the one that it used least lately is cut.
    """

    bounds = Bounds()
    owner: Hashable = None
    proven_s = 0.0
    made_s = 0.0
    _cut_at: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self.made_s = self.loop.time()
        self._arm()
        others = self._others()
        if len(others) >= self.bounds.connections:
            strangers = [one for one in others if one.owner is None]
            min(strangers or others, key=lambda one: one.made_s).transport.abort()

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of a request no longer than for the whole."""
        if self._cut_at is None and self.conn.their_state is h11.IDLE:
            self._arm()
        super().data_received(data)
        if self.scope is not None:
            self.scope[PROVE] = self._prove  # type: ignore[typeddict-unknown-key]  # our own key
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._disarm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._disarm()
        super().connection_lost(exc)

    def _prove(self, owner: Hashable) -> None:
        self.owner, self.proven_s = owner, self.loop.time()
        same = [one for one in self._others() if one.owner == owner]
        if len(same) >= self.bounds.each:
            min(same, key=lambda one: one.proven_s).transport.abort()

    def _others(self) -> list[Any]:
        """Return the other connections that are not being closed already."""
        open_ones = [one for one in self.connections if not one.transport.is_closing()]
        return [one for one in open_ones if one is not self]

    def _arm(self) -> None:
        self._cut_at = self.loop.call_later(self.bounds.request_s, self._cut)

    def _disarm(self) -> None:
        if self._cut_at is not None:
            self._cut_at.cancel()
            self._cut_at = None

    def _cut(self) -> None:
        self.transport.abort()


@asynccontextmanager
async def serving(
    app: Any,
    host: str,
    port: int,
    keys: Keys,
    *,
    limit: int | None = MAX_CONNECTIONS,
    bounds: Bounds = Bounds(),  # noqa: B008 - frozen
    ending: Callable[[], None] | None = None,
) -> AsyncIterator[Served]:
    """Serve the ASGI application `app` while the context lasts; port 0 takes a free one.

    Leaving calls `ending`, lets requests finish for `GRACE_S`, and cuts the rest.

    Args:
        keys: what to change in the configuration when it goes wrong.
        limit: beyond so many connections at a time requests are answered 503; None cuts the
            oldest of strangers instead.
        bounds: of connections.

    Raises:
        ConfigError: the port is in use or the address is not this machine's.
    """
    listener = _bind(host, port, keys)
    server = _Server(
        uvicorn.Config(
            app,
            http=type("Bounded", (Bounded,), {"bounds": bounds}),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            ws="none",
            limit_concurrency=limit,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    running = asyncio.create_task(server.serve(sockets=[listener]), name=f"{keys.port}.server")
    try:
        yield Served(_url(host, listener.getsockname()[1]), running)
    finally:
        if ending is not None:
            ending()
        server.should_exit = True
        try:
            await running
        finally:
            for connection in list(server.server_state.connections):
                if connection.transport is not None:
                    connection.transport.abort()


def _bind(host: str, port: int, keys: Keys) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            text = f"port {port} on {host} is in use: choose another with {keys.port}"
        elif error.errno == errno.EACCES:
            text = f"port {port} needs more rights: choose one above 1023 with {keys.port}"
        else:
            text = f"cannot listen on {host}: {error.strerror or error}; set {keys.host}"
        raise ConfigError(text) from error
    listener.setblocking(False)
    return listener


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
