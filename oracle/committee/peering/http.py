"""POST over HTTP/1.1 on connections that are kept: all that members need of a client.

No redirect, proxy, cookie or compression: a peer's answer is read up to a bound and believed for
its signature only. A general client takes five times the processor time, which seven members on two
cores feel.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlsplit

import h11

from oracle.model.errors import Retryable

IDLE_S: Final = 20.0
"""A kept connection that has been idle for longer is not used again: its server may close it."""
_READ_BYTES: Final = 65_536
_HEAD_BYTES: Final = 16_384


class NoAnswer(Retryable):
    """The other side could not be reached, went away, or does not speak HTTP."""


class Said(NamedTuple):
    """An answer, whoever gave it."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Http(Protocol):
    """What carries requests to peers."""

    async def post(
        self, base: str, path: str, headers: Mapping[str, str], body: bytes, most_bytes: int
    ) -> Said:
        """Send one request and read its answer, of up to `most_bytes`; the caller sets the time.

        Raises:
            NoAnswer: there is none that can be read.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class KeptAlive:
    """`Http` over TCP and TLS."""

    def __init__(self) -> None:
        self._idle: dict[str, list[_Connection]] = {}
        self._tls: ssl.SSLContext | None = None

    async def post(
        self, base: str, path: str, headers: Mapping[str, str], body: bytes, most_bytes: int
    ) -> Said:
        """Send one request and read its answer."""
        kept = self._kept(base)
        if kept is not None:
            try:
                return await self._exchanged(kept, base, path, headers, body, most_bytes)
            except NoAnswer:
                if kept.heard:
                    raise  # it spoke and broke off; else it had closed the idle connection
        fresh = await self._opened(base)
        return await self._exchanged(fresh, base, path, headers, body, most_bytes)

    async def aclose(self) -> None:
        """Close all connections."""
        for connections in self._idle.values():
            for connection in connections:
                connection.abort()
        self._idle.clear()

    def _kept(self, base: str) -> _Connection | None:
        idle = self._idle.get(base, [])
        while idle:
            connection = idle.pop()
            if connection.usable():
                return connection
            connection.abort()
        return None

    async def _opened(self, base: str) -> _Connection:
        url = urlsplit(base)
        if url.scheme == "https" and self._tls is None:
            self._tls = ssl.create_default_context()
        tls = self._tls if url.scheme == "https" else None
        port = url.port or (443 if tls else 80)
        try:
            reader, writer = await asyncio.open_connection(url.hostname, port, ssl=tls)
        except OSError as error:
            raise NoAnswer(f"cannot connect: {error.strerror or error}") from error
        return _Connection(reader, writer, url.netloc)

    async def _exchanged(
        self,
        connection: _Connection,
        base: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        most_bytes: int,
    ) -> Said:
        done = False
        try:
            said = await connection.exchange(path, headers, body, most_bytes)
            done = connection.renew()
        except (OSError, h11.ProtocolError, UnicodeDecodeError) as error:
            raise NoAnswer(str(error) or type(error).__name__) from error
        finally:
            if done:
                self._idle.setdefault(base, []).append(connection)
            else:
                connection.abort()
        return said


class _Connection:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str
    ) -> None:
        self._reader, self._writer, self._host = reader, writer, host
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
        self._used = time.monotonic()
        self.heard = False

    def usable(self) -> bool:
        """Whether the other side has kept it too, as far as is known."""
        fresh = time.monotonic() - self._used < IDLE_S
        return fresh and not self._reader.at_eof() and not self._writer.is_closing()

    def abort(self) -> None:
        """Close at once."""
        self._writer.transport.abort()

    def renew(self) -> bool:
        """Return whether it can be used again."""
        if (self._http.our_state, self._http.their_state) != (h11.DONE, h11.DONE):
            return False
        self._http.start_next_cycle()
        self._used = time.monotonic()
        return True

    async def exchange(
        self, path: str, headers: Mapping[str, str], body: bytes, most_bytes: int
    ) -> Said:
        """Send and read.

        Raises:
            NoAnswer: more than `most_bytes`.
            OSError: the connection broke.
            h11.ProtocolError: that was no HTTP, or it ended in the middle.
        """
        self.heard = False
        sent = {"host": self._host, "content-length": str(len(body)), **headers}
        request = h11.Request(method="POST", target=path, headers=list(sent.items()))
        parts = (request, h11.Data(data=body), h11.EndOfMessage())
        self._writer.write(b"".join(self._http.send(part) or b"" for part in parts))
        await self._writer.drain()
        response, said = await self._response(), bytearray()
        while isinstance(event := await self._event(), h11.Data):
            said += event.data
            if len(said) > most_bytes:
                raise NoAnswer(f"an answer has up to {most_bytes} bytes")
        found = {name.decode("ascii"): value.decode("ascii") for name, value in response.headers}
        return Said(response.status_code, found, bytes(said))

    async def _response(self) -> h11.Response:
        while not isinstance(event := await self._event(), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise NoAnswer("the connection was closed before an answer")
        return event

    async def _event(self) -> h11.Event:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            data = await self._reader.read(_READ_BYTES)
            self.heard = self.heard or bool(data)
            self._http.receive_data(data)
        if isinstance(event, type):
            raise NoAnswer("the connection is in no state for an answer")
        return event
