"""Marks as files."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from oracle.archive.marks import SCHEMA, MarksWriter
from oracle.engine.result import MarkBatch
from oracle.model.errors import ConfigError
from oracle.model.fixed import float_nearest
from oracle.model.messages import Mark
from oracle.model.ticks import pack
from tests.engine_builders import CALM, after, engine, market, quote, source, trade

SOURCES = ("coinbase:BTC/USD", "kraken:BTC/USD", "gemini:BTC/USD")


def steps(count: int) -> list[MarkBatch]:
    """Steps of a market of three sources, the second silent, and of one without any ticks."""
    made = engine(
        [
            market("BTC-USD", [source(name) for name in SOURCES], breaker=CALM),
            market("ETH-USD", [source("coinbase:ETH/USD")], 1, min_sources=1, min_origins=1),
        ]
    )
    return [
        made.step(
            [
                pack(
                    [
                        trade(SOURCES[0], "65123.4567891", at_s=at, sequence=at),
                        quote(SOURCES[2], "65130.1", "65140.7", at_s=at, sequence=at),
                    ]
                )
            ],
            [],
            after(at),
        )
        for at in range(1, count + 1)
    ]


def told(mark: Mark) -> dict[str, object]:
    """A published mark as its row should say it."""
    return {
        "ts_ns": mark.time_ns,
        "market": mark.market,
        "index": None if mark.index is None else float_nearest(mark.index),
        "mark": None if mark.mark is None else float_nearest(mark.mark),
        "conf": None if mark.conf_e8 is None else mark.conf_e8 / 1e8,
        "validity": mark.validity.name,
        "state": mark.state.name,
        "sources_used": sum(view.used for view in mark.sources),
        "sources_rejected": ";".join(
            f"{view.source}={view.reason}" for view in mark.sources if not view.used
        ),
    }


def test_a_row_is_the_published_mark(tmp_path: Path) -> None:
    """Quantised as the message is, nulls for what is missing, every refusal with its reason."""
    made = steps(3)
    with MarksWriter(tmp_path / "out") as writer:
        for step in made:
            writer.write(step)
    parquet, text = writer.files
    table = pq.read_table(parquet)
    assert table.schema == SCHEMA
    rows = table.to_pylist()
    assert rows == [told(mark) for step in made for mark in step.messages()]
    assert rows[0]["index"] == 65123.457
    assert rows[0]["sources_used"] == 2
    assert rows[0]["sources_rejected"] == "kraken:BTC/USD=no_data"
    assert rows[1]["validity"] == "MISSING"
    with text.open(newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == table.schema.names
    assert lines[1][:3] == [str(after(1)), "BTC-USD", "65123.457"]
    assert lines[2][2:6] == ["", "", "", "MISSING"]


def test_only_stepped_markets_have_a_row(tmp_path: Path) -> None:
    """A step after one tick says nothing of the markets that it does not concern."""
    made = engine(
        [
            market(name, [source(f"coinbase:{name}")], at)
            for at, name in enumerate(("A-USD", "B-USD"))
        ]
    )
    only = pack([trade("coinbase:B-USD", "7")])
    with MarksWriter(tmp_path) as writer:
        writer.write(made.step([only], [], after(1), touched=True))
    assert pq.read_table(writer.files[0])["market"].to_pylist() == ["B-USD"]


def test_rows_stream_in_groups_and_none_is_lost(tmp_path: Path) -> None:
    """Memory holds one row group of whole steps; the last, smaller one is written too."""
    with MarksWriter(tmp_path, row_group=4) as writer:
        for step in steps(5):
            writer.write(step)
    file = pq.ParquetFile(writer.files[0])
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [4, 4, 2]
    assert len(writer.files[1].read_text().splitlines()) == 11
    assert writer.rows == 10


def test_files_appear_only_when_complete(tmp_path: Path) -> None:
    """While writing there is no marks file, and after a failure nothing at all."""
    (tmp_path / "marks.csv").write_text("of an earlier run")

    def write_and_fail() -> None:
        with MarksWriter(tmp_path, row_group=1) as writer:
            writer.write(steps(1)[0])
            assert not (tmp_path / "marks.parquet").exists()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert [file.name for file in tmp_path.iterdir()] == ["marks.csv"]
    assert (tmp_path / "marks.csv").read_text() == "of an earlier run"


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    """A file in the way is said, without a traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write marks to"), MarksWriter(tmp_path / "file"):
        pass


def test_nothing_is_left_when_one_of_the_files_cannot_be_made(tmp_path: Path) -> None:
    """The Parquet file that was begun goes when the CSV file cannot be."""
    (tmp_path / ".marks.csv.partial").mkdir()
    with pytest.raises(ConfigError, match="cannot write marks to"):
        MarksWriter(tmp_path).__enter__()
    assert [file.name for file in tmp_path.iterdir()] == [".marks.csv.partial"]
