"""Marks as files."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from oracle.archive.marks import SCHEMA, MarksWriter
from oracle.model.errors import ConfigError
from oracle.model.fixed import Px
from oracle.model.messages import Mark, SourceView
from oracle.model.validity import BreakerState, Validity


def mark(sequence: int, *, priced: bool = True) -> Mark:
    """A mark of BTC-USD with one source of three refused."""
    return Mark(
        market="BTC-USD",
        number=0,
        sequence=sequence,
        time_ns=1_760_000_000_000_000_000 + sequence,
        validity=Validity.VALID if priced else Validity.MISSING,
        reason="" if priced else "min_sources 2, have 1",
        state=BreakerState.NORMAL if priced else BreakerState.GUARDED,
        index=Px(65123401, -3) if priced else None,
        mark=Px(65130000, -3) if priced else None,
        twap=None,
        conf_e8=12345 if priced else None,
        premium_e8=None,
        newest_event_ns=0,
        newest_received_ns=0,
        sources=(
            SourceView("coinbase:BTC/USD", Px(65123401, -3), used=True, reason=""),
            SourceView("kraken:BTC/USD", None, used=False, reason="stale"),
            SourceView("gemini:BTC/USD", Px(7, 4), used=False, reason="outlier"),
        ),
    )


def test_a_mark_is_one_row_in_both_files(tmp_path: Path) -> None:
    """Columns, names of enums, nulls for what is missing, and every refusal with its reason."""
    with MarksWriter(tmp_path / "out") as writer:
        writer.write([mark(1), mark(2, priced=False)])
    parquet, text = writer.files
    table = pq.read_table(parquet)
    assert table.schema == SCHEMA
    rejected = "kraken:BTC/USD=stale;gemini:BTC/USD=outlier"
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        (
            1760000000000000001,
            "BTC-USD",
            65123.401,
            65130.0,
            0.00012345,
            "VALID",
            "NORMAL",
            1,
            rejected,
        ),
        (1760000000000000002, "BTC-USD", None, None, None, "MISSING", "GUARDED", 1, rejected),
    ]
    with text.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == table.schema.names
    assert rows[1][:5] == ["1760000000000000001", "BTC-USD", "65123.401", "65130", "0.00012345"]
    assert rows[2][2:6] == ["", "", "", "MISSING"]


def test_rows_stream_in_groups_and_none_is_lost(tmp_path: Path) -> None:
    """Memory holds one row group; the last, smaller one is written too."""
    with MarksWriter(tmp_path, row_group=4) as writer:
        writer.write(mark(n) for n in range(10))
    file = pq.ParquetFile(writer.files[0])
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [4, 4, 2]
    assert len(writer.files[1].read_text().splitlines()) == 11
    assert writer.rows == 10


def test_files_appear_only_when_complete(tmp_path: Path) -> None:
    """While writing there is no marks file, and after a failure nothing at all."""
    (tmp_path / "marks.csv").write_text("of an earlier run")

    def write_and_fail() -> None:
        with MarksWriter(tmp_path, row_group=1) as writer:
            writer.write([mark(1)])
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
