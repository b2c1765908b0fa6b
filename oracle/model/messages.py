"""The one frozen class each topic carries, and their bytes on the wire.

A message is one byte of schema version, then a msgpack array. Fields are only ever added at the
end with a default, to classes that no other class has inside, and the version goes up; a reader of
version N reads N and N-1 and refuses the rest by name. What was added is not sent while it has its
default, so that the bytes after the version, and with them all digests, stay what they were.
Suffixes carry units; `None` is missing, and something beside it says why.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from oracle.model.errors import SchemaError
from oracle.model.fixed import Px
from oracle.model.names import LISTS
from oracle.model.ticks import TickBatch
from oracle.model.topics import Topic
from oracle.model.validity import BreakerState, Validity

SCHEMA_VERSION: Final = 5


class _Message(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Base of every message: frozen, so in no circle, so nothing for the collector to look at."""


class SourceView(_Message, frozen=True):
    """What one source contributed to a mark, and why not when it did not."""

    source: str
    price: Px | None
    """The price in the market's quote currency, after conversion."""
    used: bool
    """Counted for quorum. An outlier still votes in the median but does not count."""
    reason: str
    """Empty when used; else a name of `oracle.engine.reasons`."""


class Mark(_Message, frozen=True):
    """`marks`: one market at one step."""

    market: str
    number: int
    sequence: int
    time_ns: int
    validity: Validity
    reason: str
    """Empty when VALID; else what made the validity, by name and figure."""
    state: BreakerState
    index: Px | None
    mark: Px | None
    twap: Px | None
    conf_e8: int | None
    """Half-width of the confidence interval relative to the index, times 10**8."""
    premium_e8: int | None
    """Premium sample: impact mid of the perp against the index, relative, times 10**8."""
    newest_event_ns: int
    newest_received_ns: int
    sources: tuple[SourceView, ...]
    funding_e12: int | None = None
    """The running interval's funding rate if it ended now, times 10**12; None without funding."""
    settled_funding_e12: int | None = None
    """The rate of the last whole interval."""


class MarketEvent(_Message, frozen=True):
    """A market's breaker moved (`state`), or a conversion market left or found its peg (`peg`)."""

    market: str
    kind: str
    before: str
    after: str
    cause: str
    """The trigger's figure beside its bound."""


class Control(_Message, frozen=True):
    """`controls`: a person's order. The newest of a (subject, kind) is in force until it ends."""

    kind: str
    """`source` or `market`."""
    subject: str
    paused: bool
    who: str
    reason: str
    issued_ns: int
    until_ns: int
    """When a pause ends by itself."""

    @property
    def key(self) -> str:
        """The compaction key."""
        return f"{self.kind}|{self.subject}"

    def in_force(self, now_ns: int) -> bool:
        """Whether the subject is paused at `now_ns`."""
        return self.paused and now_ns < self.until_ns


class StepManifest(_Message, frozen=True):
    """`steps`: what one engine step took, enough to take it again, and what came of it."""

    group: str
    """The shard, in decimal."""
    sequence: int
    time_ns: int
    ticks: int
    tick_offsets: dict[int, int]
    """Partition of `ticks` to the offset after the last record taken."""
    control_offsets: dict[int, int]
    rejected: dict[str, int]
    """Refused ticks of this step by reason."""
    events: tuple[MarketEvent, ...] = ()
    tick_starts: dict[int, int] = {}
    """Partition of `ticks` to the first offset that this step could take."""
    orders: tuple[Control, ...] = ()
    """Orders that took effect with this step."""
    spec_digest: bytes = b""
    """`oracle.node.proof.spec_digest` of what the engine computes."""
    inputs_digest: bytes = b""
    """`oracle.node.proof.inputs_digest` of the ticks taken."""
    marks_digest: bytes = b""
    """`oracle.node.proof.marks_digest` of the marks made."""
    history: bytes = b""
    """`oracle.node.proof.history_after`: commits to every step of the shard so far."""
    snapshot_digest: bytes = b""
    """SHA-256 of the state after this step, where it came with the step; `history` has it too."""


class SnapshotPart(_Message, frozen=True):
    """`snapshots`: a part of an engine's state after a step; all of them come with that step."""

    shard: int
    part: int
    parts: int
    sequence: int
    time_ns: int
    history: bytes
    """The step's."""
    tick_offset: int
    """Where the next step's ticks begin."""
    step_offset: int
    """An offset in `steps` that is not after the step's."""
    data: bytes
    fresh: bool = False
    """Whether it came with the first step of who took the shard over."""

    @property
    def key(self) -> str:
        """The compaction key."""
        return f"{self.shard}|{self.part}"


