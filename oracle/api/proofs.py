"""The paths by which others read this deployment's archive, to check what it signed.

They give what the archive has, as it is there: `oracle.archive.store.Store` of this server's URL
reads it like a folder. Off unless `archive.serve_for` says for how long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from prometheus_client import REGISTRY, CollectorRegistry, Counter
from starlette.types import Receive, Scope, Send

from oracle.api import problems
from oracle.api.problems import ProblemError, documented
from oracle.api.turns import Turns
from oracle.model.errors import Rejected, Retryable

if TYPE_CHECKING:
    from oracle.archive.served import ServedArchive

READERS: Final = 2
"""Requests that look something up at a time, of whoever asks."""
SENDERS: Final = 16
"""Parts on their way at a time, ..."""
SEND_S: Final = 120.0
"""... each for so long at most: a reader that stalls holds nobody's place for ever."""
PIECES: Final = 4
"""Pieces of them that are read from the store at a time."""
TIMEOUT_S: Final = 20.0
_PIECE: Final = 256 * 1024
LONGEST_PATH: Final = 200
_CACHED: Final = "public, max-age=86400, immutable"
_PART: Final = "application/vnd.apache.parquet"

Answer = TypeVar("Answer")
PathOf = Annotated[str, Query(max_length=LONGEST_PATH, examples=["kind=rounds/day=2026-11-23"])]

router: Final = APIRouter(prefix="/v1/archive", tags=["archive"])


class Lending:
    """Reads the archive for others: few at a time, and so many bytes a second."""

    def __init__(
        self,
        served: ServedArchive,
        bytes_per_s: int,
        registry: CollectorRegistry = REGISTRY,
        *,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.served: Final = served
        self._bytes_per_s, self._timeout_s, self._clock = bytes_per_s, timeout_s, clock
        self._turns, self._reading = Turns(READERS), Turns(PIECES)
        self._free_s = 0.0
        self._sending = 0
        self._sent = Counter(
            "plumbline_archive_served_bytes_total",
            "Bytes of parts given to others",
            registry=registry,
        )
        self._refused = Counter(
            "plumbline_archive_not_served_total",
            "Requests for the archive that were refused",
            ["reason"],
            registry=registry,
        )

    async def read(self, call: Callable[[], Answer]) -> Answer:
        """Return what `call` does in a thread.

        Raises:
            ProblemError: it is not there, or not served.
            Retryable: the archive did not answer in time.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._turns.run(call)
        except TimeoutError as error:
            self._refused.labels("busy").inc()
            raise Retryable("too many ask for the archive at once: try again") from error
        except (Rejected, FileNotFoundError) as error:
            self._refused.labels("not_served").inc()
            raise ProblemError(404, problems.NOT_SERVED, str(error)) from error

    async def spend(self, size: int) -> None:
        """Wait until so many bytes may go out.

        Raises:
            Retryable: that would take too long.
        """
        now_s = self._clock()
        begin_s = max(now_s, self._free_s)
        if begin_s - now_s > self._timeout_s:
            self._refused.labels("rate").inc()
            raise Retryable(
                f"the archive gives {self._bytes_per_s} bytes a second, and others wait: try again"
            )
        self._free_s = begin_s + size / self._bytes_per_s
        await asyncio.sleep(begin_s - now_s)

    def send(self, part: BinaryIO, size: int, kind: str) -> Sending:
        """Return the answer that has a part, and closes it.

        Raises:
            Retryable: too many are on their way.
        """
        if self._sending >= SENDERS:
            part.close()
            self._pay_back(size)
            self._refused.labels("busy").inc()
            raise Retryable(f"{SENDERS} parts are on their way to others: try again")
        self._sending += 1
        return Sending(part, size, kind, self._reading, self._sent_one)

    def _sent_one(self, sent: int, size: int) -> None:
        self._sending -= 1
        self._sent.inc(sent)
        self._pay_back(size - sent)

    def _pay_back(self, size: int) -> None:
        """Give others the bytes that did not go out, of who asked for much and left."""
        self._free_s -= size / self._bytes_per_s


class Sending(StreamingResponse):
    """A part, piece by piece, for so long at most."""

    def __init__(
        self,
        part: BinaryIO,
        size: int,
        kind: str,
        reading: Turns,
        done: Callable[[int, int], None],
    ) -> None:
        headers = {"Cache-Control": _CACHED, "Content-Length": str(size)}
        super().__init__(self._pieces(), media_type=kind, headers=headers)
        self._part, self._size, self._reading, self._done = part, size, reading, done
        self._sent = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; one that takes too long is cut."""
        try:
            async with asyncio.timeout(SEND_S):
                await super().__call__(scope, receive, send)
        finally:
            self._part.close()
            self._done(self._sent, self._size)

    async def _pieces(self) -> AsyncIterator[bytes]:
        while piece := await self._reading.run(lambda: self._part.read(_PIECE)):
            yield piece
            self._sent += len(piece)


def _lending(request: Request) -> Lending:
    lending: Lending | None = request.app.state.lending
    if lending is None:
        detail = "this server serves no archive: ask another member's"
        raise ProblemError(404, problems.NOT_SERVED, detail)
    return lending


Lent = Annotated[Lending, Depends(_lending)]


@router.get("/folders", summary="Folders of the archive", responses=documented(404, 422, 503))
async def get_folders(lending: Lent, path: PathOf = "") -> list[str]:
    """Return the names of the folders right below `path`; without one, the kinds."""
    return await lending.read(lambda: lending.served.folders(path, time.time_ns()))


@router.get("/files", summary="Parts and manifests", responses=documented(404, 422, 503))
async def get_files(lending: Lent, path: PathOf) -> list[str]:
    """Return the paths of the parts and manifests below a day's folder."""
    found = await lending.read(lambda: lending.served.files(path, time.time_ns()))
    await lending.spend(sum(map(len, found)))
    return found


@router.get(
    "/objects/{path:path}",
    summary="A part or a manifest",
    response_class=StreamingResponse,
    responses=documented(404, 422, 503),
)
async def get_object(lending: Lent, path: str) -> StreamingResponse:
    """Return its bytes. A part's SHA-256 is in its manifest; what is signed is inside."""
    size = await lending.read(lambda: lending.served.size(path, time.time_ns()))
    await lending.spend(size)
    part = await lending.read(lambda: lending.served.opened(path, time.time_ns()))
    return lending.send(part, size, "application/json" if path.endswith(".json") else _PART)
