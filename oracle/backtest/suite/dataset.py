"""What a data set is, and how its files are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from oracle.backtest.published import Published
from oracle.backtest.recording import Recording, series
from oracle.config.root import Config
from oracle.engine.spec import EngineSpec
from oracle.model.errors import ConfigError
from oracle.node.compile import engine_spec

MINUTE_NS = 60 * 10**9
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS


@dataclass(frozen=True)
class Dataset:
    """Ticks, how they are run, and what was published at the same time."""

    name: str
    title: str
    shows: str
    """What is compared with what."""
    limits: str
    """What the data cannot show."""
    spec: EngineSpec
    step_ns: int
    recording: Recording
    published: tuple[Published, ...]
    split_ns: int
    """Defaults were chosen on what is before; figures are of what is from here on."""


def markets_spec(markets: Mapping[str, Any]) -> EngineSpec:
    """Compile markets written as in a configuration file."""
    config = Config.model_validate({"version": 1, "markets": markets})
    return engine_spec(config.markets)


def read_csv(path: Path, *, text: tuple[str, ...] = ()) -> Any:
    """Read a compressed CSV file as an Arrow table; columns of `text` stay text.

    Raises:
        ConfigError: it is not there or not of that form.
    """
    kind = {".zst": "zstd", ".gz": "gzip"}.get(path.suffix)
    types = {name: pa.string() for name in text}
    try:
        with pa.input_stream(str(path), compression=kind) as stream:
            return pa_csv.read_csv(
                stream, convert_options=pa_csv.ConvertOptions(column_types=types)
            )
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(f"cannot read {path}: {' '.join(str(error).split())}") from error


def read_text(path: Path) -> str:
    """Read a zstd-compressed text file.

    Raises:
        ConfigError: it is not there or not of that form.
    """
    try:
        with pa.input_stream(str(path), compression="zstd") as stream:
            return str(stream.read(), "utf-8")
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(f"cannot read {path}: {' '.join(str(error).split())}") from error


def floats(table: Any, name: str) -> npt.NDArray[np.float64]:
    """Return a column as floats; nothing is NaN."""
    column = pc.cast(table[name], pa.float64()).fill_null(np.nan)
    return np.asarray(column.to_numpy(), np.float64)


def times_ns(table: Any, name: str) -> npt.NDArray[np.int64]:
    """Return a column of timestamps as unix time in ns."""
    stamps = pc.cast(table[name], pa.timestamp("ns", tz="UTC"))
    return np.asarray(pc.cast(stamps, pa.int64()).to_numpy(), np.int64)


def tardis_trades(path: Path, source: str) -> Recording:
    """Return the trades of a Tardis CSV: both clocks in microseconds, price and amount."""
    table = read_csv(path)
    order = np.argsort(floats(table, "local_timestamp"), kind="stable")
    received = table["local_timestamp"].to_numpy()[order] * 1000
    event = table["timestamp"].to_numpy()[order] * 1000
    return series(
        source,
        received,
        event_ns=event,
        last=floats(table, "price")[order],
        size=floats(table, "amount")[order],
    )
