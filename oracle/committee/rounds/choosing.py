"""Which observations a leader proposes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from oracle.committee.rounds.chain import Certified
from oracle.committee.rounds.falls import fallen, is_early
from oracle.committee.rounds.median import combine
from oracle.committee.rounds.rules import Rules
from oracle.committee.rounds.sanity import have_the_same, unconfirmed
from oracle.committee.wire.observation import Observation


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
    early = is_early(few[0].slot, rules, newest)
    if early and fallen(few, combine(few, rules.faults, 0).leaves, rules, newest):
        return everybody  # it would be refused now; those who can judge may be enough
    return few
