"""Names the first field in which two things differ. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final, NamedTuple

import msgspec

from oracle.engine.spec import EngineSpec, MarketSpec, SourceSpec
from oracle.model.fixed import Px
from oracle.model.messages import Mark
from oracle.report.word import GROUP_SIZE, unpack_word
from oracle.verify.findings import hexed

ABSENT: Final = "absent"
"""What a thing that is not there has."""
_LONGEST: Final = 120
_ENTRY: Final = (
    ("mantissa", 0, 27),
    ("exponent", 27, 5),
    ("confidence", 32, 7),
    ("premium", 39, 11),
    ("validity", 50, 3),
)
"""Fields of an entry: name, lowest bit and width (docs/report-format.md)."""


class Named(NamedTuple):
    """A field, and what two things have there."""

    field: str
    ours: str
    theirs: str


def in_specs(ours: EngineSpec, theirs: EngineSpec) -> Named | None:
    """Name the first market, source or parameter in which two specifications differ."""
    mine = {market.name: market for market in ours.markets}
    other = {market.name: market for market in theirs.markets}
    for name in dict.fromkeys((*mine, *other)):
        if name not in mine or name not in other:
            return Named(f"market {name}", _there(name in mine), _there(name in other))
        found = _in_market(mine[name], other[name])
        if found is not None:
            return found
    if ours == theirs:
        return None
    return Named("order of conversion", shown(ours.levels), shown(theirs.levels))


def _in_market(ours: MarketSpec, theirs: MarketSpec) -> Named | None:
    for kind in ("sources", "perps"):
        found = _in_places(getattr(ours, kind), getattr(theirs, kind))
        if found is not None:
            return found._replace(field=f"{ours.name}, {found.field}")
    found = in_values(ours, theirs)
    return None if found is None else found._replace(field=f"{ours.name}, {found.field}")


def _in_places(ours: Sequence[SourceSpec], theirs: Sequence[SourceSpec]) -> Named | None:
    mine, other = ({place.source: place for place in part} for part in (ours, theirs))
    for name in dict.fromkeys((*mine, *other)):
        if name not in mine or name not in other:
            return Named(f"source {name}", _there(name in mine), _there(name in other))
        found = in_values(mine[name], other[name])
        if found is not None:
            return found._replace(field=f"source {name}, {found.field}")
    return None


def in_values(ours: Any, theirs: Any, path: str = "") -> Named | None:
    """Name the first field in which two dataclasses, structs or tuples of them differ."""
    if type(ours) is type(theirs):
        if is_dataclass(ours):
            names = [field.name for field in fields(ours)]
            return _first(ours, theirs, names, path)
        if isinstance(ours, msgspec.Struct):
            return _first(ours, theirs, ours.__struct_fields__, path)
        if isinstance(ours, tuple) and not isinstance(ours, Px) and len(ours) == len(theirs):
            for at, (one, other) in enumerate(zip(ours, theirs, strict=True)):
                found = in_values(one, other, f"{path}[{at}]")
                if found is not None:
                    return found
            return None
    return None if ours == theirs else Named(path or "value", shown(ours), shown(theirs))


def _first(ours: Any, theirs: Any, names: Sequence[str], path: str) -> Named | None:
    for name in names:
        at = f"{path}.{name}" if path else name
        found = in_values(getattr(ours, name), getattr(theirs, name), at)
        if found is not None:
            return found
    return None


def in_marks(ours: Sequence[Mark], theirs: Sequence[Mark]) -> Named | None:
    """Name the first market and field in which the marks of a step differ."""
    mine = {mark.market: mark for mark in ours}
    other = {mark.market: mark for mark in theirs}
    for name in dict.fromkeys((*mine, *other)):
        if name not in mine or name not in other:
            return Named(f"mark of {name}", _there(name in mine), _there(name in other))
        found = in_values(mine[name], other[name])
        if found is not None:
            return found._replace(field=f"mark of {name}, {found.field}")
    return None if len(ours) == len(theirs) else Named("marks", str(len(ours)), str(len(theirs)))


class InWord(NamedTuple):
    """A field of a group word; `entry` is None for the time and the pause bits."""

    entry: int | None
    field: str
    ours: str
    theirs: str


def in_words(ours: bytes, theirs: bytes) -> InWord | None:
    """Name the first field in which two group words differ."""
    (our_ms, our_codes), (their_ms, their_codes) = unpack_word(ours), unpack_word(theirs)
    if our_ms != their_ms:
        return InWord(None, "time_ms", str(our_ms), str(their_ms))
    for entry in range(GROUP_SIZE):
        found = in_entries(our_codes[entry], their_codes[entry])
        if found is not None:
            return InWord(entry, *found)
    return None if ours == theirs else InWord(None, "pause bits", hexed(ours), hexed(theirs))


def in_entries(ours: int, theirs: int) -> Named | None:
    """Name the first field in which two entries differ."""
    for name, shift, width in _ENTRY:
        one, other = (code >> shift & (1 << width) - 1 for code in (ours, theirs))
        if one != other:
            return Named(name, str(one), str(other))
    return None


def shown(value: Any) -> str:
    """Return a value for one line."""
    match value:
        case Px():
            text = str(value)
        case Enum():
            text = value.name
        case bytes():
            text = hexed(value)
        case _ if is_dataclass(value) or isinstance(value, msgspec.Struct):
            text = repr(value)
        case _:
            text = str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _there(present: bool) -> str:
    return "there" if present else ABSENT
