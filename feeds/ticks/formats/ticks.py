"""Tick files themselves: importing them sorts and merges them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from feeds.ticks.fields import Place
from feeds.ticks.formats.format import TableFormat
from feeds.ticks.rows import COLUMNS, OPTIONAL
from feeds.ticks.tables import Layout


def _as_they_are(batch: Any, _: Place) -> Iterable[Any]:
    yield batch


TICKS: Final = TableFormat(
    summary="tick files, to sort and merge them",
    layout=Layout(COLUMNS, OPTIONAL),
    converter=lambda _: _as_they_are,
)
