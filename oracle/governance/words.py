"""A call in words, beside what holds now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from oracle.governance import functions
from oracle.governance.fields import FIELDS
from oracle.governance.functions import Decoded, decoded
from oracle.governance.proposal import Call
from oracle.risk.layout import Scope

MODULES: Final = ("nothing", "engine", "orders", "liquidator", "pool")
NEVER_S: Final = 2**39

Key = tuple[str, Scope, int, int]
"""Contract, scope, ID and field of a parameter."""
Change = tuple[int, int, int, int]


class Line(NamedTuple):
    """One thing that a call does."""

    text: str
    warning: bool = False
    depth: int = 0


class Members(NamedTuple):
    """A committee."""

    epoch: int
    members: tuple[str, ...]
    threshold: int


@dataclass
class Known:
    """What the chain says; what it was not asked for is missing."""

    names: dict[str, str] = field(default_factory=dict)
    """By address: the deployment's own contracts."""
    governed: dict[Key, int] = field(default_factory=dict)
    instruments: dict[int, str] = field(default_factory=dict)
    committees: dict[str, Members] = field(default_factory=dict)


def changes_of(call: Call) -> tuple[Change, ...]:
    """Return the risk parameters that a call changes."""
    act = decoded(call.data)
    if act is None or act.function not in (functions.CHANGE, functions.TIGHTEN, functions.LIST):
        return ()
    at = 2 if act.function is functions.LIST else 0
    return tuple(act.values[at])


def words_of(call: Call, known: Known, depth: int = 0) -> list[Line]:
    """Say what a call does, line by line."""
    act = decoded(call.data)
    lines = [Line(f"SENDS {call.value_wei} wei to {call.target}", True)] if call.value_wei else []
    if act is None:
        lines += _unknown(call)
    else:
        lines += _told(call.target, act, known)
        lines += _misdirected(call.target, act, known)
    return [line._replace(depth=line.depth + depth) for line in lines]


def _misdirected(target: str, act: Decoded, known: Known) -> list[Line]:
    """Return a warning where another contract than the deployment's is called."""
    kind = act.function.of
    if kind not in known.names.values() or known.names.get(target) == kind:
        return []
    return [Line(f"{target} IS NOT THE {kind} CONTRACT OF THIS DEPLOYMENT", True, 1)]


def _unknown(call: Call) -> list[Line]:
    if not call.data:
        return [Line(f"calls {call.target} without data", True)]
    text = f"UNKNOWN CALL to {call.target}: read it byte by byte before you vote"
    return [Line(text, True), Line(f"0x{call.data.hex()}", True, 1)]


def _told(target: str, act: Decoded, known: Known) -> list[Line]:
    values = act.values
    if act.function is functions.CHANGE:
        lines = [_change(target, one, known) for one in values[0]]
    elif act.function is functions.TIGHTEN:
        tightened = [_change(target, one, known)._replace(depth=1) for one in values[0]]
        lines = [Line(f"tightens until {_time(values[1])}:"), *tightened]
    elif act.function is functions.LIST:
        lines = list(_listing(values, known))
    elif act.function is functions.SET_COMMITTEE:
        lines = list(_committee(target, values, known))
    elif act.function is functions.SET_MODULE:
        role = MODULES[values[1]] if values[1] < len(MODULES) else f"role {values[1]}"
        lines = [Line(f"names {values[0]} the {role} of the vault {target}", True)]
    elif act.function is functions.SEND:
        lines = list(_far(values, known))
    elif act.function is functions.RELAY:
        to, wei, data = values
        inner = words_of(Call(to.lower(), wei, data), known, depth=1)
        lines = [Line("has the governor itself call:", True), *inner]
    else:
        lines = [_plain(target, act, known)]
    return lines


def _plain(target: str, act: Decoded, known: Known) -> Line:
    named = zip(act.function.arguments, act.values, strict=True)
    text = ", ".join(f"{name} {_shown(value)}" for name, value in named)
    said = f"{act.function.name} of {known.names.get(target, target)}"
    return Line(f"{said}: {text}" if text else said, act.function.module)


def _subject(scope: int, number: int, known: Known) -> str:
    if scope == Scope.MARKET:
        return f"market {known.instruments.get(number, number)}"
    return f"collateral {number}" if scope == Scope.COLLATERAL else "all markets"


def _change(target: str, change: Change, known: Known) -> Line:
    scope, number, field_number, to = change
    subject = _subject(scope, number, known)
    one = FIELDS.get((Scope(scope), field_number)) if scope in set(Scope) else None
    if one is None:
        return Line(f"{subject}: UNKNOWN FIELD {field_number} -> {to}", True)
    old = known.governed.get((target, Scope(scope), number, field_number))
    before = "?" if old is None else one.shown(old)
    same = " (as it is)" if old == to else ""
    return Line(f"{subject}: {one.words}: {before} -> {one.shown(to)}{same}")


def _listing(values: Sequence[Any], known: Known) -> Iterator[Line]:
    scope, number, changes = values
    yield Line(f"lists {_subject(scope, number, known)}, with")
    for change in changes:
        one = FIELDS.get((Scope(scope), change[2])) if scope in set(Scope) else None
        if one is None or change[:2] != (scope, number):
            yield Line(f"SOMETHING ELSE: {change}", True, 1)
            continue
        text = one.shown(change[3])
        if one.unit == "market":
            text = known.instruments.get(change[3], text)
        yield Line(f"{one.words}: {text}", depth=1)


def _committee(target: str, values: Sequence[Any], known: Known) -> Iterator[Line]:
    epoch, members, threshold, until_s, bindings = values
    before = known.committees.get(target)
    yield Line(f"rotates the committee: epoch {epoch}, {threshold} of {len(members)} sign")
    if before is None:
        yield Line("who was in it before could not be read", True, 1)
        before = Members(0, (), 0)
    else:
        was = f"{before.threshold} of {len(before.members)}, epoch {before.epoch}"
        yield Line(f"threshold: {was} -> {threshold} of {len(members)}", depth=1)
    yield from (Line(f"joins: {one}", depth=1) for one in members if one not in before.members)
    yield from (Line(f"leaves: {one}", depth=1) for one in before.members if one not in members)
    overlap = f"until {_time(until_s)}" if until_s else "no longer: at once"
    yield Line(f"the epoch before is valid {overlap}", depth=1)
    for market, instrument in bindings:
        name = instrument.rstrip(b"\0").decode("ascii", "backslashreplace")
        text = f"market number {market} means {name}" if name else f"retires market number {market}"
        yield Line(text, warning=not name, depth=1)


def _far(values: Sequence[Any], known: Known) -> Iterator[Line]:
    chain, governor, calls, lead_s, life_s = values
    yield Line(
        f"sends to chain {chain}, governor {governor}, not before {lead_s:,} s and for "
        f"{life_s:,} s (values there are not read here):"
    )
    there = Known(instruments=known.instruments)
    for target, data in calls:
        yield from words_of(Call(target.lower(), 0, data), there, depth=1)


def _time(unix_s: int) -> str:
    if unix_s >= NEVER_S:
        return "for ever"
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_shown, value))})"
    return str(value)
