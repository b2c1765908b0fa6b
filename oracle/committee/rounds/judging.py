"""Whether a member signs a proposal: the rules of docs/committee.md, and the journal first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from oracle.committee.journal import Signed, SigningJournal
from oracle.committee.rounds.chain import Chain, InDoubt
from oracle.committee.rounds.choosing import lost
from oracle.committee.rounds.rules import Rules
from oracle.committee.rounds.sanity import check_entries
from oracle.committee.wire.observation import Last, Observation
from oracle.committee.wire.proposal import Proposed
from oracle.committee.wire.refusals import Reason, Refused

MS_NS: Final = 1_000_000


class Vote(NamedTuple):
    """A yes, on disk: the member now signs `message`, which is the report's."""

    member: int
    slot: int
    digest: bytes
    message: bytes


class Judge:
    """Decides by the chain and the journal of one member."""

    def __init__(self, number: int, rules: Rules, chain: Chain, journal: SigningJournal) -> None:
        self._number, self._rules = number, rules
        self._chain, self._journal = chain, journal

    def vote(self, proposed: Proposed, now_ms: int, views: Sequence[Observation]) -> Vote:
        """Return the vote for a proposal, once it is on disk.

        Args:
            proposed: what a leader asks to sign.
            now_ms: this member's clock (unix ms).
            views: its own observations of late, to judge prices by.

        Raises:
            Refused: with the rule that it breaks.
            Retryable: the journal does not take it.
        """
        doubt = self._chain.weigh(proposed)
        vote = Vote(self._number, doubt.slot, doubt.digest, doubt.message)
        signed = self._journal.newest
        if signed is not None and signed.digest == doubt.digest.hex():
            return vote
        self._chain.check_round(proposed.proposal)
        self._check_time(doubt, now_ms)
        self._check_slot(doubt)
        self._chain.prove(proposed)
        self._check_base(doubt)
        self._check_entries(doubt, views)
        self._journal.write(self._entry(doubt))
        self._chain.keep(doubt)
        return vote

    def _check_time(self, doubt: InDoubt, now_ms: int) -> None:
        rules = self._rules
        if doubt.time_ms > now_ms + rules.max_offset_ms:
            raise Refused(
                Reason.FROM_FUTURE,
                f"time {doubt.time_ms} ms is {doubt.time_ms - now_ms} ms ahead; allowed are "
                f"{rules.max_offset_ms}",
            )
        if doubt.time_ms < now_ms - rules.max_age_ms:
            raise Refused(
                Reason.TOO_OLD,
                f"time {doubt.time_ms} ms is {now_ms - doubt.time_ms} ms old; allowed are "
                f"{rules.max_age_ms}",
            )

    def _check_slot(self, doubt: InDoubt) -> None:
        signed, newest = self._journal.newest, self._chain.certified
        if newest is not None and doubt.slot <= newest.slot:
            raise Refused(
                Reason.SLOT_IS_DONE, f"slot {doubt.slot}; slot {newest.slot} is certified"
            )
        if signed is not None and doubt.slot < signed.slot:
            raise Refused(Reason.SIGNED_LATER, f"slot {doubt.slot}; signed slot {signed.slot}")
        if signed is not None and doubt.slot == signed.slot:
            raise Refused(
                Reason.SIGNED_ANOTHER,
                f"slot {doubt.slot} digest {doubt.digest.hex()}; signed {signed.digest} for it",
            )

    def _check_base(self, doubt: InDoubt) -> None:
        """Check that the report passes over nothing that may have got its signatures."""
        prev_ms, newest, signed = (
            doubt.proposed.proposal.prev_ms,
            self._chain.certified,
            last_signed(self._journal, self._rules),
        )
        least_ms = newest.time_ms if newest else 0
        if newest is None or signed.slot > newest.slot:
            least_ms = max(least_ms, signed.time_ms)
        if prev_ms < least_ms:
            raise Refused(
                Reason.BASE_TOO_OLD,
                f"follows {prev_ms} ms; a report of {least_ms} ms may have got its signatures "
                f"(slot {signed.slot}, digest {signed.digest.hex()})",
            )
        if doubt.time_ms <= prev_ms:
            raise Refused(
                Reason.TIME_NOT_AFTER_BASE, f"time {doubt.time_ms} ms; it follows {prev_ms} ms"
            )

    def _check_entries(self, doubt: InDoubt, views: Sequence[Observation]) -> None:
        rules, leaves = self._rules, doubt.unsigned.leaves
        observations = doubt.proposed.proposal.observations
        fallen = lost(observations, leaves, rules, self._chain.certified)
        if fallen:
            raise Refused(
                Reason.VALIDITY_WITHHELD,
                f"the validity of markets {fallen} would fall for want of observations, of which "
                f"there are {len(observations)} of {rules.size}",
            )
        near = [one for one in views if abs(one.time_ms - doubt.time_ms) <= rules.view_age_ms]
        if not near:
            raise Refused(
                Reason.NO_VIEW, f"no marks of its own within {rules.view_age_ms} ms to judge by"
            )
        nearest = min(near, key=lambda one: abs(one.time_ms - doubt.time_ms))
        check_entries(leaves, nearest.codes(), observations, rules)

    def _entry(self, doubt: InDoubt) -> Signed:
        before = self._journal.newest
        times = dict.fromkeys(range(len(doubt.unsigned.leaves)), doubt.time_ms)
        return Signed(
            deployment="0x" + self._rules.committee.salt.hex(),
            epoch=self._rules.committee.epoch,
            slot=doubt.slot,
            time_ns=doubt.time_ms * MS_NS,
            digest=doubt.digest.hex(),
            group_ms={**(before.group_ms if before else {}), **times},
            body=doubt.unsigned.encode(),
            view=doubt.proposed.proposal.view,
            proposal=doubt.proposed.encode(),
        )


def last_signed(journal: SigningJournal, rules: Rules) -> Last:
    """Return the newest report that a member signed in this epoch."""
    signed = journal.newest
    if signed is None or signed.epoch != rules.committee.epoch:
        return Last()
    digest = bytes.fromhex(signed.digest)
    return Last(signed.slot, signed.view, digest, signed.time_ns // MS_NS)
