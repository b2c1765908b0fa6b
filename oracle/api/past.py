"""The paths that read the archive: marks of the past, and candles of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response

from oracle.api import models, problems
from oracle.api.asked import View, known
from oracle.api.problems import ProblemError, documented
from oracle.api.render import render_candle, render_past
from oracle.api.turns import Turns
from oracle.model.errors import Rejected, Retryable, SchemaError

if TYPE_CHECKING:
    from oracle.archive.history import History

MARKS_A_PAGE: Final = 10_000
LATEST_MS: Final = 9 * 10**12
"""As ns it still has 64 bits."""
CANDLES: Final = 1_500
READERS: Final = 2
"""Requests that read the archive at a time: the others wait, for so long at most."""
TIMEOUT_S: Final = 20.0
_NS: Final = 10**6
_SETTLED: Final = "public, max-age=86400"
_OPEN: Final = "public, max-age=1"
_HOUR_MS: Final = 3_600_000
_INTERVAL_MS: Final = {
    "1s": 1_000,
    "10s": 10_000,
    "1m": 60_000,
    "5m": 300_000,
    "15m": 900_000,
    "1h": _HOUR_MS,
    "4h": 4 * _HOUR_MS,
    "1d": 24 * _HOUR_MS,
}

Answer = TypeVar("Answer")
Interval = Literal["1s", "10s", "1m", "5m", "15m", "1h", "4h", "1d"]
Market = Annotated[str, Query(examples=["BTC-USD"])]
FromMs = Annotated[int | None, Query(alias="from", ge=0, le=LATEST_MS, description="unix ms")]
ToMs = Annotated[
    int | None, Query(alias="to", ge=0, le=LATEST_MS, description="unix ms, not included")
]

router: Final = APIRouter(tags=["history"])


class Past:
    """Reads the archive in threads, few at a time."""

    def __init__(self, history: History, *, timeout_s: float = TIMEOUT_S) -> None:
        self.history: Final = history
        self._timeout_s: Final = timeout_s
        self._turns: Final = Turns(READERS)

    async def read(self, call: Callable[[], Answer]) -> Answer:
        """Return what `call` does.

        Raises:
            Retryable: the archive did not answer in time.
            ProblemError: it is damaged, or there is too much to read.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._turns.run(call)
        except TimeoutError as error:
            raise Retryable(
                f"the archive did not answer within {self._timeout_s:g} s: ask for less at once, "
                "or later"
            ) from error
        except SchemaError as error:
            raise ProblemError(500, problems.DAMAGED, str(error)) from error
        except Rejected as error:
            raise ProblemError(422, problems.TOO_MUCH, str(error)) from error


def _past(request: Request) -> Past:
    past: Past | None = request.app.state.past
    if past is None:
        detail = "no archive is configured: this server knows only what came since its start"
        raise ProblemError(404, problems.NO_ARCHIVE, detail)
    return past


Archived = Annotated[Past, Depends(_past)]


@router.get(
    "/v1/history", summary="A market's past marks", responses=documented(404, 422, 500, 503)
)
async def get_history(
    view: View,
    past: Archived,
    response: Response,
    market: Market,
    from_ms: FromMs = None,
    to_ms: ToMs = None,
    limit: Annotated[int, Query(ge=1, le=MARKS_A_PAGE)] = 1_000,
    cursor: Annotated[
        str | None, Query(pattern=r"^\d{1,19}$", description="`next` of the page before")
    ] = None,
) -> models.History:
    """Return the marks of `from <= time < to` by time: by default those of the hour before `to`.

    They come from the archive, which is some seconds to a minute behind `/v1/marks`.
    """
    name = known(view, market)
    begin_ms, end_ms = _times(view.clock_ns() // _NS, from_ms, to_ms, _HOUR_MS)
    end_ns = end_ms * _NS
    begin_ns = min(max(int(cursor or 0), begin_ms * _NS), end_ns)
    page = await past.read(lambda: past.history.marks(name, begin_ns, end_ns, limit))
    settled_ns = end_ns if page.next_ns is None else page.next_ns
    response.headers["Cache-Control"] = await _cached(past, settled_ns)
    return models.History(
        market=name,
        marks=[render_past(mark) for mark in page.marks],
        next=None if page.next_ns is None else str(page.next_ns),
    )


@router.get(
    "/v1/candles", summary="A market's mark as candles", responses=documented(404, 422, 500, 503)
)
async def get_candles(
    view: View,
    past: Archived,
    response: Response,
    market: Market,
    interval: Interval = "1m",
    from_ms: FromMs = None,
    to_ms: ToMs = None,
) -> models.Candles:
    """Return the candles that begin in `from <= time < to`: by default the 100 before `to`.

    An interval begins at a multiple of its length since 1970. One that is not over yet has what
    is archived of it.
    """
    name, length_ms = known(view, market), _INTERVAL_MS[interval]
    begin_ms, end_ms = _times(view.clock_ns() // _NS, from_ms, to_ms, 100 * length_ms)
    if (end_ms - begin_ms) / length_ms > CANDLES:
        detail = (
            f"{(end_ms - begin_ms) // length_ms} candles of {interval} were asked for; at most "
            f"{CANDLES} come at once: ask for a shorter time or a longer interval"
        )
        raise ProblemError(422, problems.TOO_MUCH, detail)
    length_ns, begin_ns, end_ns = length_ms * _NS, begin_ms * _NS, end_ms * _NS
    candles = await past.read(lambda: past.history.candles(name, length_ns, begin_ns, end_ns))
    response.headers["Cache-Control"] = await _cached(past, end_ns + length_ns)
    return models.Candles(
        market=name, interval=interval, candles=[render_candle(candle) for candle in candles]
    )


def _times(now_ms: int, from_ms: int | None, to_ms: int | None, span_ms: int) -> tuple[int, int]:
    """Return from when to when.

    Raises:
        ProblemError: it ends before it begins.
    """
    end_ms = now_ms if to_ms is None else to_ms
    begin_ms = max(0, end_ms - span_ms) if from_ms is None else from_ms
    if begin_ms > end_ms:
        detail = f"from {begin_ms} is after to {end_ms}: both are unix ms"
        raise ProblemError(422, problems.BAD_REQUEST, detail)
    return begin_ms, end_ms


async def _cached(past: Past, to_ns: int) -> str:
    settled = await past.read(lambda: past.history.is_settled(to_ns))
    return _SETTLED if settled else _OPEN
