"""Recorded ticks as columns in memory, and their cutting into engine steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from oracle.model.errors import ConfigError
from oracle.model.ticks import FUNDING_ONE, MISSING, TickBatch

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Steps = Iterator[tuple[int, TickBatch]]
"""Engine time, and the ticks received up to it since the step before."""

_EXPONENT: Final = -10
_LARGEST: Final = 9.2e8
"""Beyond this a price has no 64-bit mantissa at `_EXPONENT`."""


@dataclass(frozen=True)
class Recording:
    """One row a tick, in order of receive time; NaN is missing. Sizes are of the last trade."""

    sources: tuple[str, ...]
    source_at: Ints
    received_ns: Ints
    event_ns: Ints
    bid: Floats
    ask: Floats
    last: Floats
    size: Floats
    funding: Floats

    def __len__(self) -> int:
        return len(self.source_at)

    def between(self, first_ns: int, end_ns: int) -> Self:
        """Return the ticks received from `first_ns` up to but without `end_ns`."""
        first, end = np.searchsorted(self.received_ns, [first_ns, end_ns])
        return self._take(slice(int(first), int(end)))

    def steps(self, step_ns: int) -> Steps:
        """Cut into steps at whole multiples of `step_ns`, those without ticks too."""
        if not len(self):
            raise ConfigError("the recording holds no ticks: nothing to run")
        ends = -(-self.received_ns // step_ns) * step_ns
        times = np.arange(ends[0], ends[-1] + 1, step_ns)
        cuts = np.searchsorted(ends, times, "right")
        first = 0
        for now_ns, end in zip(times.tolist(), cuts.tolist(), strict=True):
            yield now_ns, self._batch(slice(first, end))
            first = end

    def _take(self, rows: slice | Ints) -> Self:
        columns = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "sources"}
        return replace(self, **columns)

    def _batch(self, rows: slice) -> TickBatch:
        count = rows.stop - rows.start
        return TickBatch(
            self.sources,
            self.source_at[rows].astype("<u2").tobytes(),
            np.arange(rows.start + 1, rows.stop + 1, dtype="<i8").tobytes(),
            self.event_ns[rows].astype("<i8").tobytes(),
            self.received_ns[rows].astype("<i8").tobytes(),
            np.full(count, _EXPONENT, "i1").tobytes(),
            _mantissas(self.bid[rows]),
            _mantissas(self.ask[rows]),
            _mantissas(self.last[rows]),
            np.full(count, _EXPONENT, "i1").tobytes(),
            last_size=_mantissas(self.size[rows]),
            funding_e12=_scaled(self.funding[rows], float(FUNDING_ONE)),
        )


def series(  # one source's columns, all but the times optional
    source: str,
    received_ns: npt.ArrayLike,
    *,
    event_ns: npt.ArrayLike | None = None,
    **columns: npt.ArrayLike,
) -> Recording:
    """Return one source's ticks; columns are `bid`, `ask`, `last`, `size`, `funding`."""
    received = np.asarray(received_ns, np.int64)
    given = {name: np.asarray(column, np.float64) for name, column in columns.items()}
    nothing = np.full(len(received), np.nan)
    names = ("bid", "ask", "last", "size", "funding")
    made = Recording(
        (source,),
        np.zeros(len(received), np.int64),
        received,
        received if event_ns is None else np.asarray(event_ns, np.int64),
        **{name: given.pop(name, nothing) for name in names},
    )
    if given:
        raise ValueError(f"unknown columns {sorted(given)}; a tick has {', '.join(names)}")
    return made


def merge(parts: Sequence[Recording]) -> Recording:
    """Return the ticks of all parts in the order (received, event, source)."""
    names = tuple(sorted({name for part in parts for name in part.sources}))
    at: Mapping[str, int] = {name: number for number, name in enumerate(names)}
    source_at = [np.array([at[n] for n in p.sources], np.int64)[p.source_at] for p in parts]
    columns = {
        each.name: np.concatenate([getattr(part, each.name) for part in parts])
        for each in fields(Recording)
        if each.name not in ("sources", "source_at")
    }
    made = Recording(names, np.concatenate(source_at), **columns)
    order = np.lexsort((made.source_at, made.event_ns, made.received_ns))
    return made._take(order)


def _mantissas(prices: Floats) -> bytes:
    if np.nanmax(np.abs(prices), initial=0.0) > _LARGEST:
        raise ValueError(f"a recording holds prices up to {_LARGEST:g}")
    return _scaled(prices, 10.0**-_EXPONENT)


def _scaled(values: Floats, scale: float) -> bytes:
    present = np.isfinite(values)
    whole = np.rint(np.where(present, values, 0.0) * scale).astype(np.int64)
    return np.where(present, whole, MISSING).astype("<i8").tobytes()
