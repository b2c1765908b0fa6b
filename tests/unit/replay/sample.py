"""What the tests of formats share: import some text, and read back what was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feeds.ticks.formats.options import Options
from feeds.ticks.importing import Imported, import_ticks


@dataclass(frozen=True)
class Sample:
    """Some lines of a format, and exactly what they become: lines of a CSV tick file."""

    format: str
    text: str
    options: Mapping[str, Any] = field(default_factory=dict)
    ticks: tuple[str, ...] = ()
    refused: Mapping[tuple[str, str], int] = field(default_factory=dict)
    name: str = "recorded.csv"


def import_text(
    folder: Path, format_name: str, text: str | bytes, name: str = "recorded.csv", **options: Any
) -> tuple[tuple[str, ...], Imported]:
    """Import a file of this content; return the tick file's lines without its header."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    done = import_ticks(format_name, [path], folder / "out.csv", Options(**options))
    return tuple((folder / "out.csv").read_text().splitlines()[1:]), done
