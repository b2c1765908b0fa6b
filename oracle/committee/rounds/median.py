"""From observations to the report that everybody computes from them. Pure.

With at most `faults` liars among at least `2 * faults + 1` observations each price, confidence,
premium and time lies between two honest ones, and no validity is better than all honest ones; with
up to `2 * faults` liars neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

from eth_hash.auto import keccak

from oracle.committee.wire.observation import Observation
from oracle.model.errors import Rejected
from oracle.model.validity import PRICED
from oracle.report import merkle
from oracle.report.report import Leaf, Unsigned
from oracle.report.word import (
    CONF_SHIFT,
    EPOCH_2020_MS,
    GROUP_SIZE,
    MAX_TIME_MS,
    PREMIUM_MISSING,
    PREMIUM_SHIFT,
    VALIDITY_SHIFT,
    pack_word,
)

_PRICE_MASK: Final = 2**CONF_SHIFT - 1
CONF_MASK: Final = 2 ** (PREMIUM_SHIFT - CONF_SHIFT) - 1
PREMIUM_MASK: Final = 2 ** (VALIDITY_SHIFT - PREMIUM_SHIFT) - 1
EMPTY_CODE: Final = 0
"""What a market that an observation does not carry counts as: HALTED, as an unused number reads."""


def combine(observations: Sequence[Observation], faults: int, prev_ms: int) -> Unsigned:
    """Return the report of one round's observations, in whatever order they come.

    Args:
        observations: distinct members', of one epoch, slot and view; at least `2 * faults + 1`.
        faults: how many of them may lie.
        prev_ms: time of the report before, or 0 in the first.

    Raises:
        Rejected: too few, one member twice, of several rounds, or no time before.
    """
    ordered = sorted(observations, key=lambda one: one.member)
    _check(ordered, faults)
    if prev_ms and not EPOCH_2020_MS < prev_ms <= EPOCH_2020_MS + MAX_TIME_MS:
        raise Rejected(f"prev_ms {prev_ms} is neither 0 nor a time from 2020 to 2054")
    time_ms = lower_median([one.time_ms for one in ordered])
    codes = [_entry(column, faults) for column in _columns(ordered, faults)]
    words = (
        pack_word(time_ms, codes[at : at + GROUP_SIZE]) for at in range(0, len(codes), GROUP_SIZE)
    )
    return Unsigned(
        epoch=ordered[0].epoch,
        slot=ordered[0].slot,
        inputs_root=merkle.root_of([keccak(one.encode()) for one in ordered]),
        leaves=tuple(Leaf(group, prev_ms, word) for group, word in enumerate(words)),
    )


def withheld(observations: Sequence[Observation], faults: int) -> list[int]:
    """Return the market numbers whose validity is worse only because there are few observations.

    More of them can better it: a leader waits for them, and members do not sign it at once (see
    docs/committee.md), since `faults` liars in a small set could do this.
    """
    columns = _columns(observations, faults)
    return [number for number, column in enumerate(columns) if _is_withheld(column, faults)]


def lower_median(values: Sequence[int]) -> int:
    """Return the middle value; of an even number the lower of the two."""
    return sorted(values)[(len(values) - 1) // 2]


def _check(ordered: Sequence[Observation], faults: int) -> None:
    if len(ordered) < 2 * faults + 1:
        raise Rejected(
            f"{len(ordered)} observations; with {faults} liars it takes {2 * faults + 1}"
        )
    if len({one.member for one in ordered}) != len(ordered):
        raise Rejected("a member has two observations in one round")
    if len({(one.epoch, one.slot, one.view) for one in ordered}) != 1:
        raise Rejected("observations of several rounds")


def _columns(observations: Sequence[Observation], faults: int) -> list[tuple[int, ...]]:
    """Return the entries of every market number that more than `faults` members carry."""
    groups = sorted((len(one.words) for one in observations), reverse=True)[faults]
    columns = zip_longest(*(one.codes() for one in observations), fillvalue=EMPTY_CODE)
    return [column for column, _ in zip(columns, range(groups * GROUP_SIZE), strict=False)]


def _validity(column: Sequence[int], faults: int) -> int:
    """Return the best validity that `2 * faults + 1` reach and at most `faults` fall short of."""
    said = sorted(code >> VALIDITY_SHIFT for code in column)
    return said[min(faults, len(said) - 2 * faults - 1)]


def _is_withheld(column: Sequence[int], faults: int) -> bool:
    said = sorted(code >> VALIDITY_SHIFT for code in column)
    return _validity(column, faults) < said[faults]


def _entry(column: Sequence[int], faults: int) -> int:
    validity = _validity(column, faults)
    if validity not in PRICED:
        return validity << VALIDITY_SHIFT
    priced = [code for code in column if code >> VALIDITY_SHIFT in PRICED]
    price = lower_median([code & _PRICE_MASK for code in priced])
    conf = lower_median([code >> CONF_SHIFT & CONF_MASK for code in priced])
    premium = _premium([code >> PREMIUM_SHIFT & PREMIUM_MASK for code in priced], faults)
    return price | conf << CONF_SHIFT | premium << PREMIUM_SHIFT | validity << VALIDITY_SHIFT


def _premium(codes: Sequence[int], faults: int) -> int:
    known = [_signed(code) for code in codes if code != PREMIUM_MISSING]
    if len(known) <= 2 * faults:
        return PREMIUM_MISSING
    middle = lower_median(known)
    return -middle | PREMIUM_MISSING if middle < 0 else middle


def _signed(code: int) -> int:
    size = code & (PREMIUM_MISSING - 1)
    return -size if code & PREMIUM_MISSING else size
