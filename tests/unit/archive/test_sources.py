"""What sources said, and events, as files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from oracle.archive.events import COLUMNS, write_events
from oracle.archive.sources import SourcesWriter
from oracle.engine.events import BreakerEvent
from oracle.model.errors import ConfigError
from oracle.model.ticks import pack
from tests.engine_builders import after, engine, market, source, trade

MARKETS = [
    market("A-USD", [source("x:A/USD"), source("y:A/USD")]),
    market("B-USD", [source("x:B/USD")], 1, min_sources=1, min_origins=1),
]


def test_a_market_has_a_file_with_a_column_a_source(tmp_path: Path) -> None:
    """Each place's price goes to its own market and column, with the engine's reason beside it."""
    made = engine(MARKETS)
    ticks = pack([trade("x:A/USD", "2"), trade("y:A/USD", "2.001"), trade("x:B/USD", "7")])
    with SourcesWriter(tmp_path, MARKETS, row_group=2) as writer:
        for at in range(1, 4):
            step = made.step([ticks] if at == 1 else [], [], after(at))
            writer.write(step, np.array([2.0 + at, np.nan, 7.0 * at]))
    rows = pq.read_table(writer.files["A-USD"]).to_pylist()
    assert [row["ts_ns"] for row in rows] == [after(1), after(2), after(3)]
    assert rows[1] == {
        "ts_ns": after(2),
        "index": 2.0,
        "mark": 2.0,
        "validity": "VALID",
        "state": "NORMAL",
        "x:A/USD": 4.0,
        "x:A/USD why": "",
        "y:A/USD": None,
        "y:A/USD why": "",
    }
    assert pq.read_table(writer.files["B-USD"])["x:B/USD"].to_pylist() == [7.0, 14.0, 21.0]


def test_a_refusal_is_named(tmp_path: Path) -> None:
    """A source without ticks says so in its column of reasons; a missing index is null."""
    with SourcesWriter(tmp_path, MARKETS) as writer:
        writer.write(engine(MARKETS).step([], [], after(1)), np.full(3, np.nan))
    (row,) = pq.read_table(writer.files["A-USD"]).to_pylist()
    assert (row["index"], row["mark"], row["validity"]) == (None, None, "MISSING")
    assert row["y:A/USD why"] == "no_data"


def test_no_file_is_left_of_a_failure(tmp_path: Path) -> None:
    """Neither of the markets that had been opened nor of those that could not be."""

    def fail() -> None:
        with SourcesWriter(tmp_path, MARKETS):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    (tmp_path / ".B-USD.parquet.partial").mkdir()
    with pytest.raises(ConfigError, match="cannot write B-USD to"):
        SourcesWriter(tmp_path, MARKETS).__enter__()
    assert [file.name for file in tmp_path.iterdir()] == [".B-USD.parquet.partial"]


def test_events_tell_their_cause(tmp_path: Path) -> None:
    """A row an event, with the figure beside its bound."""
    event = BreakerEvent("A-USD", 5, "peg", "on peg", "off peg", "peg", 0.0306, 0.03)
    write_events(tmp_path / "events.csv", [event])
    with (tmp_path / "events.csv").open(newline="") as file:
        header, row = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert row == ["5", "A-USD", "peg", "on peg", "off peg", "off its peg by 306 bps (bound 300)"]
    with pytest.raises(ConfigError, match="cannot write"):
        write_events(tmp_path, [])
