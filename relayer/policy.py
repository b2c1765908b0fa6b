"""When to push: pure decisions from what a chain holds and what a report offers.

Both sides are group words, so that a decision needs neither a clock nor the chain. The age that
a heartbeat limits is the offered time against the held one: what a push would gain. What is under
way counts as held (see `overlaid`), so that nothing is sent twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from oracle.model.fixed import Px
from oracle.model.validity import Validity
from oracle.report.word import GROUP_SIZE, PRICE_SCALE, Entry
from relayer.stored import stored_entry, stored_ms

BPS_E8: Final = 10_000
"""One bps of a ratio times 10**8."""
NEVER_EARLY: Final = 1.0


class Reason(StrEnum):
    """Why a group is pushed, strongest first."""

    FIRST = "first"
    VALIDITY = "validity"
    DEVIATION = "deviation"
    CONFIDENCE = "confidence"
    HEARTBEAT = "heartbeat"
    EARLY = "early"
    """Near its limits, and another group goes anyway."""


ALL_REASONS: Final = frozenset(Reason)
AT_ONCE: Final = frozenset({Reason.FIRST, Reason.VALIDITY})
"""What does not wait for a transaction that is under way."""


@dataclass(frozen=True, slots=True)
class PushPolicy:
    """When one market is pushed to one chain."""

    deviation_bps: float
    heartbeat_ms: int
    confidence: float
    """Push when the confidence has widened or narrowed by this factor. Below `deviation_bps` it
    is taken to be that: a half-width that no push would follow is noise."""
    early: float = 0.5
    """Share of deviation or heartbeat from which it rides along with another group; 1: never."""


class Push(NamedTuple):
    """A group to push, and the strongest reason of its markets."""

    group: int
    reason: Reason


def decide(
    held: Mapping[int, bytes],
    offered: Mapping[int, bytes],
    policies: Mapping[int, PushPolicy],
    reasons: Collection[Reason] = ALL_REASONS,
    unheard: Collection[int] = (),
) -> list[Push]:
    """Return the groups to push, rising; none when nothing but early joiners would go.

    `held` and `offered` are words by group, `policies` by market number. A group that is missing
    from `held`, or whose word there has no time, was never stored. A group that is not newer than
    held, or without a market that has a policy, is never pushed. Only `reasons` count. Markets that
    are `unheard` and MISSING there wait for another reason than their validity.
    """
    pushes = []
    for group, word in sorted(offered.items()):
        known = held.get(group, bytes(32))
        reason = _reason_of_group(group, known, word, policies, reasons, unheard)
        if reason is not None:
            pushes.append(Push(group, reason))
    return pushes if any(push.reason is not Reason.EARLY for push in pushes) else []


def overlaid(
    held: Mapping[int, bytes], under_way: Iterable[Mapping[int, bytes]]
) -> dict[int, bytes]:
    """Return what a chain will hold once `under_way` is stored: of each group the newest word."""
    words = dict(held)
    for sent in under_way:
        for group, word in sent.items():
            if (stored_ms(word) or 0) > (stored_ms(words.get(group, bytes(32))) or 0):
                words[group] = word
    return words


def unheard(brought: Mapping[int, bytes], held: Mapping[int, bytes]) -> set[int]:
    """Return the markets of which a chain has made MISSING what it was brought, by their numbers.

    `MarkOracle` does so while two epochs overlap, with a number that the report's epoch does not
    have: the next report would fare no better.
    """
    return {
        group * GROUP_SIZE + at
        for group, word in brought.items()
        if stored_ms(held.get(group, bytes(32))) == stored_ms(word)
        for at in range(GROUP_SIZE)
        if stored_entry(held[group], at).validity is Validity.MISSING
        and stored_entry(word, at).validity is not Validity.MISSING
    }


def split(pushes: Sequence[Push], most_groups: int) -> list[list[Push]]:
    """Part pushes into transactions of at most so many groups, the strongest reasons first.

    Early joiners fill the last one, and never make one more.
    """
    by_strength = sorted(pushes, key=lambda push: _STRENGTH[push.reason])
    own = sum(push.reason is not Reason.EARLY for push in pushes)
    room = -(-own // most_groups) * most_groups
    chosen = by_strength[:room]
    return [sorted(chosen[at : at + most_groups]) for at in range(0, len(chosen), most_groups)]


def strongest(pushes: Sequence[Push]) -> Reason:
    """Return the one reason that a transaction of these pushes is sent for."""
    return min((push.reason for push in pushes), key=_STRENGTH.__getitem__)


_STRENGTH: Final = {reason: at for at, reason in enumerate(Reason)}


def _reason_of_group(
    group: int,
    held: bytes,
    offered: bytes,
    policies: Mapping[int, PushPolicy],
    reasons: Collection[Reason],
    unheard: Collection[int],
) -> Reason | None:
    first = group * GROUP_SIZE
    markets = [at for at in range(GROUP_SIZE) if first + at in policies]
    held_ms, offered_ms = stored_ms(held), stored_ms(offered)
    if not markets or offered_ms is None:
        return None
    if held_ms is None:
        return Reason.FIRST if Reason.FIRST in reasons else None
    age_ms = offered_ms - held_ms
    if age_ms <= 0:
        return None
    found = (
        reason
        for at in markets
        for reason in _reasons_of_market(
            stored_entry(held, at),
            stored_entry(offered, at),
            age_ms,
            policies[first + at],
            first + at in unheard,
        )
        if reason in reasons
    )
    return min(found, key=_STRENGTH.__getitem__, default=None)


def _reasons_of_market(
    held: Entry, offered: Entry, age_ms: int, policy: PushPolicy, unheard: bool
) -> Iterator[Reason]:
    if offered.validity is not held.validity and not _says_no_more(held, offered, unheard):
        yield Reason.VALIDITY
    moved_bps = 0.0
    if held.price is not None and offered.price is not None:
        moved_bps = deviation_bps(held.price, offered.price)
        if moved_bps >= policy.deviation_bps:
            yield Reason.DEVIATION
        if _confidence_changed(held.conf_e8, offered.conf_e8, policy):
            yield Reason.CONFIDENCE
    if age_ms >= policy.heartbeat_ms:
        yield Reason.HEARTBEAT
    near = moved_bps >= policy.early * policy.deviation_bps > 0
    if near or age_ms >= policy.early * policy.heartbeat_ms:
        yield Reason.EARLY


def _says_no_more(held: Entry, offered: Entry, unheard: bool) -> bool:
    """Whether a chain would say the same after this offer: every report would go for it.

    `MarkOracle` reads a held jump as TOO_VOLATILE, and counts no doubted report as agreement.
    """
    if unheard and held.validity is Validity.MISSING:
        return True
    return held.validity is Validity.TOO_VOLATILE and offered.validity is Validity.TOO_UNCERTAIN


def deviation_bps(held: Px, offered: Px) -> float:
    """Return how far `offered` is from `held`, relative to `held` (correctly rounded)."""
    before, after = _e18(held), _e18(offered)
    return abs(after - before) * 10_000 / before


def _e18(price: Px) -> int:
    scaled: int = price.mantissa * 10 ** (price.exponent + PRICE_SCALE)
    return scaled


def _confidence_changed(held_e8: int, offered_e8: int, policy: PushPolicy) -> bool:
    floor_e8 = max(policy.deviation_bps * BPS_E8, 1)
    before, after = max(held_e8, floor_e8), max(offered_e8, floor_e8)
    return after >= policy.confidence * before or before >= policy.confidence * after
