"""Serve the API beside the other loops; its live streams end with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI

from oracle.api.view import LatestView
from oracle.listening import Keys, Served
from oracle.listening import serving as serving_any

KEYS: Final = Keys("api.host", "api.port")


@asynccontextmanager
async def serving(app: FastAPI, host: str, port: int) -> AsyncIterator[Served]:
    """Serve `app` while the context lasts; port 0 takes a free one.

    Leaving ends the live streams, lets other requests finish, and cuts the rest.

    Raises:
        ConfigError: the port is in use or the address is not this machine's.
    """
    view: LatestView = app.state.view
    async with serving_any(app, host, port, KEYS, ending=view.fanout.end) as served:
        yield served


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
