"""`plumb query`: SQL over the archive."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterator
from datetime import date, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from oracle.cli.archive import archive_section
from oracle.cli.options import JsonOption
from oracle.cli.output import console
from oracle.config.load import load
from oracle.model.errors import ConfigError

if TYPE_CHECKING:
    from oracle.archive.query import Answer

SHOWN: Final = 200
"""Rows of a table for people."""
_FETCHED: Final = 1_000

SqlArgument = Annotated[
    str,
    typer.Argument(
        metavar="SQL",
        help="One SELECT over ticks, steps, marks, reports, rounds, receipts, controls, audit.",
        show_default=False,
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The YAML configuration file.", show_default=False),
]
ArchiveOption = Annotated[
    str | None,
    typer.Option("--archive", help="The archive itself: a folder or URL.", show_default=False),
]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
FromOption = Annotated[
    datetime | None,
    typer.Option("--from", help="Open only parts with times from here, UTC.", show_default=False),
]
ToOption = Annotated[
    datetime | None,
    typer.Option("--to", help="Open only parts with times before this, UTC.", show_default=False),
]


def query(
    sql: SqlArgument,
    config: ConfigOption = None,
    archive: ArchiveOption = None,
    begin: FromOption = None,
    end: ToOption = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Print what a query selects: a table, a JSON array of objects, or CSV.

    --from and --to leave out files, not rows: say times in the query too.
    """
    from oracle.archive.catalogue import Catalogue
    from oracle.archive.query import Query
    from oracle.archive.store import Store

    if as_json and as_csv:
        raise ConfigError("give --json or --csv, not both")
    store = Store(_url(config, archive))
    opened = Query(Catalogue(store), from_ns=_ns(begin), to_ns=_ns(end))
    with opened as connection:
        answer = connection.run(sql)
        if as_json:
            _print_json(answer)
        elif as_csv:
            _print_csv(answer)
        else:
            _print_table(answer)


def _url(config: Path | None, archive: str | None) -> str:
    if (config is None) == (archive is None):
        raise ConfigError("say where the archive is: either --config FILE or --archive PATH")
    return archive if config is None else archive_section(load(config)).url  # type: ignore[return-value]  # one of both


def _ns(at: datetime | None) -> int | None:
    from datetime import UTC

    return None if at is None else int(at.replace(tzinfo=UTC).timestamp()) * 10**9


def _rows(answer: Answer) -> Iterator[tuple[Any, ...]]:
    while rows := answer.fetch(_FETCHED):
        yield from rows


def _print_json(answer: Answer) -> None:
    sys.stdout.write("[")
    for at, row in enumerate(_rows(answer)):
        made = {name: plain(value) for name, value in zip(answer.columns, row, strict=True)}
        sys.stdout.write((",\n " if at else "") + json.dumps(made))
    sys.stdout.write("]\n")


def _print_csv(answer: Answer) -> None:
    sink = csv.writer(sys.stdout, lineterminator="\n")
    sink.writerow(answer.columns)
    for row in _rows(answer):
        sink.writerow(["" if value is None else _text(value) for value in row])


def _print_table(answer: Answer) -> None:
    made = Table()
    for name in answer.columns:
        made.add_column(_cell(name), overflow="fold")
    rows = answer.fetch(SHOWN + 1)
    for row in rows[:SHOWN]:
        made.add_row(*map(_cell, row))
    console.print(made)
    if len(rows) > SHOWN:
        console.print(f"the first {SHOWN} rows; --json or --csv prints all")


def _text(value: Any) -> str:
    made = plain(value)
    return made if isinstance(made, str) else json.dumps(made)


def _cell(value: Any) -> Text:
    """Return a value for a terminal: what others named must not steer it."""
    text = "" if value is None else _text(value)
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return Text("".join(shown))


def plain(value: Any) -> Any:
    """Return a value of a row as JSON has it: bytes in hex, times as text, no NaN."""
    match value:
        case bytes():
            return "0x" + value.hex()
        case dict():
            return {str(plain(key)): plain(held) for key, held in value.items()}
        case list() | tuple():
            return [plain(held) for held in value]
        case float():
            return value if math.isfinite(value) else None
        case datetime() | date() | time_of_day():
            return value.isoformat()
    return value if value is None or isinstance(value, int | str) else str(value)
