"""Members against up to f liars, lost messages, crashes and withheld reports: no fork, no halt,
and no evidence against any but liars.

What liars could ever have signed counts as signed, and every vote that reached a disk counts as
sent: so a report is certified here as soon as an adversary could have its signatures.
"""

from __future__ import annotations

import contextlib
import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from oracle.committee.evidence.proof import Evidence, ReportVote
from oracle.committee.evidence.witness import Witness
from oracle.committee.journal import SigningJournal
from oracle.committee.rounds.chain import InDoubt
from oracle.committee.rounds.judging import Vote
from oracle.committee.rounds.member import Member
from oracle.committee.wire.observation import Last, Observation
from oracle.committee.wire.proposal import Base, BaseKind, Proposed
from oracle.committee.wire.refusals import Refused
from oracle.model.validity import Validity
from oracle.report import merkle
from oracle.report.report import sign_complete
from tests.unit.committee.party import SLOT_MS, T0, Party, entry

FAIR_PRICE = 10_000
LIES = (
    entry(1),
    entry(99_999_999),
    entry(10_050),
    entry(validity=Validity.HALTED),
    entry(validity=Validity.TOO_VOLATILE),
    entry()._replace(premium_e8=10**8, conf_e8=10**8),
)
_PARTIES = {n: Party(n, max_age_ms=10**9, view_age_ms=10**9) for n in (4, 7)}

_Round = tuple[int, int]
MASK = st.integers(0, 2**7 - 1)


