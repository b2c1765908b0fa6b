"""Which observations a leader proposes, and what is lost for want of more of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from oracle.committee.rounds.chain import Certified
from oracle.committee.rounds.median import combine, withheld
from oracle.committee.rounds.rules import Rules
from oracle.committee.rounds.sanity import have_the_same, unconfirmed
from oracle.committee.wire.observation import Observation
from oracle.report.report import Leaf
from oracle.report.word import GROUP_SIZE, VALIDITY_SHIFT, unpack_word


def chosen(
    observations: Sequence[Observation], rules: Rules, newest: Certified | None
) -> list[Observation]:
    """Return the observations to propose: all, or a quorum that leaves out what few could sign.

    Where f liars quote nonsense and an honest member lacks the market, it cannot judge the price,
    and without it there may be no quorum. A quorum with those who lack it has no price there, and
    all can sign that.

    Args:
        observations: of one round, a quorum or more.
        rules: with the bounds.
        newest: the newest certified report, if there is one.
    """
    everybody = sorted(observations, key=lambda one: one.member)
    if have_the_same(everybody):
        return everybody
    refusing = unconfirmed(combine(everybody, rules.faults, 0).leaves, everybody, rules)
    if not refusing:
        return everybody
    first = sorted(everybody, key=lambda one: -len(refusing.get(one.member, ())))
    few = sorted(first[: rules.quorum], key=lambda one: one.member)
    if lost(few, combine(few, rules.faults, 0).leaves, rules, newest):
        return everybody  # it would be refused now; those who can judge may be enough
    return few


def lost(
    observations: Sequence[Observation],
    leaves: Sequence[Leaf],
    rules: Rules,
    newest: Certified | None,
) -> list[int]:
    """Return the markets whose validity falls below the last report's only for want of more
    observations; none once f slots went by without a report: by then an honest leader has tried.
    """
    slot = observations[0].slot
    if newest is None or slot - newest.slot > rules.faults * rules.slot_ms:
        return []
    return [
        number
        for number in withheld(observations, rules.faults)
        if _validity(leaves, number) < _validity(newest.report.leaves, number)
    ]


def _validity(leaves: Sequence[Leaf], number: int) -> int:
    group, at = divmod(number, GROUP_SIZE)
    if group >= len(leaves):
        return 0
    return unpack_word(leaves[group].word)[1][at] >> VALIDITY_SHIFT
