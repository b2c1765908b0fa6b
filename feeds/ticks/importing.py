"""Make tick files of recorded market data; `FORMATS` is where a format is added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from feeds.ticks.captures import Capture
from feeds.ticks.fields import Place
from feeds.ticks.formats import (
    binance,
    bitmex,
    bybit,
    candles,
    chainlink,
    coinbase,
    funding,
    gmx,
    hyperliquid,
    hyperliquid_ctxs,
    okx,
    pyth,
    tardis,
    tardis_options,
    ticks,
    uniswap,
)
from feeds.ticks.formats.format import CaptureFormat, TableFormat, checked
from feeds.ticks.formats.options import Options
from feeds.ticks.lines import LineFile
from feeds.ticks.rows import Refused, judge_rows
from feeds.ticks.tables import TableFile
from feeds.ticks.writer import SCHEMA, TickFileWriter
from oracle.model.errors import ConfigError

Progress = Callable[[float], None]
"""Told the part of the input's bytes that is read, 0 to 1."""

_SLICE_ROWS: Final = 1 << 16

FORMATS: Final[Mapping[str, TableFormat | CaptureFormat]] = {
    "binance-book": binance.BOOK,
    "bitmex-buckets": bitmex.BUCKETS,
    "bybit-tickers": bybit.TICKERS,
    "candles": candles.CANDLES,
    "chainlink-rounds": chainlink.ROUNDS,
    "coinbase-book": coinbase.BOOK,
    "funding-rates": funding.RATES,
    "gmx-prices": gmx.PRICES,
    "hyperliquid-archive": hyperliquid_ctxs.ARCHIVE,
    "hyperliquid-book": hyperliquid.BOOK,
    "hyperliquid-ctxs": hyperliquid_ctxs.CONTEXTS,
    "hyperliquid-funding": funding.HYPERLIQUID,
    "klines": candles.KLINES,
    "klines-long": candles.LONG,
    "okx-book": okx.BOOK,
    "pyth": pyth.UPDATES,
    "tardis-derivative-ticker": tardis.DERIVATIVE_TICKER,
    "tardis-options-chain": tardis_options.OPTIONS_CHAIN,
    "tardis-quotes": tardis.QUOTES,
    "tardis-trades": tardis.TRADES,
    "ticks": ticks.TICKS,
    "uniswap-blocks": uniswap.BLOCKS,
    "uniswap-swaps": uniswap.SWAPS,
}


class Imported(NamedTuple):
    """What an import did. Every row read is in `ticks` or `refused`; a message may give several."""

    ticks: int
    by_source: dict[str, int]
    refused: Refused
    first_received_ns: int
    last_received_ns: int


def import_ticks(
    format_name: str,
    files: Sequence[Path],
    out: Path,
    options: Options | None = None,
    progress: Progress = lambda _: None,
) -> Imported:
    """Write the ticks of `files` to one tick file, in the order (received_ns, event_ns, source).

    All rows are held in memory to be sorted, about 150 bytes each. Rows that no tick can carry
    are left out and counted.

    Raises:
        ConfigError: an unknown format, an option that it lacks or does not take, a file that is
            not of it, or no tick in any of them.
    """
    if format_name not in FORMATS:
        raise ConfigError(f"unknown format {format_name!r}; known are {', '.join(FORMATS)}")
    kind = FORMATS[format_name]
    options = checked(format_name, kind, options or Options())
    refused = Refused()
    with TickFileWriter(out) as writer:
        sources: dict[str, int] = {}
        made = _sorted(list(_read(kind, options, files, sources, refused, progress)))
        if not made.num_rows:
            raise _nothing(files, refused)
        for first in range(0, made.num_rows, _SLICE_ROWS):
            writer.write_table(made.slice(first, _SLICE_ROWS))
    counts = made.column("source").value_counts().to_pylist()
    received = made.column("received_ns")
    return Imported(
        made.num_rows,
        {each["values"]: each["counts"] for each in sorted(counts, key=lambda c: c["values"])},
        refused,
        received[0].as_py(),
        received[-1].as_py(),
    )


def _nothing(files: Sequence[Path], refused: Refused) -> ConfigError:
    reasons = Counter[str]()
    for (_, reason), count in refused.items():
        reasons[reason] += count
    why = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
    return ConfigError(
        f"no tick in {', '.join(map(str, files)) or 'no file'}"
        + (f"; refused were {why}" if why else "")
    )


def _read(
    kind: TableFormat | CaptureFormat,
    options: Options,
    files: Sequence[Path],
    sources: dict[str, int],
    refused: Refused,
    progress: Progress,
) -> Iterator[Any]:
    opened = [
        TableFile(path, kind.layout) if isinstance(kind, TableFormat) else LineFile(path)
        for path in files
    ]
    total = max(sum(file.size_bytes for file in opened), 1)
    for file in opened:
        for made, place in _tables(kind, options, file, refused):
            judged = judge_rows(made, sources, place, strict=isinstance(kind, TableFormat))
            refused.update(judged.refused)
            yield _as_schema(made).filter(pa.array(judged.kept))
            progress(sum(each.consumed_bytes for each in opened) / total)
    progress(1.0)


def _tables(
    kind: TableFormat | CaptureFormat,
    options: Options,
    file: TableFile | LineFile,
    refused: Refused,
) -> Iterator[tuple[Any, Place]]:
    """Yield one file's rows as ticks, with their place in it."""
    if isinstance(kind, CaptureFormat):
        capture = Capture(kind, options, lambda source, why: refused.update([(source, why)]))
        for lines in file:
            yield capture.table(lines), Place(str(file.path), 0)
        return
    convert, rows = kind.converter(options), 0
    for batch in file:
        place = Place(str(file.path), rows, kind.named)
        try:
            yield from ((made, place) for made in convert(batch, place))
        except pa.ArrowException as error:
            fault = " ".join(str(error).split())
            raise ConfigError(f"{place.file} after row {rows}: {fault}") from error
        rows += len(batch)


def _as_schema(made: Any) -> Any:
    nothing = pa.nulls(len(made), pa.string())
    columns = [
        pc.cast(made.column(field.name), field.type) if field.name in made.schema.names else nothing
        for field in SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _sorted(parts: Sequence[Any]) -> Any:
    order = [(name, "ascending") for name in ("received_ns", "event_ns", "source")]
    return pa.concat_tables([SCHEMA.empty_table(), *parts]).combine_chunks().sort_by(order)
