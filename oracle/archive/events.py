"""Write what markets' breakers did, a row an event."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from oracle.engine.events import BreakerEvent
from oracle.model.errors import ConfigError

COLUMNS: Final = ("ts_ns", "market", "kind", "before", "after", "cause")


def write_events(file: Path, events: Iterable[BreakerEvent]) -> None:
    """Write breaker transitions and depegs as CSV, with the figures that caused them.

    Raises:
        ConfigError: the file cannot be written.
    """
    rows = [(e.time_ns, e.market, e.kind, e.before, e.after, e.cause) for e in events]
    try:
        with file.open("w", newline="", encoding="utf-8") as sink:
            csv.writer(sink, lineterminator="\n").writerows([COLUMNS, *rows])
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from error
