"""Make tick files of recorded market data; `FORMATS` is where a format is added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

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
from feeds.ticks.sorting import combined, in_order, named, numbered
from feeds.ticks.tables import TableFile
from feeds.ticks.writer import TickFileWriter
from oracle.model.errors import ConfigError

Progress = Callable[[float], None]
"""Told the part of the input's bytes that is read, 0 to 1."""

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

    All rows are held in memory to be sorted, about 200 bytes each. Rows that no tick can carry
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
    sources: dict[str, int] = {}
    with TickFileWriter(out) as writer:
        # As an argument, so that the parts are given up as soon as they are one.
        made = combined(list(_read(kind, options, files, sources, refused, progress)))
        if not made.num_rows:
            raise _nothing(files, refused)
        names = np.array(list(sources), object)
        for rows in in_order(made, names):
            writer.write_table(named(rows, names))
    received_ns = made.column("received_ns").to_numpy()
    counts = np.bincount(made.column("source").to_numpy(), minlength=len(names))
    return Imported(
        made.num_rows,
        {name: int(count) for name, count in sorted(zip(names, counts, strict=True)) if count},
        refused,
        int(received_ns.min()),
        int(received_ns.max()),
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
            yield numbered(made, judged.columns.source_at).filter(pa.array(judged.kept))
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
