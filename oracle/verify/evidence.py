"""What verification needs at hand, and the few facts that it goes by. No reading happens here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from oracle.archive.read import Step
from oracle.bus.shards import Snapshot
from oracle.committee.rounds.rules import Rules
from oracle.committee.wire.observation import Observation
from oracle.engine.spec import EngineSpec
from oracle.model.messages import Control, Mark, Receipt, SignedReport
from oracle.model.ticks import TickBatch
from oracle.node.sharding import Shard
from oracle.report.committee import Committee


class CertifiedRound(Protocol):
    """A round whose report has its signatures."""

    @property
    def proposal(self) -> bytes:
        """The leader's proposal: all observations that the report is made of."""
        ...


class Evidence(Protocol):
    """One archive, as `oracle.archive.read.Archive` reads it.

    Methods raise Rejected for what is not there, Retryable when the store does not answer, and
    SchemaError for what is damaged. What they return is not believed.
    """

    def report_at(self, time_ns: int) -> SignedReport:
        """Return the newest report that is not after a time."""
        ...

    def report_of(self, slot: int) -> SignedReport:
        """Return the report of a slot."""
        ...

    def round_of(self, slot: int) -> CertifiedRound:
        """Return the round of a slot."""
        ...

    def steps_seen(self, observation: Observation) -> list[Step]:
        """Return the steps that an observation is of, one a shard."""
        ...

    def manifest_at(self, shard: int, time_ns: int) -> Step:
        """Return a shard's newest step that is not after a time."""
        ...

    def steps_between(self, shard: int, from_ns: int, to_ns: int) -> list[Step]:
        """Return a shard's steps by time."""
        ...

    def ticks_of(self, step: Step) -> list[TickBatch]:
        """Return what a step took."""
        ...

    def ticks_between(
        self, shard: int, start_offset: int, end_offset: int, *, log: str | None = None
    ) -> list[TickBatch]:
        """Return a shard's batches by offset."""
        ...

    def marks_made(self, step: Step, markets: Callable[[str], bool] = bool) -> list[Mark]:
        """Return what a step made."""
        ...

    def marks_of(self, market: str, from_ns: int, to_ns: int) -> list[Mark]:
        """Return a market's marks by time."""
        ...

    def snapshot_before(self, shard: int, time_ns: int) -> Snapshot | None:
        """Return a shard's newest state before a time."""
        ...

    def altered_states(
        self, shard: int, from_ns: int, to_ns: int
    ) -> Iterator[tuple[Snapshot, Step]]:
        """Return states of a time that are not what their step committed to, with that step."""
        ...

    def spec_of(self, digest: bytes) -> EngineSpec:
        """Return what an engine computed."""
        ...

    def controls_between(self, from_ns: int, to_ns: int) -> list[Control]:
        """Return orders by the time of their issue."""
        ...

    def receipts_between(self, from_ns: int, to_ns: int) -> list[Receipt]:
        """Return what became of transactions, by the time of their answer."""
        ...

    def reports_between(self, from_ns: int, to_ns: int) -> list[SignedReport]:
        """Return reports by time."""
        ...


class Source(NamedTuple):
    """One archive, and what it is called when something of it differs."""

    name: str
    evidence: Evidence


class Epoch(NamedTuple):
    """A committee, who says so, and until when it may sign."""

    committee: Committee
    said_by: str
    valid_until_s: int | None = None
    """None: whoever said it does not know."""
    revoked: int = 0
    """Bit i is member i."""


class Terms(NamedTuple):
    """What the verifier's own configuration says."""

    salt: bytes
    epochs: Sequence[Epoch]
    rules: Rules
    """Of the configured epoch; others differ by their committee only."""
    shards: Sequence[Shard]
    """What each engine computes, compiled now."""
    numbers: Mapping[str, int]
    config_hash: bytes
    shared_view: bool = False
    """One process signs with several keys: a round has one observation, and no turns."""

    def market(self, number: int) -> str:
        """Return a market's name by its number."""
        names = {held: name for name, held in self.numbers.items()}
        return names.get(number, f"market {number}")


class Claim(NamedTuple):
    """What a member signed of its engines."""

    who: str
    time_ns: int
    inputs_root: bytes
    state_digest: bytes
    words: tuple[bytes, ...]
    observation: Observation


def claim_of(observation: Observation) -> Claim:
    """Return what a member claims."""
    return Claim(
        f"member {observation.member}",
        observation.time_ns,
        observation.inputs_root,
        observation.state_digest,
        observation.words,
        observation,
    )
