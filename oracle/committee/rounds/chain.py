"""What a member knows of the reports before: what is certified, and what is in doubt.

A report's `prev_ms` must never pass over one that got its signatures. Whoever has signed a proposal
cannot know whether it did; so a proposal that any member signed is *in doubt* until a report of its
slot or of a later one is certified, and no report goes by it: it is finished, or followed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from eth_hash.auto import keccak

from oracle.committee.rounds.median import combine
from oracle.committee.rounds.rules import Rules
from oracle.committee.wire.proposal import Base, BaseKind, Proposal, Proposed
from oracle.committee.wire.refusals import Reason, Refused
from oracle.model.errors import Rejected
from oracle.report.report import Report, Unsigned, decode

KEPT_IN_DOUBT: Final = 64


class Certified(NamedTuple):
    """A report that a committee signed."""

    slot: int
    time_ms: int
    body: bytes
    report: Report


class InDoubt(NamedTuple):
    """A proposal that may have got its signatures."""

    slot: int
    time_ms: int
    message: bytes
    """What signatures of its report are over, unhashed."""
    digest: bytes
    proposed: Proposed
    unsigned: Unsigned


class Chain:
    """The newest certified report and the proposals after it."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.certified: Certified | None = None
        self._doubts: dict[bytes, InDoubt] = {}

    def adopt(self, body: bytes) -> bool:
        """Take a report with its signatures; return whether it is newer than the newest.

        Raises:
            Refused: malformed, not all groups, of an unknown epoch, or not signed.
        """
        if self.certified is not None and self.certified.body == body:
            return False
        found = self._certified(body)
        if self.certified is not None and found.slot <= self.certified.slot:
            return False
        self.certified = found
        self._doubts = {
            digest: doubt for digest, doubt in self._doubts.items() if doubt.slot > found.slot
        }
        return True

    def learn(self, proposed: Proposed) -> InDoubt:
        """Check a proposal with its base, and keep it while it is in doubt.

        Raises:
            Refused: too few signed observations, or its base proves another time.
        """
        doubt = self.weigh(proposed)
        self._proven(proposed)
        self.keep(doubt)
        return doubt

    def keep(self, doubt: InDoubt) -> None:
        """Keep an examined proposal while it is in doubt."""
        if self.certified is None or doubt.slot > self.certified.slot:
            self._doubts[doubt.digest] = doubt
            if len(self._doubts) > KEPT_IN_DOUBT:
                del self._doubts[min(self._doubts.values(), key=_age).digest]

    def knows(self, digest: bytes) -> bool:
        """Whether the proposal with this digest is among those in doubt."""
        return digest in self._doubts

    def stored(self, digest: bytes) -> bytes | None:
        """Return the bytes of the proposal with this digest and its base, if it is in doubt."""
        doubt = self._doubts.get(digest)
        return doubt.proposed.encode() if doubt else None

    def doubts(self, before_slot: int) -> list[InDoubt]:
        """Return the proposals in doubt of slots before this one, newest first."""
        found = [doubt for doubt in self._doubts.values() if doubt.slot < before_slot]
        return sorted(found, key=_age, reverse=True)

    def base(self, before_slot: int) -> tuple[Base, int]:
        """Return what a report of a slot follows, and its time (0: nothing)."""
        base, time_ms = Base(), 0
        if self.certified is not None:
            base, time_ms = Base(BaseKind.CERTIFIED, self.certified.body), self.certified.time_ms
        latest = max(self.doubts(before_slot), key=lambda doubt: doubt.time_ms, default=None)
        if latest is not None and latest.time_ms > time_ms:
            return Base(BaseKind.IN_DOUBT, latest.proposed.proposal.encode()), latest.time_ms
        return base, time_ms

    def prove(self, proposed: Proposed) -> None:
        """Check that the base proves the time that a proposal says it follows, and is the newest.

        Raises:
            Refused: it does not, or it is older than what is certified.
        """
        slot, base = self._proven(proposed), proposed.base
        newest = self.certified
        behind = newest is not None and (
            slot < newest.slot if base.kind is BaseKind.CERTIFIED else slot <= newest.slot
        )
        if newest is not None and behind:
            raise Refused(
                Reason.BASE_TOO_OLD,
                f"follows slot {slot}; slot {newest.slot} is certified, time {newest.time_ms}",
            )

    def weigh(self, proposed: Proposed) -> InDoubt:
        """Check that a quorum signed a proposal's observations, and compute its report.

        Enough to prove a time and to sign again what was signed, also when the configuration has
        changed since; not enough to sign it for the first time.

        Raises:
            Refused: with the rule that it breaks.
        """
        rules, proposal = self._rules, proposed.proposal
        self.check_epoch(proposal)
        if len(proposal.observations) < rules.quorum:
            raise Refused(
                Reason.TOO_FEW_OBSERVATIONS,
                f"{len(proposal.observations)} observations; it takes {rules.quorum}",
            )
        for one in proposal.observations:
            rules.check_author(one)
            if (one.slot, one.view) != (proposal.slot, proposal.view):
                raise Refused(Reason.OTHER_ROUND, f"observation of slot {one.slot} view {one.view}")
        unsigned = combine(proposal.observations, rules.faults, proposal.prev_ms)
        time_ms = unsigned.leaves[0].decoded().time_ms
        message = unsigned.message(rules.committee.salt)
        return InDoubt(proposal.slot, time_ms, message, keccak(message), proposed, unsigned)

    def message(self, proposed: Proposed) -> bytes:
        """Return what signatures of a proposal's report are over, no signature in it checked.

        Raises:
            Rejected: its observations make no report.
        """
        proposal = proposed.proposal
        unsigned = combine(proposal.observations, self._rules.faults, proposal.prev_ms)
        return unsigned.message(self._rules.committee.salt)

    def check_epoch(self, proposal: Proposal) -> None:
        """Check that a proposal says it is of this deployment and epoch.

        Raises:
            Refused: it is not.
        """
        committee = self._rules.committee
        if proposal.salt != committee.salt:
            raise Refused(Reason.OTHER_DEPLOYMENT, f"salt 0x{proposal.salt.hex()}")
        if proposal.epoch != committee.epoch:
            raise Refused(Reason.OTHER_EPOCH, f"epoch {proposal.epoch}, here {committee.epoch}")

    def check_leader(self, proposal: Proposal) -> None:
        """Check that its leader signed a proposal, and that its observations count in its round.

        Raises:
            Refused: with the rule that it breaks.
        """
        try:
            proposal.verify(self._rules.committee.members[proposal.leader])
        except Rejected as error:
            raise Refused(Reason.BAD_SIGNATURE, str(error)) from error
        for one in proposal.observations:
            self._rules.check_timely(one, proposal.slot, proposal.view)

    def _proven(self, proposed: Proposed) -> int:
        """Return the slot of a proposal's base, once it proves the time that it follows."""
        proposal = proposed.proposal
        slot, time_ms = self._read(proposed.base)
        if proposal.prev_ms != time_ms or slot >= proposal.slot:
            raise Refused(
                Reason.BASE_UNPROVEN,
                f"prev_ms {proposal.prev_ms} of slot {proposal.slot}; the base is of slot {slot}, "
                f"time {time_ms}",
            )
        return slot

    def _read(self, base: Base) -> tuple[int, int]:
        """Return the slot and time that a base proves; a newer certified report is adopted."""
        if base.kind is BaseKind.NOTHING:
            return -1, 0
        if base.kind is BaseKind.CERTIFIED:
            self.adopt(base.data)
            found = self._certified(base.data)
            return found.slot, found.time_ms
        try:
            doubt = self.weigh(Proposed(Proposal.decode(base.data), Base()))
        except Rejected as error:
            raise Refused(Reason.BASE_UNPROVEN, str(error)) from error
        return doubt.slot, doubt.time_ms

    def _certified(self, body: bytes) -> Certified:
        try:
            report = self._verified(body)
        except Rejected as error:
            raise Refused(Reason.BASE_UNPROVEN, str(error)) from error
        time_ms = max(leaf.decoded().time_ms for leaf in report.leaves)
        return Certified(report.slot, time_ms, body, report)

    def _verified(self, body: bytes) -> Report:
        report = decode(body)
        if len(report.leaves) != report.groups:
            raise Rejected(f"{len(report.leaves)} of {report.groups} groups; it takes all")
        return self._rules.committee.verify(body)


def _age(doubt: InDoubt) -> tuple[int, int]:
    return doubt.slot, doubt.time_ms
