"""The newest price of every source, as it was sent: what an aggregator without admission sees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from oracle.engine.arithmetic import POWERS
from oracle.engine.spec import SourceSpec
from oracle.model.ticks import MISSING, TickBatch

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

VOLUME_NS: Final = 1800 * 10**9
"""Time constant of the decayed volume."""
_NEVER: Final = -(2**62)


class Book:
    """Quotes, trades and decayed volumes of `sources`; other sources' ticks are passed over."""

    def __init__(self, sources: Sequence[str]) -> None:
        self.at: Final = {name: number for number, name in enumerate(sources)}
        count = len(self.at)
        self._bid, self._ask, self._last = np.full((3, count), np.nan)
        self._quote_ns, self._last_ns = np.full((2, count), _NEVER)
        self._volume = np.zeros(count)
        self._volume_ns: int | None = None

    def take(self, batch: TickBatch, now_ns: int) -> None:
        """Take the ticks of one step."""
        elapsed_ns = 0 if self._volume_ns is None else now_ns - self._volume_ns
        self._volume *= math.exp(-elapsed_ns / VOLUME_NS)
        self._volume_ns = now_ns
        if not len(batch):
            return
        known = np.array([self.at.get(name, -1) for name in batch.sources], np.int64)
        at = known[np.frombuffer(batch.source_at, "<u2")]
        event_ns = np.frombuffer(batch.event_ns, "<i8")
        bid, ask, last = (_prices(batch, name) for name in ("bid", "ask", "last"))
        quoted = np.flatnonzero((at >= 0) & np.isfinite(bid) & np.isfinite(ask))
        self._bid[at[quoted]], self._ask[at[quoted]] = bid[quoted], ask[quoted]
        self._quote_ns[at[quoted]] = event_ns[quoted]
        traded = np.flatnonzero((at >= 0) & np.isfinite(last))
        self._last[at[traded]] = last[traded]
        self._last_ns[at[traded]] = event_ns[traded]
        sized = traded[np.isfinite(_sizes(batch)[traded])]
        np.add.at(self._volume, at[sized], _sizes(batch)[sized])

    def prices(self, places: Ints, max_age_ns: Ints, now_ns: int) -> Floats:
        """Return mids, where there is no fresh one last trades, and NaN where neither is fresh."""
        mid = np.where(
            now_ns - self._quote_ns[places] <= max_age_ns,
            (self._bid[places] + self._ask[places]) / 2,
            np.nan,
        )
        last = np.where(now_ns - self._last_ns[places] <= max_age_ns, self._last[places], np.nan)
        return np.where(np.isfinite(mid), mid, last)

    def volumes(self, places: Ints) -> Floats:
        """Return the decayed volumes."""
        return self._volume[places]


class Places:
    """Some sources of a market: where they are in a book, and what converts their quotes."""

    def __init__(self, specs: Sequence[SourceSpec], book: Book, rows: dict[str, int]) -> None:
        self.names: Final = tuple(spec.source for spec in specs)
        self._at = np.array([book.at[spec.source] for spec in specs], np.int64)
        self._max_age_ns = np.array([spec.max_age_ns for spec in specs], np.int64)
        self._edge = np.array([-1 if s.edge is None else rows[s.edge] for s in specs], np.int64)
        self._book = book

    def prices(self, index: Floats, now_ns: int) -> Floats:
        """Return fresh prices, converted at `index`, the indices of all markets."""
        rates = np.append(index, 1.0)[self._edge]
        made: Floats = self._book.prices(self._at, self._max_age_ns, now_ns) * rates
        return made

    def volumes(self) -> Floats:
        """Return the decayed volumes."""
        return self._book.volumes(self._at)


def _prices(batch: TickBatch, name: str) -> Floats:
    return _decoded(getattr(batch, name), batch.exponent)


def _sizes(batch: TickBatch) -> Floats:
    if not batch.last_size:
        return np.full(len(batch), np.nan)
    return _decoded(batch.last_size, batch.size_exponent)


def _decoded(mantissas: bytes, exponents: bytes) -> Floats:
    """Return the nearest floats: powers of ten up to 22 are exact, and so one rounding is all."""
    mantissa = np.frombuffer(mantissas, "<i8")
    exponent = np.frombuffer(exponents, "i1")
    power = POWERS[np.abs(exponent.astype(np.int64))]
    decoded = np.where(exponent < 0, mantissa / power, mantissa * power)
    return np.where(mantissa == MISSING, np.nan, decoded)
