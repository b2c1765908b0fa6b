"""What a format is: a table whose batches become ticks column by column, or lines of messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from feeds.ticks.fields import Place
from feeds.ticks.formats.options import Options
from feeds.ticks.rows import OPTIONAL, PRICES
from feeds.ticks.tables import Layout
from oracle.model.errors import ConfigError

NUMBERS: Final = (*PRICES, *OPTIONAL)


Convert = Callable[[Any, Place], Iterable[Any]]
"""A batch of a table's layout to tables of ticks, each of them row for row."""

Refuse = Callable[[str, str], None]
"""Count what gives no tick, by source (or venue) and reason."""


class Message(NamedTuple):
    """One line of a capture. `received_ns` is 0 where the capture states none."""

    received_ns: int
    data: bytes
    connection: str = ""


class Seen(NamedTuple):
    """What a message says of one source, numbers as their text; None is not said."""

    source: str
    event_ns: int | None = None
    received_ns: int = 0
    """0 is the message's."""
    bid: str | None = None
    ask: str | None = None
    last: str | None = None
    bid_size: str | None = None
    ask_size: str | None = None
    last_size: str | None = None
    funding: str | None = None


Parse = Callable[[Message], Iterable[Seen]]
"""What a message says; nothing, if it is of no interest and its parser has not counted it.

Raises `msgspec.MsgspecError` on what is not of the format.
"""


@dataclass(frozen=True, kw_only=True)
class Format:
    """What all formats have: a line about them, and the options they need and take."""

    summary: str
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()
    """What `Options.price` may be, the first by default; none where there is no choice."""
    decimals: int = 0
    """How many `Options.decimals` there are, where they are needed or taken."""


@dataclass(frozen=True, kw_only=True)
class TableFormat(Format):
    """A table, CSV or Parquet."""

    layout: Layout
    converter: Callable[[Options], Convert]
    """Called for each file: what it returns may remember what it has seen."""
    named: Mapping[str, str] = field(default_factory=dict)
    """How a file calls a tick's columns, for what a person reads."""


@dataclass(frozen=True, kw_only=True)
class CaptureFormat(Format):
    """Messages, one a line."""

    venue: str
    """What refusals are counted under that name no source."""
    parser: Callable[[Options, Refuse], Parse]
    """Called for each file."""


def checked(name: str, kind: Format, options: Options) -> Options:
    """Return the options for the format of this name, with its default price.

    Raises:
        ConfigError: one that it needs is missing, or one is given that it does not take.
    """
    options.check()
    said = options.said()
    for option in kind.needs:
        if option not in said:
            raise ConfigError(f"format {name} needs --{option}: its files do not say it")
    for option in said:
        if option not in (*kind.needs, *kind.takes):
            takes = ", ".join(f"--{each}" for each in (*kind.needs, *kind.takes)) or "none"
            raise ConfigError(f"format {name} takes no --{option}; its options: {takes}")
    if options.price and options.price not in kind.prices:
        raise ConfigError(f"--price {options.price!r}: allowed are {', '.join(kind.prices)}")
    if options.decimals and len(options.decimals) != kind.decimals:
        raise ConfigError(f"--decimals: format {name} needs {kind.decimals} of them")
    return replace(options, price=options.price or (kind.prices or ("",))[0])


def named_sources(keys: Any, name: Callable[[str], str], place: Place) -> Any:
    """Return a column of sources from a text column, each different text named once.

    Raises:
        ConfigError: a text that `name` does not understand.
    """
    encoded = keys.cast(pa.string()).fill_null("").dictionary_encode()
    try:
        names = [name(key) for key in encoded.dictionary.to_pylist()]
    except ConfigError as error:
        raise ConfigError(f"{place.file}: {error}") from error
    return pa.array(names, pa.string()).take(encoded.indices)


def joined(batch: Any, *names: str) -> Any:
    """Return text columns as one, with a space between."""
    columns = (batch.column(name).cast(pa.string()).fill_null("") for name in names)
    return pc.binary_join_element_wise(*columns, " ")


def ticks_table(received_ns: Any, event_ns: Any, source: Any, **numbers: Any) -> Any:
    """Return a table of tick columns; numbers not given are missing.

    `source` is one name for all rows, or a column.
    """
    rows = len(received_ns)
    nothing = pa.nulls(rows, pa.string())
    columns = {
        "received_ns": pa.array(received_ns, pa.int64()),
        "event_ns": pa.array(event_ns, pa.int64()),
        "source": pa.repeat(pa.scalar(source), rows) if isinstance(source, str) else source,
    }
    given = {name: nothing if column is None else column for name, column in numbers.items()}
    return pa.table(columns | {name: given.get(name, nothing) for name in NUMBERS})
