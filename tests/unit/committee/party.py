"""A committee with all its keys in hand, to make what members and liars say."""

from __future__ import annotations

from collections.abc import Sequence

from eth_hash.auto import keccak

from oracle.committee.journal import SigningJournal
from oracle.committee.rounds.judging import Vote
from oracle.committee.rounds.member import Member
from oracle.committee.rounds.rules import AcceptedConfig, Rules
from oracle.committee.wire.observation import Last, Observation
from oracle.committee.wire.proposal import Base, Proposal, Proposed
from oracle.model.fixed import Px
from oracle.model.validity import Validity
from oracle.report.committee import Committee
from oracle.report.report import sign_complete
from oracle.report.signature import compact
from oracle.report.word import Entry, encode_word
from tests.vectors.generate import address, members

SALT = bytes(range(32))
CONFIG = b"c" * 32
SLOT_MS, VIEW_MS = 250, 125
T0 = 1_790_000_000_000
"""A slot's beginning (unix ms), before which everybody has started."""


def entry(price: int = 10_000, validity: Validity = Validity.VALID) -> Entry:
    """Return an entry with a price, or without one where the validity has none."""
    if validity <= Validity.MISSING:
        return Entry(validity)
    return Entry(validity, Px(price, -2), 1_000, 50)


ONE_MARKET = (entry(),)


class Party:
    """`n` members' keys and rules."""

    def __init__(self, n: int = 7, threshold: int | None = None, **changes) -> None:
        self.keys = members(n)
        self.n, self.faults = n, (n - 1) // 3
        self.committee = Committee(
            SALT, 1, threshold or (n + self.faults) // 2 + 1, tuple(map(address, self.keys))
        )
        given = {
            "committee": self.committee, "configs": (AcceptedConfig(CONFIG),),
            "slot_ms": SLOT_MS, "view_ms": VIEW_MS,
        }  # fmt: skip
        self.rules = Rules(**(given | changes))

    def member(self, number: int, journal: SigningJournal | None = None, started_ms: int = 0):
        """Return a member, with a journal that forgets unless one is given."""
        return Member(number, self.rules, journal or SigningJournal(None), started_ms)

    def sign(self, number: int, message: bytes) -> bytes:
        """Return a member's signature."""
        return compact(self.keys[number].sign_recoverable(keccak(message), hasher=None))

    def observation(
        self,
        number: int,
        slot: int = T0,
        view: int = 0,
        entries: Sequence[Entry] = ONE_MARKET,
        time_ms: int | None = None,
        last: Last | None = None,
        **changes,
    ) -> Observation:
        """Return a signed observation; by default 50 ms into its round."""
        at = self.rules.window(slot, view)[0] + 50 if time_ms is None else time_ms
        words = [encode_word(at, entries[n : n + 4]) for n in range(0, len(entries), 4)]
        fields = {
            "salt": SALT, "epoch": 1, "slot": slot, "view": view, "member": number,
            "time_ns": at * 1_000_000, "config_hash": CONFIG, "inputs_root": b"i" * 32,
            "state_digest": b"s" * 32, "last": last or Last(), "words": tuple(words),
        }  # fmt: skip
        made = Observation(**(fields | changes))
        return made.signed(self.sign(number, made.message()))

    def observed(self, member: Member, slot: int, view: int = 0, entries=ONE_MARKET) -> Observation:
        """Let a member observe, and sign it."""
        at = self.rules.window(slot, view)[0] + 50
        words = [encode_word(at, entries[n : n + 4]) for n in range(0, len(entries), 4)]
        made = member.observe(slot, view, at * 1_000_000, words, b"i" * 32, b"s" * 32)
        return made.signed(self.sign(member.number, made.message()))

    def proposal(
        self,
        observations: Sequence[Observation],
        prev_ms: int = 0,
        base: Base | None = None,
        leader: int | None = None,
        **changes,
    ) -> Proposed:
        """Return a proposal of these observations, signed by its round's leader or by another."""
        slot, view = observations[0].slot, observations[0].view
        number = self.rules.leader(slot, view) if leader is None else leader
        chosen = tuple(sorted(observations, key=lambda one: one.member))
        made = Proposal(SALT, 1, slot, view, number, prev_ms, chosen)._replace(**changes)
        return Proposed(made, base or Base()).signed(self.sign(number, made.message()))

    def proposed(self, leader: Member, observations: Sequence[Observation]) -> Proposed:
        """Let a leader propose, and sign it."""
        slot, view = observations[0].slot, observations[0].view
        made = leader.propose(slot, view, observations)
        return made.signed(self.sign(leader.number, made.proposal.message()))

    def certified(self, proposed: Proposed, signers: Sequence[int] | None = None) -> bytes:
        """Return the report of a proposal with members' signatures, whether they should or not."""
        unsigned = self.member(0).tally(proposed).unsigned
        message = unsigned.message(SALT)
        chosen = range(self.n) if signers is None else signers
        signatures = {number: self.sign(number, message) for number in chosen}
        return sign_complete(unsigned, signatures, self.committee.threshold)

    def voted(self, vote: Vote) -> bytes:
        """Return the signature that follows a vote."""
        return self.sign(vote.member, vote.message)
