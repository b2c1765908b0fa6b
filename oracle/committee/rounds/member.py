"""One member's rules as a state machine: what it observes, proposes and signs. No network.

Its promises rest on the signing journal: a vote is handed out only once it is on disk, and the
signature is made after. Calls may come from several threads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Final

from oracle.committee.journal import SigningJournal
from oracle.committee.rounds.chain import Chain, InDoubt
from oracle.committee.rounds.choosing import chosen
from oracle.committee.rounds.judging import Judge, Vote, last_signed
from oracle.committee.rounds.rules import Rules
from oracle.committee.rounds.tally import Tally
from oracle.committee.wire.observation import Last, Observation
from oracle.committee.wire.proposal import Proposal, Proposed
from oracle.committee.wire.refusals import Reason, Refusal, Refused
from oracle.model.errors import ConfigError, Rejected, Retryable
from oracle.model.times import MS_NS

VIEWS_KEPT: Final = 64


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
            ConfigError: rules that are unsafe, or the journal of another deployment or committee.
        """
        rules.check()
        self.number, self.rules, self.chain = number, rules, Chain(rules)
        self._journal, self._started_ms = journal, started_ms
        self._judge = Judge(number, rules, self.chain, journal)
        self._observed = self._proposed = (-1, -1)
        self._views: deque[Observation] = deque(maxlen=VIEWS_KEPT)
        self._turn = threading.RLock()
        self._resume()

    def _resume(self) -> None:
        """Go on from the journal: what was signed last is in doubt again."""
        self._journal.require("0x" + self.rules.committee.salt.hex())
        signed = self._journal.newest
        if signed is None or not signed.proposal or signed.epoch != self.rules.committee.epoch:
            return
        try:
            doubt = self.chain.weigh(Proposed.decode(signed.proposal))
        except Rejected as error:
            raise ConfigError(
                f"the signing journal's proposal is not of this committee ({error}): restore the "
                "journal, or give members that changed a new epoch"
            ) from error
        if doubt.digest.hex() != signed.digest:
            raise ConfigError(
                "the signing journal's proposal is not the one it says was signed: restore it"
            )
        self.chain.keep(doubt)

    @property
    def last(self) -> Last:
        """The newest report this member signed in this epoch."""
        return last_signed(self._journal, self.rules)

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
            if view >= self.rules.views:
                raise Refused(Reason.OTHER_ROUND, f"view {view} of {self.rules.views}")
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
            picked = tuple(chosen(observations, self.rules, self.chain.certified))
            return Proposed(
                Proposal(committee.salt, committee.epoch, slot, view, self.number, prev_ms, picked),
                base,
            )

    def judge(self, proposed: Proposed, now_ms: int) -> Vote | Refusal:
        """Decide whether to sign; a vote is on disk when it is returned.

        What was signed before is signed again, so that another leader can finish it.
        """
        with self._turn:
            try:
                return self._judge.vote(proposed, now_ms, self._views)
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

    def tally(self, proposed: Proposed) -> Tally:
        """Return the empty tally of a proposal's report.

        Raises:
            Refused: too few signed observations.
        """
        with self._turn:
            return Tally(self.chain.weigh(proposed).unsigned, self.rules.committee)

    def stored_proposal(self, digest: bytes) -> bytes | None:
        """Return the `Proposed` bytes of the report with this digest: signed last, or in doubt."""
        with self._turn:
            signed = self._journal.newest
            if signed is not None and signed.digest == digest.hex() and signed.proposal:
                return signed.proposal
            return self.chain.stored(digest)

    def _require_new(self, what: str, slot: int, view: int, done: tuple[int, int]) -> None:
        begins, _ = self.rules.window(slot, view)
        if (slot, view) <= done or begins <= self._started_ms:
            raise Refused(
                Reason.ALREADY_DONE,
                f"{what} for slot {slot} view {view}; the last was for {done[0]} view {done[1]}, "
                f"and rounds that began before {self._started_ms} ms may have one",
            )
