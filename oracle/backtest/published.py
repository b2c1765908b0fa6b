"""What venues published: index, mark and funding rate of markets over time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from oracle.model.errors import ConfigError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FIELDS: Final = ("index", "mark", "funding")


@dataclass(frozen=True)
class Published:
    """One market's published figures, in order of time; NaN where a field was not published."""

    market: str
    time_ns: Ints
    index: Floats
    mark: Floats
    funding: Floats

    def __len__(self) -> int:
        return len(self.time_ns)

    def between(self, first_ns: int, end_ns: int) -> Published:
        """Return what was published from `first_ns` up to but without `end_ns`."""
        rows = slice(*np.searchsorted(self.time_ns, [first_ns, end_ns]).tolist())
        columns = (self.index[rows], self.mark[rows], self.funding[rows])
        return Published(self.market, self.time_ns[rows], *columns)


def published(market: str, time_ns: npt.ArrayLike, **fields: npt.ArrayLike) -> Published:
    """Return figures of one market, sorted by time; of equal times the last counts."""
    times = np.asarray(time_ns, np.int64)
    order = np.argsort(times, kind="stable")
    order = order[np.append(np.diff(times[order]) > 0, True)] if len(order) else order
    nothing = np.full(len(times), np.nan)
    columns = {name: np.asarray(fields.get(name, nothing), np.float64)[order] for name in FIELDS}
    return Published(market, times[order], **columns)


def read_published(path: Path) -> dict[str, Published]:
    """Read a CSV or Parquet file with `time_ns`, `market`, and some of `index, mark, funding`.

    Raises:
        ConfigError: unreadable, or without those columns.
    """
    table = _table(path)
    fields = [name for name in FIELDS if name in table.column_names]
    missing = [name for name in ("time_ns", "market") if name not in table.column_names]
    if missing or not fields:
        raise ConfigError(
            f"{path}: columns are {', '.join(table.column_names)}; needed are time_ns, market and "
            f"at least one of {', '.join(FIELDS)}"
        )
    try:
        time_ns = pc.cast(table["time_ns"], pa.int64())
        columns = {name: pc.cast(table[name], pa.float64()).fill_null(np.nan) for name in fields}
        market = pc.cast(table["market"], pa.string())
    except pa.ArrowInvalid as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    if time_ns.null_count or market.null_count:
        raise ConfigError(f"{path}: every row needs a time_ns and a market")
    made = {}
    for name in pc.unique(market).to_pylist():
        rows = pc.equal(market, name)
        made[name] = published(
            name,
            time_ns.filter(rows).to_numpy(),
            **{each: column.filter(rows).to_numpy() for each, column in columns.items()},
        )
    return made


def _table(path: Path) -> Any:
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path)
        return pa_csv.read_csv(path)
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(f"cannot read {path}: {' '.join(str(error).split())}") from error
