"""Whether a member signs a proposal: the rules of docs/committee.md, and the journal first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from eth_hash.auto import keccak

from oracle.committee.journal import Signed, SigningJournal
from oracle.committee.rounds.chain import Chain, InDoubt
from oracle.committee.rounds.falls import Falls
from oracle.committee.rounds.rules import Rules
from oracle.committee.rounds.sanity import check_entries
from oracle.committee.wire.observation import Last, Observation
from oracle.committee.wire.proposal import Proposal, Proposed
from oracle.committee.wire.refusals import Reason, Refused
from oracle.model.errors import Rejected
from oracle.model.times import MS_NS


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
        self._falls = Falls(rules)

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
        proposal = proposed.proposal
        self._chain.check_epoch(proposal)
        again = self._signed_before(proposed)
        if again is not None:
            return again
        self._check_round(proposal, now_ms)  # no signature is looked at before all this holds
        self._chain.check_leader(proposal)
        doubt = self._chain.weigh(proposed)
        self._check_time(doubt, now_ms)
        self._check_other(doubt)
        self._chain.prove(proposed)
        self._check_base(doubt)
        self._check_entries(doubt, views)
        self._journal.write(self._entry(doubt))
        self._chain.keep(doubt)
        return Vote(self._number, doubt.slot, doubt.digest, doubt.message)

    def _signed_before(self, proposed: Proposed) -> Vote | None:
        """Return the vote once more if this member signed the same report before.

        Its digest names all observations with their signatures, so these are those it checked.
        """
        signed, slot = self._journal.newest, proposed.proposal.slot
        if signed is None or (signed.epoch, signed.slot) != (self._rules.committee.epoch, slot):
            return None
        try:
            message = self._chain.message(proposed)
        except Rejected:
            return None  # what is wrong with it is said by the check that it fails
        digest = keccak(message)
        if digest.hex() != signed.digest:
            return None
        return Vote(self._number, slot, digest, message)

    def _check_round(self, proposal: Proposal, now_ms: int) -> None:
        """Check what the proposal's header says of its round, against the clock and the journal."""
        rules, slot = self._rules, proposal.slot
        signed, newest = self._journal.newest, self._chain.certified
        rules.check_round(slot, proposal.view)
        leader = rules.leader(slot, proposal.view)
        if proposal.leader != leader:
            raise Refused(
                Reason.NOT_LEADER,
                f"member {proposal.leader} in slot {slot} view {proposal.view}, whose leader is "
                f"{leader}",
            )
        if len(proposal.observations) < rules.quorum:
            raise Refused(
                Reason.TOO_FEW_OBSERVATIONS,
                f"{len(proposal.observations)} observations; it takes {rules.quorum}",
            )
        first, after = rules.window(slot, proposal.view)
        self._check_clock(first, after - 1, now_ms)
        if newest is not None and slot <= newest.slot:
            raise Refused(Reason.SLOT_IS_DONE, f"slot {slot}; slot {newest.slot} is certified")
        if signed is not None and slot < signed.slot:
            raise Refused(Reason.SIGNED_LATER, f"slot {slot}; signed slot {signed.slot}")

    def _check_clock(self, first_ms: int, last_ms: int, now_ms: int) -> None:
        """Check that a time from the first to the last may be signed now."""
        rules = self._rules
        if first_ms > now_ms + rules.max_offset_ms:
            raise Refused(
                Reason.FROM_FUTURE,
                f"time {first_ms} ms is {first_ms - now_ms} ms ahead; allowed are "
                f"{rules.max_offset_ms}",
            )
        if last_ms < now_ms - rules.max_age_ms:
            raise Refused(
                Reason.TOO_OLD,
                f"time {last_ms} ms is {now_ms - last_ms} ms old; allowed are {rules.max_age_ms}",
            )

    def _check_time(self, doubt: InDoubt, now_ms: int) -> None:
        """Check the report's time: by the clock, and that it rises over epochs too."""
        self._check_clock(doubt.time_ms, doubt.time_ms, now_ms)
        signed = self._journal.newest
        if signed is None or signed.epoch == self._rules.committee.epoch:
            return  # within an epoch what it follows says so
        if doubt.time_ms <= signed.time_ns // MS_NS:
            raise Refused(
                Reason.TIME_NOT_AFTER_BASE,
                f"time {doubt.time_ms} ms; in epoch {signed.epoch} it signed "
                f"{signed.time_ns // MS_NS} ms",
            )

    def _check_other(self, doubt: InDoubt) -> None:
        signed = self._journal.newest
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
        proposal = doubt.proposed.proposal
        observations = proposal.observations
        fallen = self._falls.refused(proposal.leader, observations, leaves, self._chain.certified)
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
        before, epoch = self._journal.newest, self._rules.committee.epoch
        known_ms = before.group_ms if before is not None and before.epoch == epoch else {}
        times = dict.fromkeys(range(len(doubt.unsigned.leaves)), doubt.time_ms)
        return Signed(
            deployment="0x" + self._rules.committee.salt.hex(),
            epoch=epoch,
            slot=doubt.slot,
            time_ns=doubt.time_ms * MS_NS,
            digest=doubt.digest.hex(),
            group_ms={**known_ms, **times},
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
