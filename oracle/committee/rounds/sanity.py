"""A report against one's own marks: what more liars than were reckoned with cannot get signed.

What a member has itself it judges by that alone. What it lacks (its feed is down) it takes from
those who have it: 2f + 1 observations near what the report says, of which one is honest while no
more than 2f lie. Not from the last report: liars could walk a price away from that, step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from oracle.committee.rounds.median import CONF_MASK, EMPTY_CODE, PREMIUM_MASK
from oracle.committee.rounds.rules import Rules
from oracle.committee.wire.observation import Observation
from oracle.committee.wire.refusals import Reason, Refused
from oracle.model.fixed import float_nearest
from oracle.model.validity import PRICED
from oracle.report.report import Leaf
from oracle.report.word import (
    CONF_SHIFT,
    LARGEST_CONF_E8,
    PREMIUM_MISSING,
    PREMIUM_SHIFT,
    VALIDITY_SHIFT,
    Entry,
    decode_entry,
    unpack_word,
)

CONF_FACTOR: Final = 4
"""Confidences of honest members differ by more than their prices do: so often, and by `sanity`."""
_BPS_E8: Final = 10_000


class _Field(NamedTuple):
    """One number of an entry: how to read it (None: it says nothing) and when two are near."""

    name: str
    reason: Reason
    read: Callable[[Entry], float | None]
    is_near: Callable[[float, float, float], bool]
    """Of what is said, what it is judged by, and `sanity` in bps."""


def check_entries(
    leaves: Sequence[Leaf], own: Sequence[int], observations: Sequence[Observation], rules: Rules
) -> None:
    """Check every price, premium and confidence of a report.

    Args:
        leaves: the report's.
        own: this member's encoded entries, by market number.
        observations: those that the report is the median of.
        rules: with the bounds.

    Raises:
        Refused: one is too far from one's own, or lacks that and too few observations bear it out.
    """
    others = _Others(observations)
    for number, code in enumerate(_codes(leaves)):
        mine = decode_entry(_code(own, number))
        for field, said in _said(code):
            expected = field.read(mine)
            if expected is None:
                _require_confirmed(field, number, said, others, rules)
            elif not field.is_near(said, expected, rules.sanity_bps):
                raise Refused(
                    field.reason,
                    f"market {number}: {field.name} {said:.8g}; its own is {expected:.8g}, at "
                    f"sanity {rules.sanity_bps:g} bps",
                )


def unconfirmed(
    leaves: Sequence[Leaf], observations: Sequence[Observation], rules: Rules
) -> dict[int, list[int]]:
    """Return who of the observers would refuse a report because it cannot judge it.

    Returns:
        Market numbers by member; empty where enough bear out what somebody lacks.
    """
    others, found = _Others(observations), dict[int, list[int]]()
    for number, code in enumerate(_codes(leaves)):
        if len({_shape(one) for one in others.codes(number)}) == 1:
            continue  # nobody lacks what another has
        for field, said in _said(code):
            values = others.read(field, number)
            if None in values and _near(field, said, values, rules) <= 2 * rules.faults:
                for one, value in zip(observations, values, strict=True):
                    if value is None:
                        found.setdefault(one.member, []).append(number)
    return found


def have_the_same(observations: Sequence[Observation]) -> bool:
    """Whether nobody lacks a price, a premium or a confidence that another has."""
    return len({tuple(map(_shape, one.codes())) for one in observations}) == 1


class _Others:
    """What observations say, by market number."""

    def __init__(self, observations: Sequence[Observation]) -> None:
        self._said = [one.codes() for one in observations]
        self._entries: dict[int, list[Entry]] = {}

    def codes(self, number: int) -> Iterator[int]:
        return (_code(said, number) for said in self._said)

    def read(self, field: _Field, number: int) -> list[float | None]:
        if number not in self._entries:
            self._entries[number] = [decode_entry(code) for code in self.codes(number)]
        return [field.read(entry) for entry in self._entries[number]]


def _require_confirmed(
    field: _Field, number: int, said: float, others: _Others, rules: Rules
) -> None:
    near = _near(field, said, others.read(field, number), rules)
    if near <= 2 * rules.faults:
        raise Refused(
            Reason.UNCONFIRMED,
            f"market {number}: {field.name} {said:.8g}, which it does not have itself; {near} "
            f"observations are near it, it takes {2 * rules.faults + 1}",
        )


def _near(field: _Field, said: float, values: Sequence[float | None], rules: Rules) -> int:
    """Return how many of these values bear out what is said."""
    sanity_bps = rules.sanity_bps
    return sum(one is not None and field.is_near(said, one, sanity_bps) for one in values)


def _said(code: int) -> Iterator[tuple[_Field, float]]:
    """Yield what an encoded entry says; one without a price says nothing."""
    if code >> VALIDITY_SHIFT in PRICED:
        entry = decode_entry(code)
        for field in FIELDS:
            value = field.read(entry)
            if value is not None:
                yield field, value


def _codes(leaves: Sequence[Leaf]) -> Iterator[int]:
    return (code for leaf in leaves for code in unpack_word(leaf.word)[1])


def _code(codes: Sequence[int], number: int) -> int:
    return codes[number] if number < len(codes) else EMPTY_CODE


def _shape(code: int) -> tuple[bool, bool, bool]:
    """Return whether an encoded entry has a price, a premium and a confidence."""
    return (
        code >> VALIDITY_SHIFT in PRICED,
        code >> PREMIUM_SHIFT & PREMIUM_MASK != PREMIUM_MISSING,
        code >> CONF_SHIFT & CONF_MASK != CONF_MASK,
    )


def _price(entry: Entry) -> float | None:
    return float_nearest(entry.price) if entry.price else None


def _premium(entry: Entry) -> float | None:
    return entry.premium_e8 if entry.price else None


def _conf(entry: Entry) -> float | None:
    return entry.conf_e8 if entry.price and entry.conf_e8 < LARGEST_CONF_E8 else None


def _is_near_price(said: float, expected: float, sanity_bps: float) -> bool:
    return abs(said - expected) * 10_000 <= sanity_bps * expected


def _is_near_premium(said: float, expected: float, sanity_bps: float) -> bool:
    return abs(said - expected) <= sanity_bps * _BPS_E8


def _is_near_conf(said: float, expected: float, sanity_bps: float) -> bool:
    low, high = sorted((said, expected))
    return high <= CONF_FACTOR * low + sanity_bps * _BPS_E8


FIELDS: Final = (
    _Field("price", Reason.PRICE_NOT_SANE, _price, _is_near_price),
    _Field("premium", Reason.PREMIUM_NOT_SANE, _premium, _is_near_premium),
    _Field("confidence", Reason.CONFIDENCE_NOT_SANE, _conf, _is_near_conf),
)
