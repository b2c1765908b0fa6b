"""Stands between clients and a broker, and loses, holds or delays what they say."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Final, Self

_CHUNK: Final = 16 * 1024


class Proxy:
    """Forwards connections to `target`, a port of 127.0.0.1; use as `async with`.

    A direction that is held says nothing more, and no connection is closed: what was sent arrives
    when it is freed, as after a router's failure. New connections are taken, and held too.
    """

    def __init__(self, port: int, target: int) -> None:
        self._socket: Final = socket.create_server(("127.0.0.1", port))
        self._target: Final = target
        self.delay_s = 0.0
        """Of each piece of up to 16 KiB, in each direction."""
        self._free: Final = {"in": asyncio.Event(), "out": asyncio.Event()}
        self._serving: Final[set[asyncio.Task[None]]] = set()
        self._writers: Final[set[asyncio.StreamWriter]] = set()

    async def __aenter__(self) -> Self:
        self.free()
        self._server = await asyncio.start_server(self._serve, sock=self._socket)
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._server.close()
        self.free()
        self.reset()
        await asyncio.gather(*self._serving)

    def hold(self, *directions: str) -> None:
        """Hold what goes `in` to the broker, `out` of it, or both."""
        for direction in directions:
            self._free[direction].clear()

    def free(self) -> None:
        """Let all through, what was held first."""
        self.delay_s = 0.0
        for event in self._free.values():
            event.set()

    def reset(self) -> None:
        """Cut all connections, as a firewall that was restarted does."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours = asyncio.current_task()
        assert ours is not None
        self._serving.add(ours)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.update((writer, back))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pass(reader, back, "in"))
                tasks.create_task(self._pass(there, writer, "out"))
        except* OSError:
            pass  # the broker is away, or a connection was reset
        finally:
            writer.transport.abort()
            self._serving.discard(ours)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str
    ) -> None:
        try:
            while data := await reader.read(_CHUNK):
                await self._free[direction].wait()
                await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()
        finally:
            self._writers.discard(writer)
            with contextlib.suppress(OSError, RuntimeError):
                writer.close()