class SpecPart(_Message, frozen=True):
    """`specs`: a part of what an engine computes, before the first step that names its digest."""

    shard: int
    digest: bytes
    """A manifest's `spec_digest`."""
    part: int
    parts: int
    time_ns: int
    """When it was said."""
    data: bytes
    """Of the specification as `oracle.node.proof.spec_bytes` has it, compressed by zlib."""

    @property
    def key(self) -> str:
        """The compaction key."""
        return f"{self.digest.hex()}|{self.part}"


class DeadLetter(_Message, frozen=True):
    """`dead-letters`: a message that no reader of this release can decode, and why."""

    topic: str
    partition: int
    offset: int
    reason: str
    wire: bytes
    """The message, or its beginning."""
    size: int
    """Its whole length in bytes."""
    found_ns: int

    @property
    def key(self) -> str:
        """The compaction key: whoever else finds it says the same."""
        return f"{self.topic}|{self.partition}|{self.offset}"


class SignedReport(_Message, frozen=True):
    """`reports`: what the committee signed. `body` is the wire format of docs/report-format.md."""

    deployment: str
    """The deployment's salt, 0x-prefixed."""
    epoch: int
    slot: int
    time_ns: int
    """Engine time of the marks inside."""
    signed_ns: int
    """Clock when the last needed signature was made."""
    shared_view: bool
    """True when every signer signed over one shared engine: a multi-signature, not a committee."""
    body: bytes


class CertifiedRound(_Message, frozen=True):
    """`rounds`: what the report of a slot was made from; its `inputs_root` commits to it."""

    deployment: str
    epoch: int
    slot: int
    time_ns: int
    """The report's, in whole ms."""
    proposal: bytes
    """`oracle.committee.wire.proposal.Proposal`: the members' signed observations."""
    steps: dict[int, int] = {}
    """Shard to the sequence of the step that this bus's own member observed; a hint, unsigned."""


class Duty(_Message, frozen=True):
    """`duties`: a (deployment, chain), and which relayer of the group has taken it."""

    deployment: str
    chain: str
    relayer: str = ""
    since_ns: int = 0

    @property
    def key(self) -> str:
        """The compaction key."""
        return f"{self.deployment}|{self.chain}"


class Receipt(_Message, frozen=True):
    """`receipts`: what became of one transaction."""

    chain: str
    chain_id: int
    slot: int
    reason: str
    """Why it was sent: `deviation`, `heartbeat`, `validity`, `confidence`, `first`."""
    transaction: str
    accepted: bool
    error: str
    """Empty when accepted; else the decoded revert or failure."""
    block: int
    gas_used: int
    groups: tuple[int, ...]
    """What the contract stored: empty when it held newer ones already, which is a success."""
    signed_ns: int
    sent_ns: int
    received_ns: int


class AuditEntry(_Message, frozen=True):
    """`audit`: who did what to which subject, why and until when; one hash chain a writer."""

    writer: str
    sequence: int
    previous: bytes
    """`oracle.node.audit.entry_hash` of the writer's entry before; 32 zero bytes in the first."""
    time_ns: int
    action: str
    subject: str
    who: str
    reason: str
    until_ns: int | None = None


class MarginCall(_Message, frozen=True):
    """`margin-calls`: an account's margin is short, or is so no more. Each state is said once."""

    chain: str
    chain_id: int
    engine: str
    """Address of the engine that the account trades at, 0x-prefixed."""
    account: str
    """Owner's address and number of the sub-account, as 0x-prefixed 32 bytes."""
    level: str
    """`warned`, `liquidable`, `backstop`, or `ended`."""
    sequence: int
    """Counts what this keeper has said of the account: a reader drops what it has seen."""
    block: int
    time_ns: int
    equity: Px
    """In the settlement token."""
    maintenance: Px

    @property
    def key(self) -> str:
        """The key: what is said of an account comes in order."""
        return f"{self.chain}|{self.account}"


