"""The tables of docs/replays.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq

from oracle.backtest.naive import mean, median
from oracle.cli.figures import NOTHING, bps_text, price_text
from oracle.cli.replay_figures import apart
from oracle.cli.replay_figures import figures as market_figures
from oracle.cli.replay_said import Replayed
from oracle.cli.replay_windows import Window
from oracle.model.validity import Validity

Floats = np.ndarray[Any, np.dtype[np.float64]]

VALIDITIES: Final = ("VALID", "GUARDED", "TOO_UNCERTAIN", "TOO_VOLATILE", "HALTED", "MISSING")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """Return a Markdown table whose first `texts` columns are text, the others figures."""
    line = ["---"] * texts + ["---:"] * (len(columns) - texts)
    return "\n".join(f"| {' | '.join(row)} |" for row in (columns, line, *rows))


def standing(runs: Mapping[str, Replayed]) -> str:
    """Return how long each market stood how, and how long its venues were apart, in seconds."""
    rows = []
    for name, run in runs.items():
        made = market_figures(run)
        spent = [int(np.sum(run.validity == Validity[each])) for each in VALIDITIES]
        columns = [*spent, made["longest"].get("HALTED", 0), *made["spread"]["beyond"].values()]
        columns.append(made["outside"]["steps"])
        rows.append([name, *(f"{value:,}" for value in columns)])
    columns = ["", *VALIDITIES, "longest HALTED", "venues > 3 % apart", "> 10 % apart"]
    return table([*columns, "index outside of its venues"], rows)


def venues(runs: Mapping[str, Replayed]) -> str:
    """Return how far each source was from the index, and how often it did not count."""
    rows = []
    for name, run in runs.items():
        for source, said in market_figures(run)["sources"].items():
            why = sorted(said["why_not"].items(), key=lambda item: -item[1])
            rows.append(
                [
                    name,
                    f"`{source}`",
                    ", ".join(f"{reason} {count:,}" for reason, count in why[:3]) or NOTHING,
                    f"{said['counted']:,}",
                    *_distance(said["to_index"]),
                ]
            )
    columns = ["market", "source", "did not count, s", "counted, s", "median", "p99", "worst"]
    return table([*columns, "at, UTC"], rows, texts=3)


def aggregates(runs: Mapping[str, Replayed]) -> str:
    """Return how far our mark and plain aggregates were from our index."""
    rows = []
    for name, run in runs.items():
        every = [("mark, published", run.mark)]
        if len(run.market.sources) > 1:
            every.append(("plain mean", _mean(run.spot)))
        if len(run.market.sources) > 2:
            every.append(("plain median", median(run.spot, run.spot)))
        if run.market.perps:
            every.append(("plain mean with the perp", _mean(run.prices)))
        if len(run.market.places) > 2 and run.market.perps:
            every.append(("plain median with the perp", median(run.prices, run.prices)))
        rows += [
            [name, what, *_distance(apart(run.time_ns, values, run.index))]
            for what, values in every
        ]
    return table(["market", "", "median", "p99", "worst", "at, UTC"], rows, texts=2)


def delays(files: Iterable[Path], window: Window) -> str:
    """Return how long after their event ticks were received: the day, and a window of it."""
    held = [pq.read_table(file, columns=["received_ns", "event_ns", "source"]) for file in files]
    received = np.concatenate([each["received_ns"].to_numpy() for each in held])
    event = np.concatenate([each["event_ns"].to_numpy() for each in held])
    source = np.concatenate([each["source"].to_numpy(zero_copy_only=False) for each in held])
    inside = (received >= window.start_ns) & (received <= window.end_ns)
    late_s = (received - event) / 1e9
    rows = []
    for name in sorted(set(source.tolist())):
        own = source == name
        rows.append(
            [
                f"`{name}`",
                f"{int(own.sum()):,}",
                *_late(late_s[own]),
                f"{int((own & inside).sum()):,}",
                *_late(late_s[own & inside]),
            ]
        )
    columns = ["source", "ticks", "median", "p99", "worst"]
    return table([*columns, "in the window", "median", "p99", "worst"], rows)


def moments(run: Replayed, window: Window, every_s: int) -> str:
    """Return what everybody said at some moments."""
    part = run.within(window)
    names = [place.source for place in run.market.places]
    rows = []
    for at in range(0, len(part.time_ns), every_s):
        said = [part.prices[at, place] for place in range(len(names))]
        row = [*said, part.index[at], part.mark[at]]
        rows.append(
            [
                f"{_moment(int(part.time_ns[at])):%H:%M:%S}",
                *(NOTHING if np.isnan(value) else price_text(float(value)) for value in row),
                Validity(int(part.validity[at])).name,
            ]
        )
    return table(["UTC", *(f"`{name}`" for name in names), "index", "mark", "validity"], rows)


def depeg(runs: Mapping[str, Replayed], off_peg: float) -> str:
    """Return how far aggregates were from the books in USD, and how far USDC was when worst."""
    run, usdc = runs["BTC-USD"], runs["USDC-USD"]
    quotes = [place.edge for place in run.market.sources]
    dollars = median(
        run.spot[:, [quote is None for quote in quotes]],
        run.spot[:, [quote is None for quote in quotes]],
    )
    rates = np.stack(
        [np.ones(len(dollars)) if q is None else runs[q].index for q in quotes], axis=1
    )
    at_par = run.spot / rates
    low = usdc.index < off_peg
    rows = []
    for what, values in (
        ("index", run.index),
        ("plain median, converted", median(run.spot, run.spot)),
        ("plain mean, converted", _mean(run.spot)),
        ("plain median, all at par", median(at_par, at_par)),
        ("plain mean, all at par", _mean(at_par)),
    ):
        rows.append(
            [
                what,
                *_distance(apart(run.time_ns, values, dollars))[:3],
                *_distance(apart(run.time_ns[low], values[low], dollars[low])),
            ]
        )
    columns = ["", "median", "p99", "worst", "median", "p99", "worst", "at, UTC"]
    return table(columns, rows)


def events(file: Path, market: str, kind: str) -> str:
    """Return what happened to a market."""
    lines = [line.split(",", 5) for line in file.read_text().splitlines()[1:]]
    rows = [
        [f"{_moment(int(at)):%d %b %H:%M:%S}", f"{before} → {after}", cause.strip('"')]
        for at, name, what, before, after, cause in lines
        if name == market and what == kind
    ]
    return table(["UTC", "", "because"], rows, texts=3)


def _mean(prices: Floats) -> Floats:
    return mean(prices, np.ones_like(prices))


def _distance(off: Mapping[str, Any] | None) -> list[str]:
    if off is None:
        return [NOTHING] * 4
    when = f"{_moment(off['worst_ns']):%d %b %H:%M:%S}"
    return [
        *(bps_text(off[key]).lstrip("+") for key in ("median", "p99")),
        bps_text(off["worst"]),
        when,
    ]


def _late(seconds: Floats) -> list[str]:
    if not len(seconds):
        return [NOTHING] * 3
    figures = (np.median(seconds), np.percentile(seconds, 99), np.max(seconds))
    return [f"{figure * 1e3:,.0f} ms" if figure < 1 else f"{figure:,.1f} s" for figure in figures]


def _moment(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns / 1e9, UTC)
