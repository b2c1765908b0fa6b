"""Marks of the past, page by page, and candles made of them: what the API serves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow.fs import LocalFileSystem

from oracle.archive.catalogue import Catalogue, Piece
from oracle.archive.messages import EXPONENT, MANTISSA, messages_of
from oracle.archive.store import Store
from oracle.model.errors import Rejected, Retryable
from oracle.model.fixed import Px, float_nearest
from oracle.model.messages import Mark
from oracle.model.topics import Topic

MOST_ROWS: Final = 20_000_000
"""Of all markets, in the parts that one request may open."""
_SETTLED_NS: Final = 600 * 10**9
_PRICE: Final = ("mark" + MANTISSA, "mark" + EXPONENT)


class Page(NamedTuple):
    """Marks by time; `next_ns` is where the next page begins, None where there is none."""

    marks: list[Mark]
    next_ns: int | None


class Candle(NamedTuple):
    """A market's mark over an interval."""

    begin_ns: int
    open: Px
    high: Px
    low: Px
    close: Px
    marks: int
    """How many had a price."""


class History:
    """Reads marks from an archive. Its calls block: use a thread; several may run at once."""

    def __init__(self, store: Store, most_rows: int = MOST_ROWS) -> None:
        """`most_rows` are read for one answer."""
        self._most_rows: Final = most_rows
        self.store: Final = store
        self._catalogue: Final = Catalogue(store)
        self._turn: Final = Lock()

    def marks(self, market: str, from_ns: int, to_ns: int, limit: int) -> Page:
        """Return a market's first `limit` marks of times from `from_ns` to before `to_ns`.

        Raises:
            Retryable: the store did not answer.
            SchemaError: the archive is damaged.
        """
        found: list[Mark] = []
        for rows in self._rows(self._pieces(from_ns, to_ns), market, from_ns, to_ns, None):
            more = (message for _, message in messages_of(Topic.MARKS, rows))
            found += [message for message in more if isinstance(message, Mark)]
            if len(found) > limit:
                return Page(found[:limit], found[limit].time_ns)
        return Page(found, None)

    def candles(self, market: str, interval_ns: int, from_ns: int, to_ns: int) -> list[Candle]:
        """Return the candles that begin from `from_ns` to before `to_ns`; none without a price.

        Raises:
            Rejected: there is too much to read for one answer.
            Retryable, SchemaError: as `marks`.
        """
        begin_ns = -(-from_ns // interval_ns) * interval_ns
        end_ns = -(-to_ns // interval_ns) * interval_ns
        pieces = self._pieces(begin_ns, end_ns)
        rows = sum(piece.part.rows for piece in pieces)
        if rows > self._most_rows:
            raise Rejected(
                f"{rows} rows would have to be read, at most {self._most_rows} are: ask for a "
                "shorter time at once"
            )
        made: dict[int, Candle] = {}
        columns = ["time_ns", *_PRICE]
        for table in self._rows(pieces, market, begin_ns, end_ns, columns):
            for candle in _candles(table, interval_ns):
                before = made.get(candle.begin_ns)
                made[candle.begin_ns] = candle if before is None else _joined(before, candle)
        return [made[at] for at in sorted(made)]

    def is_settled(self, to_ns: int) -> bool:
        """Whether nothing will be added before a time: later marks are archived already."""
        with self._turn:
            return self._catalogue.newest_ns(Topic.MARKS) >= to_ns + _SETTLED_NS

    def _pieces(self, from_ns: int, to_ns: int) -> list[Piece]:
        with self._turn:
            found = self._catalogue.pieces(Topic.MARKS, from_ns=from_ns, to_ns=to_ns)
        return sorted(found, key=lambda piece: (piece.part.min_time_ns, piece.begin_offset))

    def _rows(
        self,
        pieces: Sequence[Piece],
        market: str,
        from_ns: int,
        to_ns: int,
        columns: list[str] | None,
    ) -> Iterator[pa.Table]:
        """Return a market's rows, part by part."""
        at = pc.field("time_ns")
        wanted = (pc.field("market") == market) & (at >= from_ns) & (at < to_ns)
        fs: Any = LocalFileSystem() if self.store.local else self.store.fs
        for piece in pieces:
            later = wanted & (pc.field("offset") >= piece.begin_offset)
            path = self.store.full(piece.part.file)
            try:
                yield pq.read_table(
                    path, filesystem=fs, columns=columns, filters=later, partitioning=None
                )
            except (OSError, pa.ArrowException) as error:
                raise Retryable(f"the archive's {piece.part.file} was not read: {error}") from error


def _candles(table: pa.Table, interval_ns: int) -> Iterator[Candle]:
    """Return the candles of rows by rising time."""
    table = table.filter(pc.field(_PRICE[0]).is_valid())
    times, mantissas, exponents = (table[name].to_numpy() for name in table.column_names)
    begins = times // interval_ns * interval_ns
    prices = mantissas * 10.0**exponents
    starts = np.flatnonzero(np.diff(begins, prepend=-1)).tolist()
    for start, end in zip(starts, [*starts[1:], len(begins)], strict=True):
        places = (
            start,
            start + int(np.argmax(prices[start:end])),
            start + int(np.argmin(prices[start:end])),
            end - 1,
        )
        first, high, low, last = (Px(int(mantissas[at]), int(exponents[at])) for at in places)
        yield Candle(int(begins[start]), first, high, low, last, end - start)


def _joined(before: Candle, after: Candle) -> Candle:
    return Candle(
        before.begin_ns,
        before.open,
        max(before.high, after.high, key=float_nearest),
        min(before.low, after.low, key=float_nearest),
        after.close,
        before.marks + after.marks,
    )