class Exposure(_Message, frozen=True):
    """`exposures`: what the pool stands to win or lose by in one market, and the hedge of it."""

    chain: str
    market: str
    number: int
    block: int
    time_ns: int
    net: Px
    """The pool's position in base units: what traders are short of, less what they are long of."""
    longs: Px
    shorts: Px
    """Open interest of each side, in base units."""
    mark: Px | None
    hedge: Px
    """To trade elsewhere so that the pool is flat: `net` the other way round."""
    venue: str = ""
    """The perp source whose quote is cheapest; empty without any."""
    cost: Px | None = None
    """In the quote currency: what crossing half its spread costs."""
    why_unknown: str = ""
    """Empty where `cost` is of the whole hedge; else what is not known of it."""

    @property
    def key(self) -> str:
        """The compaction key."""
        return f"{self.chain}|{self.number}"


Message = (
    TickBatch
    | StepManifest
    | Mark
    | SignedReport
    | Duty
    | Receipt
    | Control
    | AuditEntry
    | SnapshotPart
    | SpecPart
    | CertifiedRound
    | DeadLetter
    | MarginCall
    | Exposure
)

CLASS_OF: Final[dict[Topic, type[Any]]] = {
    Topic.TICKS: TickBatch,
    Topic.STEPS: StepManifest,
    Topic.MARKS: Mark,
    Topic.REPORTS: SignedReport,
    Topic.DUTIES: Duty,
    Topic.RECEIPTS: Receipt,
    Topic.CONTROLS: Control,
    Topic.AUDIT: AuditEntry,
    Topic.SNAPSHOTS: SnapshotPart,
    Topic.SPECS: SpecPart,
    Topic.ROUNDS: CertifiedRound,
    Topic.DEAD_LETTERS: DeadLetter,
    Topic.MARGIN_CALLS: MarginCall,
    Topic.EXPOSURES: Exposure,
}


def _default(field: msgspec.structs.FieldInfo) -> tuple[Any, ...]:
    return () if field.required else (field.default,)


_WireTicks = msgspec.defstruct(
    "_WireTicks",
    [
        (field.name, msgspec.Raw if field.name == "sources" else field.type, *_default(field))
        for field in msgspec.structs.fields(TickBatch)
    ],
    array_like=True,
    forbid_unknown_fields=True,
)
"""`TickBatch` with its names unread: most batches name the same sources as one before."""

_GREW: Final[dict[type[Any], int]] = {StepManifest: 14, SnapshotPart: 9}
"""Classes that got fields after version 4, and how many they had then."""
_COMMITTED: Final = bytes((4,))
"""What stands for the version in digests: that of the first messages that had any."""

_encoder = msgspec.msgpack.Encoder()
_wire_ticks = msgspec.msgpack.Decoder(_WireTicks)
_decoders = {
    topic: msgspec.msgpack.Decoder(cls) for topic, cls in CLASS_OF.items() if cls is not TickBatch
}


def encode(message: Message) -> bytes:
    """Encode any message of a topic."""
    fields = _sent(message) if type(message) in _GREW else message
    return bytes((SCHEMA_VERSION,)) + _encoder.encode(fields)


def _sent(message: Message) -> tuple[Any, ...]:
    """Return a message's fields without those that were added and have their default."""
    values = msgspec.structs.astuple(message)
    defaults = type(message).__struct_defaults__
    keep = len(values)
    while keep > _GREW[type(message)] and values[keep - 1] == defaults[keep - 1 - len(values)]:
        keep -= 1
    return values[:keep]


def committed(wire: bytes) -> bytes:
    """Return what digests are over, from what `encode` gave: the same in every release."""
    return _COMMITTED + wire[1:]


def decode(topic: Topic, data: bytes) -> Message:
    """Decode the message that `topic` carries.

    Raises:
        SchemaError: empty, of a version this reader does not know, or not that class.
    """
    if not data:
        raise SchemaError(f"empty message on {topic}; expected {CLASS_OF[topic].__name__}")
    if not SCHEMA_VERSION - 1 <= data[0] <= SCHEMA_VERSION:
        newer = data[0] > SCHEMA_VERSION
        raise SchemaError(
            f"{topic} message of schema version {data[0]}; this reader knows "
            f"{SCHEMA_VERSION - 1} and {SCHEMA_VERSION}: "
            + ("upgrade it before its writers" if newer else "upgrade its writer")
        )
    try:
        if topic is Topic.TICKS:
            sources, *columns = msgspec.structs.astuple(_wire_ticks.decode(memoryview(data)[1:]))
            return TickBatch(LISTS.decoded(sources), *columns)
        message: Message = _decoders[topic].decode(memoryview(data)[1:])
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        raise SchemaError(f"{topic} message does not decode: {error}") from error
    return message
