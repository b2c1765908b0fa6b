"""Files of messages: lines whatever the compression and the reads."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from feeds.ticks import lines
from feeds.ticks.lines import LineFile
from oracle.model.errors import ConfigError


def read(path: Path) -> list[bytes]:
    """Read all lines."""
    return [line for batch in LineFile(path) for line in batch]


@pytest.mark.parametrize(
    ("name", "compress"), [("a.dat", bytes), ("a.gz", gzip.compress), ("a.zst", zstandard.compress)]
)
@pytest.mark.parametrize("chunk", [1, 2, 7, 1 << 20])
def test_lines_come_whole(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    compress: Callable[[bytes], bytes],
    chunk: int,
) -> None:
    """Wherever a read ends, no line is cut and none is lost; empty ones are left out."""
    monkeypatch.setattr(lines, "_CHUNK_BYTES", chunk)
    (tmp_path / name).write_bytes(compress(b"first\n\nsecond line\n \nlast without end"))
    file = LineFile(tmp_path / name)
    assert [line for batch in file for line in batch] == [
        b"first",
        b"second line",
        b"last without end",
    ]
    assert file.consumed_bytes == file.size_bytes


def test_a_json_file_is_one_message(tmp_path: Path) -> None:
    """What a REST call answered may be on many lines."""
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(b'{\n"a": 1\n}'))
    assert read(tmp_path / "a.json.gz") == [b'{\n"a": 1\n}']


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_message_without_an_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A file of something else must not fill the memory."""
    monkeypatch.setattr(lines, "LONGEST_BYTES", 10)
    monkeypatch.setattr(lines, "_CHUNK_BYTES", 4)
    (tmp_path / name).write_bytes(b"x" * 11)
    with pytest.raises(ConfigError, match="no file of one message a line"):
        read(tmp_path / name)


def test_a_damaged_or_missing_file_is_one_line(tmp_path: Path) -> None:
    """The file is named with what is wrong."""
    with pytest.raises(ConfigError, match="No such file"):
        read(tmp_path / "gone.jsonl")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"line\n" * 99_999)[:-20])
    with pytest.raises(ConfigError, match="cannot read"):
        read(tmp_path / "cut.gz")
