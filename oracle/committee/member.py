"""One member's rules as a state machine: what it observes, proposes and signs. No network.

Its promises rest on the signing journal: a vote is handed out only once it is on disk, and the
signature is made after. Calls may come from several threads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from oracle.committee.chain import Chain, InDoubt
from oracle.committee.journal import Signed, SigningJournal
from oracle.committee.median import withheld
from oracle.committee.observation import Last, Observation
from oracle.committee.proposal import Proposal, Proposed
from oracle.committee.refusals import Reason, Refusal, Refused
from oracle.committee.rules import Rules
from oracle.committee.sanity import check_prices, was_priced
from oracle.committee.tally import Tally
from oracle.model.errors import ConfigError, Rejected, Retryable

MS_NS: Final = 1_000_000
VIEWS_KEPT: Final = 64


class Vote(NamedTuple):
    """A yes, on disk: the member now signs `message`, which is the report's."""

    member: int
    slot: int
    digest: bytes
    message: bytes


class Member:
    """One member of the committee, in one process."""

    def __init__(self, number: int, rules: Rules, journal: SigningJournal, started_ms: int) -> None:
        """Go on from the journal.

        Args:
            number: its place among the members.
            rules: what it agrees on with the others.
            journal: what it signed before; this member alone writes it.
            started_ms: now (unix ms). Rounds that began before may have its word already, so it
                observes and proposes in later ones only.

        Raises:
            ConfigError: rules that are unsafe, or the journal of another deployment.
        """
        rules.check()
        self.number, self.rules, self.chain = number, rules, Chain(rules)
        self._journal, self._started_ms = journal, started_ms
        self._observed = self._proposed = (-1, -1)
        self._views: deque[Observation] = deque(maxlen=VIEWS_KEPT)
        self._turn = threading.RLock()
        self._resume()

    def _resume(self) -> None:
        signed = self._journal.newest
        if signed is None:
            return
        deployment = "0x" + self.rules.committee.salt.hex()
        if signed.deployment != deployment:
            raise ConfigError(
                f"the signing journal is of deployment {signed.deployment}, the configuration's is "
                f"{deployment}: give each deployment a state folder and keys of its own"
            )
        if signed.proposal and signed.epoch == self.rules.committee.epoch:
            self.chain.keep(self.chain.weigh(Proposed.decode(signed.proposal)))

    @property
    def last(self) -> Last:
        """The newest report this member signed in this epoch."""
        signed = self._journal.newest
        if signed is None or signed.epoch != self.rules.committee.epoch:
            return Last()
        digest = bytes.fromhex(signed.digest)
        return Last(signed.slot, signed.view, digest, signed.time_ns // MS_NS)

    def observe(
        self,
        slot: int,
        view: int,
        time_ns: int,
        words: Sequence[bytes],
        inputs_root: bytes,
        state_digest: bytes,
    ) -> Observation:
        """Return this member's observation for a round, to be signed; one a round, rising.

        Raises:
            Refused: the round is not after those it may have spoken in, or not of this time.
        """
        with self._turn:
            self._require_new("observation", slot, view, self._observed)
            first, after = self.rules.window(slot, view)
            if not first <= time_ns // MS_NS < after:
                raise Refused(
                    Reason.TIME_OUTSIDE_VIEW,
                    f"step at {time_ns} ns; view {view} of slot {slot} has {first} to {after - 1}",
                )
            made = Observation(
                salt=self.rules.committee.salt,
                epoch=self.rules.committee.epoch,
                slot=slot,
                view=view,
                member=self.number,
                time_ns=time_ns,
                config_hash=self.rules.configs[0].digest,
                inputs_root=inputs_root,
                state_digest=state_digest,
                last=self.last,
                words=tuple(words),
            )
            self._observed = slot, view
            self._views.append(made)
            return made

    def wanted(self, observations: Sequence[Observation]) -> list[tuple[int, Last]]:
        """Return whose signed report is not known here and may be in doubt: fetch its proposal."""
        done = self.chain.certified.slot if self.chain.certified else -1
        return [
            (one.member, one.last)
            for one in observations
            if one.last.time_ms and one.last.slot > done and not self.chain.knows(one.last.digest)
        ]

    def propose(self, slot: int, view: int, observations: Sequence[Observation]) -> Proposed:
        """Return this member's proposal for a round that it leads, to be signed; one a round.

        Raises:
            Refused: not its round, one proposed before, or observations that do not count.
        """
        with self._turn:
            if self.rules.leader(slot, view) != self.number:
                raise Refused(Reason.NOT_LEADER, f"slot {slot} view {view} has another leader")
            self._require_new("proposal", slot, view, self._proposed)
            for one in observations:
                self.rules.admit(one, slot, view)
            if len(observations) < self.rules.quorum:
                raise Refused(
                    Reason.TOO_FEW_OBSERVATIONS,
                    f"{len(observations)} observations; it takes {self.rules.quorum}",
                )
            base, prev_ms = self.chain.base(slot)
            self._proposed = slot, view
            committee = self.rules.committee
            chosen = tuple(sorted(observations, key=lambda one: one.member))
            return Proposed(
                Proposal(committee.salt, committee.epoch, slot, view, self.number, prev_ms, chosen),
                base,
            )

    def judge(self, proposed: Proposed, now_ms: int) -> Vote | Refusal:
        """Decide whether to sign; a vote is on disk when it is returned.

        What was signed before is signed again, so that another leader can finish it.
        """
        with self._turn:
            try:
                return self._vote(proposed, now_ms)
            except Refused as refused:
                return refused.refusal
            except Retryable as error:
                return Refusal(Reason.NOT_DURABLE, str(error))
            except Rejected as error:
                return Refusal(Reason.MALFORMED, str(error))

    def certify(self, body: bytes) -> bool:
        """Take a report with its signatures; return whether it is newer than the newest.

        Raises:
            Refused: not a signed report of a known epoch with all groups.
        """
        with self._turn:
            return self.chain.adopt(body)

    def learn(self, proposed: Proposed) -> InDoubt:
        """Take a proposal that another member says it signed.

        Raises:
            Refused: too few signed observations, or its base proves another time.
        """
        with self._turn:
            return self.chain.learn(proposed)

    def unfinished(self, slot: int) -> InDoubt | None:
        """Return the newest proposal in doubt of a slot before this one: finish it first."""
        with self._turn:
            return next(iter(self.chain.doubts(slot)), None)

    def tally(self, proposed: Proposed) -> Tally:
        """Return the empty tally of a proposal's report.

        Raises:
            Refused: too few signed observations.
        """
        with self._turn:
            return Tally(self.chain.weigh(proposed).unsigned, self.rules.committee)

    def stored_proposal(self, digest: bytes) -> bytes | None:
        """Return the `Proposed` bytes of the report with this digest, while it is in doubt."""
        with self._turn:
            return self.chain.stored(digest)

    def _require_new(self, what: str, slot: int, view: int, done: tuple[int, int]) -> None:
        begins, _ = self.rules.window(slot, view)
        if (slot, view) <= done or begins <= self._started_ms:
            raise Refused(
                Reason.ALREADY_DONE,
                f"{what} for slot {slot} view {view}; the last was for {done[0]} view {done[1]}, "
                f"and rounds that began before {self._started_ms} ms may have one",
            )

    def _vote(self, proposed: Proposed, now_ms: int) -> Vote:
        doubt = self.chain.weigh(proposed)
        vote = Vote(
            self.number,
            doubt.slot,
            doubt.digest,
            doubt.unsigned.message(self.rules.committee.salt),
        )
        signed = self._journal.newest
        if signed is not None and signed.digest == doubt.digest.hex():
            return vote
        self.chain.check_round(proposed.proposal)
        self._check_time(doubt, now_ms)
        self._check_slot(doubt)
        self.chain.prove(proposed)
        self._check_base(doubt)
        self._check_entries(doubt)
        self._journal.write(self._entry(doubt))
        self.chain.keep(doubt)
        return vote

    def _check_time(self, doubt: InDoubt, now_ms: int) -> None:
        rules = self.rules
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
        signed, newest = self._journal.newest, self.chain.certified
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
        prev_ms, newest, signed = doubt.proposed.proposal.prev_ms, self.chain.certified, self.last
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

    def _check_entries(self, doubt: InDoubt) -> None:
        rules, newest = self.rules, self.chain.certified
        missing = withheld(doubt.proposed.proposal.observations, rules.faults)
        if newest is not None and doubt.slot - newest.slot <= rules.faults * rules.slot_ms:
            lost = [number for number in missing if was_priced(newest.report.leaves, number)]
            if lost:
                raise Refused(
                    Reason.PRICE_WITHHELD,
                    f"markets {lost} would lose their price for want of observations, of which "
                    f"there are {len(doubt.proposed.proposal.observations)} of {rules.size}",
                )
        near = [one for one in self._views if abs(one.time_ms - doubt.time_ms) <= rules.view_age_ms]
        if not near:
            raise Refused(
                Reason.NO_VIEW, f"no marks of its own within {rules.view_age_ms} ms to judge by"
            )
        nearest = min(near, key=lambda one: abs(one.time_ms - doubt.time_ms))
        check_prices(doubt.unsigned.leaves, nearest.codes(), rules.sanity_bps)

    def _entry(self, doubt: InDoubt) -> Signed:
        before = self._journal.newest
        times = dict.fromkeys(range(len(doubt.unsigned.leaves)), doubt.time_ms)
        return Signed(
            deployment="0x" + self.rules.committee.salt.hex(),
            epoch=self.rules.committee.epoch,
            slot=doubt.slot,
            time_ns=doubt.time_ms * MS_NS,
            digest=doubt.digest.hex(),
            group_ms={**(before.group_ms if before else {}), **times},
            body=doubt.unsigned.encode(),
            view=doubt.proposed.proposal.view,
            proposal=doubt.proposed.encode(),
        )
