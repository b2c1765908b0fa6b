"""Serve an application with uvicorn inside a running event loop, beside the other loops."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import uvicorn
from fastapi import FastAPI

from oracle.api.view import LatestView
from oracle.model.errors import ConfigError

GRACE_S: Final = 2
"""How long requests may finish when the server stops; then they are cut."""
MAX_CONNECTIONS: Final = 256


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process that embeds it has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Served(NamedTuple):
    """A server that runs."""

    url: str
    """Its base URL, with the port it has."""
    running: asyncio.Task[None]


@asynccontextmanager
async def serving(app: FastAPI, host: str, port: int) -> AsyncIterator[Served]:
    """Serve `app` while the context lasts; port 0 takes a free one.

    Leaving ends the live streams, lets other requests finish for `GRACE_S`, and cuts the rest.

    Raises:
        ConfigError: the port is in use or the address is not this machine's.
    """
    listener = _bind(host, port)
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    running = asyncio.create_task(server.serve(sockets=[listener]), name="api.server")
    try:
        yield Served(_url(host, listener.getsockname()[1]), running)
    finally:
        view: LatestView = app.state.view
        view.fanout.end()
        server.should_exit = True
        try:
            await running
        finally:
            for connection in list(server.server_state.connections):
                if connection.transport is not None:
                    connection.transport.abort()


async def serve(
    app: FastAPI, host: str, port: int, listening: Callable[[str], None] | None = None
) -> None:
    """Serve `app` until cancelled; `listening` is told the base URL.

    Raises:
        ConfigError: as `serving`.
    """
    async with serving(app, host, port) as served:
        if listening is not None:
            listening(served.url)
        await asyncio.shield(served.running)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            text = f"port {port} on {host} is in use: choose another with api.port"
        elif error.errno == errno.EACCES:
            text = f"port {port} needs more rights: choose one above 1023 with api.port"
        else:
            text = f"cannot listen on {host}: {error.strerror or error}; set api.host"
        raise ConfigError(text) from error
    listener.setblocking(False)
    return listener


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