class CommitteeMachine(RuleBasedStateMachine):
    """Rounds with an adversary who owns the network and up to f members."""

    @initialize(n=st.sampled_from([4, 4, 7]), data=st.data())
    def begin(self, n: int, data: st.DataObject) -> None:
        self.party = _PARTIES[n]
        self.n, self.faults = n, self.party.faults
        order = data.draw(st.permutations(range(n)))
        self.liars = frozenset(order[: data.draw(st.integers(0, self.faults))])
        self.disks = {at: SigningJournal(None) for at in range(n) if at not in self.liars}
        self.members = {at: self.party.member(at, disk) for at, disk in self.disks.items()}
        self.slot, self.now_ms = T0, T0
        self.heard: dict[_Round, list[Observation]] = {}
        self.pool: list[Proposed] = []
        self.doubts: dict[bytes, InDoubt] = {}
        self.votes: dict[bytes, set[int]] = {}
        self.certified: dict[bytes, bytes] = {}
        self.witness = Witness(self.party.committee)

    def _hear(self, found: Evidence | None) -> None:
        """Evidence accuses liars only, and proves itself."""
        if found is not None:
            assert found.member in self.liars
            found.verify(self.party.committee)

    def _on(self, mask: int) -> list[Member]:
        return [member for at, member in self.members.items() if mask >> at & 1]

    def _observe(self, view: int, mask: int) -> list[Observation]:
        """Let the honest members in the mask observe the round; they say what they last signed."""
        at = self.slot, view
        self.now_ms = max(self.now_ms, self.party.rules.window(*at)[0] + 60)
        seen = self.heard.setdefault(at, [])
        for member in self._on(mask):
            spread = (entry(FAIR_PRICE + member.number),)
            try:
                seen.append(self.party.observed(member, *at, entries=spread))
            except Refused:
                continue  # it spoke in this round, or restarted in it
            self._hear(self.witness.observation(seen[-1]))
        return seen

    def _lie(self, view: int, data: st.DataObject) -> list[Observation]:
        """Let the liars observe, each as often as it likes, and claim to have signed anything."""
        at = self.slot, view
        first, after = self.party.rules.window(*at)
        lies = []
        for number in sorted(self.liars):
            claimed = data.draw(st.sampled_from([None, *self.doubts.values()]))
            last = Last(claimed.slot, 0, claimed.digest, claimed.time_ms) if claimed else Last()
            lies.append(
                self.party.observation(
                    number,
                    *at,
                    entries=(data.draw(st.sampled_from(LIES)),),
                    time_ms=data.draw(st.integers(first, after - 1)),
                    last=last,
                )
            )
        return lies

    def _propose(self, made: Proposed) -> InDoubt:
        doubt = self.party.member(0).chain.weigh(made)
        self._hear(self.witness.proposal(made.proposal))
        for one in made.proposal.observations:
            self._hear(self.witness.observation(one))
        self.pool.append(made)
        self.doubts[doubt.digest] = doubt
        return doubt

    def _send(self, proposed: Proposed, member: Member) -> None:
        answer = member.judge(proposed, self.now_ms)
        if isinstance(answer, Vote):
            self._count(answer)

    def _count(self, vote: Vote) -> None:
        voted = self.votes.setdefault(vote.digest, set(self.liars))
        voted.add(vote.member)
        unsigned = self.doubts[vote.digest].unsigned
        root = merkle.root_of(unsigned.hashes())
        said = ReportVote(unsigned.epoch, unsigned.slot, root, unsigned.inputs_root, b"")
        said = said._replace(signature=self.party.sign(vote.member, vote.message))
        self._hear(self.witness.vote(vote.member, said))
        if len(voted) >= self.party.rules.quorum and vote.digest not in self.certified:
            signatures = {at: self.party.sign(at, vote.message) for at in voted}
            body = sign_complete(unsigned, signatures, self.party.rules.quorum)
            self.certified[vote.digest] = body

    def _lead(self, view: int, seen: list[Observation], voters: list[Member]) -> bool:
        """Run one honest leader's round as far as messages go; return whether it had one to run."""
        leader = self.members.get(self.party.rules.leader(self.slot, view))
        if leader is None or len(seen) < self.party.rules.quorum:
            return False
        for number, last in leader.wanted(seen):
            asked = self.members.get(number)
            stored = asked.stored_proposal(last.digest) if asked else None
            known = self.doubts.get(last.digest) if number in self.liars else None
            if known is not None:
                stored = known.proposed.encode()
            if stored is not None:
                with contextlib.suppress(Refused):  # a liar's may prove nothing
                    leader.learn(Proposed.decode(stored))
        for unfinished in leader.chain.doubts(self.slot)[:1]:
            self._collect(unfinished.proposed, leader, voters)
        try:
            made = self.party.proposed(leader, seen)
        except Refused:
            return False
        self._propose(made)
        self._collect(made, leader, voters)
        return True

    def _collect(self, proposed: Proposed, leader: Member, voters: list[Member]) -> None:
        for member in voters:
            self._send(proposed, member)
        body = self.certified.get(leader.tally(proposed).digest)
        if body is not None:
            leader.certify(body)

    @rule(gap=st.integers(1, 3))
    def later(self, gap: int) -> None:
        """Time passes."""
        self.slot += gap * SLOT_MS
        self.now_ms = max(self.now_ms, self.slot)

    @rule(view=st.integers(0, 1), heard=MASK, voters=MASK, gap=st.integers(0, 1), data=st.data())
    def a_round(self, view, heard, voters, gap, data) -> None:
        """A round in which some observations, and some votes, get through."""
        self.later(gap)
        honest = self._observe(view, heard)
        lies = [one for one in self._lie(view, data) if data.draw(st.booleans())]
        reached = {one.member: one for one in honest + lies}
        self._lead(view, list(reached.values()), self._on(voters))

    @precondition(lambda self: self.liars)
    @rule(view=st.integers(0, 1), heard=MASK, voters=MASK, gap=st.integers(0, 4), data=st.data())
    def a_lying_leader(self, view, heard, voters, gap, data) -> None:
        """A liar leads: several proposals, any choice of observations, any base, any receivers."""
        rules = self.party.rules
        for ahead in range(gap, gap + self.n):
            if rules.leader(self.slot + ahead * SLOT_MS, view) in self.liars:
                self.later(ahead)
                break
        else:
            return
        honest = self._observe(view, heard)
        for _ in range(data.draw(st.integers(1, 2))):
            reached = {one.member: one for one in honest + self._lie(view, data)}
            chosen = data.draw(st.permutations(sorted(reached.values())))
            size = data.draw(st.sampled_from([rules.quorum, rules.quorum, self.n]))
            if len(chosen) < rules.quorum:
                return
            base, prev_ms = data.draw(st.sampled_from(self._bases()))
            made = self.party.proposal(chosen[:size], prev_ms, base)
            self._propose(made)
            for member in self._on(data.draw(MASK) if data.draw(st.booleans()) else voters):
                self._send(made, member)

    def _bases(self) -> list[tuple[Base, int]]:
        """Return all that a liar could prove a `prev_ms` with, and nothing."""
        proofs = [(Base(), 0)]
        for digest, doubt in self.doubts.items():
            proofs.append(
                (Base(BaseKind.IN_DOUBT, doubt.proposed.proposal.encode()), doubt.time_ms)
            )
            if digest in self.certified:
                proofs.append((Base(BaseKind.CERTIFIED, self.certified[digest]), doubt.time_ms))
        wrong = [(base, max(prev_ms - 1, 0)) for base, prev_ms in proofs[-1:]]
        return proofs[:1] + proofs[-8:] + wrong

    @precondition(lambda self: self.pool)
    @rule(at=st.integers(0, 10**6), receivers=MASK)
    def an_old_proposal_arrives(self, at, receivers) -> None:
        """Messages come late, again, and in any order."""
        for member in self._on(receivers):
            self._send(self.pool[-1 - at % min(len(self.pool), 12)], member)

    @precondition(lambda self: self.certified)
    @rule(at=st.integers(0, 10**6), receivers=MASK)
    def a_report_arrives(self, at, receivers) -> None:
        """A report reaches some members, maybe long after a dead leader made it."""
        bodies = list(self.certified.values())
        for member in self._on(receivers):
            member.certify(bodies[-1 - at % min(len(bodies), 6)])

    @rule(victims=MASK)
    def crash(self, victims) -> None:
        """Members restart with what their journals hold, and nothing else."""
        for member in self._on(victims):
            at = member.number
            self.members[at] = self.party.member(at, self.disks[at], started_ms=self.now_ms)

    @invariant()
    def one_report_a_slot(self) -> None:
        """No two reports for one slot ever get their signatures."""
        slots = [self.doubts[digest].slot for digest in self.certified]
        assert len(set(slots)) == len(slots)

    @invariant()
    def no_fork(self) -> None:
        """Reports follow each other: none begins before the one before it ends."""
        reports = sorted((self.doubts[digest] for digest in self.certified), key=lambda d: d.slot)
        for earlier, later in itertools.pairwise(reports):
            assert earlier.time_ms <= later.proposed.proposal.prev_ms < later.time_ms

    @invariant()
    def what_a_report_follows_was_there(self) -> None:
        """No report claims to follow a time at which a quorum observed nothing."""
        times = {0} | {doubt.time_ms for doubt in self.doubts.values()}
        for digest in self.certified:
            assert self.doubts[digest].proposed.proposal.prev_ms in times

    @invariant()
    def inside_the_honest_range(self) -> None:
        """No certified price, premium or confidence is a lie."""
        for digest in self.certified:
            for leaf in self.doubts[digest].unsigned.leaves:
                found = leaf.decoded().entries[0]
                if found.price is None:
                    continue
                assert FAIR_PRICE <= found.price.mantissa / 1000 < FAIR_PRICE + self.n
                assert (found.premium_e8, found.conf_e8) == (0, 1_000)

    def teardown(self) -> None:
        """Once messages arrive again, every honest leader but the first few gets its report."""
        if not hasattr(self, "members"):
            return
        everybody = 2**self.n - 1
        self.crash(0)
        missed = led = 0
        for _ in range(3 * self.n):
            self.later(1)
            before = len(self.certified)
            if self._lead(0, self._observe(0, everybody), self._on(everybody)):
                led += 1
                missed += len(self.certified) == before
            for body in list(self.certified.values())[-2:]:
                for member in self.members.values():
                    member.certify(body)
        assert led >= 2 * self.n
        assert missed <= self.faults + 2, f"{missed} of {led} rounds without a report"


TestCommittee = CommitteeMachine.TestCase
TestCommittee.settings = settings(max_examples=30, stateful_step_count=25)
