"""What commands print: text or tables for people, JSON for programs, complaints on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from oracle.model.errors import PlumblineError, Retryable

console = Console()


def complain(error: PlumblineError) -> None:
    """Say in one line on stderr what went wrong."""
    hint = " (it may succeed later: try again)" if isinstance(error, Retryable) else ""
    sys.stderr.write(f"plumb: {' '.join(str(error).split())}{hint}\n")


def emit(data: Mapping[str, Any], *, as_json: bool, text: str) -> None:
    """Print `data` as JSON, or `text` for a person."""
    if as_json:
        sys.stdout.write(json.dumps(data) + "\n")
    else:
        console.print(text, highlight=False, soft_wrap=True)


def printable(text: str) -> str:
    """Return text that moves no cursor: it may quote what a stranger wrote."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table; the first column is the name, the others are figures."""
    made = Table(title=title, title_justify="left")
    for at, column in enumerate(columns):
        made.add_column(column, justify="left" if at == 0 else "right", no_wrap=at == 0)
    for row in rows:
        made.add_row(*row)
    return made


def configure_logging(
    *, quiet: bool = False, as_json: bool = False, stream: TextIO | None = None
) -> None:
    """Send structured logs to `stream` or stderr; `quiet` keeps only errors."""
    target = stream or sys.stderr
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json or not target.isatty()
        else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(40 if quiet else 20),
        # Looked up at each use: whoever embeds or captures us may have replaced it.
        logger_factory=lambda *_: structlog.PrintLogger(stream or sys.stderr),
    )


def bar(quiet: bool) -> Progress:
    """Return a progress bar of parts from 0 to 1, on stderr."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
    )
    return Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), disable=quiet)
