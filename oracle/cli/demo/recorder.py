"""Everything a run showed on the bus, in bounded memory."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from oracle.bus.interface import Bus, Record
from oracle.cli.demo.happenings import Narrator, Tone
from oracle.cli.demo.latency import LatencyBook
from oracle.cli.demo.series import Series
from oracle.model.fixed import Px
from oracle.model.messages import AuditEntry, Control, Mark, Receipt, SignedReport, StepManifest
from oracle.model.ticks import TickBatch
from oracle.model.topics import Topic
from oracle.model.validity import Validity
from relayer.held import HeldMark

KEPT_RECEIPTS: Final = 1_000
KEPT_STORED: Final = 2_000
KEPT_AUDIT: Final = 200
KEPT_REPORTS: Final = 20_000
_TOPICS: Final = (
    Topic.TICKS,
    Topic.STEPS,
    Topic.MARKS,
    Topic.REPORTS,
    Topic.RECEIPTS,
    Topic.CONTROLS,
    Topic.AUDIT,
)


class ChainInfo(NamedTuple):
    """A chain that reports go to. `kind` is `evm` or `solana`."""

    name: str
    kind: str
    chain_id: int


class StoryEvent(NamedTuple):
    """One act of a story: what was done and what was seen of it."""

    t_s: float
    event: str
    observed: str
    ok: bool


@dataclass
class ChainRecord:
    """What became of the reports sent to one chain."""

    info: ChainInfo
    updates: int = 0
    failed: int = 0
    gas_used: int = 0
    """Of accepted updates."""
    receipts: deque[Receipt] = field(default_factory=lambda: deque(maxlen=KEPT_RECEIPTS))
    stored: dict[str, deque[HeldMark]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=KEPT_STORED))
    )
    """Per market, what the contract held, one entry a change of report."""

    @property
    def gas_per_update(self) -> float | None:
        """The mean over accepted updates; None before the first."""
        return self.gas_used / self.updates if self.updates else None


class Recorder:
    """Follows the bus from now on, without a group.

    `perps` names the sources that are perpetuals: a `Mark` lists them after its spot sources, and
    they count neither for its quorum nor in comparisons with its index.
    """

    def __init__(
        self,
        bus: Bus,
        chains: Sequence[ChainInfo],
        now_ns: Callable[[], int],
        *,
        perps: Collection[str] = (),
    ) -> None:
        self._bus, self.now_ns = bus, now_ns
        self.start_ns = now_ns()
        self.perps: Final = frozenset(perps)
        self.latencies: Final = LatencyBook()
        self.narrator: Final = Narrator()
        self.marks: Final[dict[str, Mark]] = {}
        self.series: Final[dict[str, Series]] = {}
        self.chains: Final = {chain.name: ChainRecord(chain) for chain in chains}
        self.controls: Final[dict[str, Control]] = {}
        self.audit: Final[deque[AuditEntry]] = deque(maxlen=KEPT_AUDIT)
        self.story: Final[list[StoryEvent]] = []
        self.rejected_ticks: Final[Counter[str]] = Counter()
        self.newest_report: SignedReport | None = None
        self.report_times_ns: Final[dict[int, int]] = {}
        """Times of the newest reports, by slot."""
        self.ticks = self.steps = self.reports = 0

    async def run(self) -> None:
        """Record until cancelled."""
        async with self._bus.subscribe(*_TOPICS) as reader:
            while True:
                for record in await reader.take():
                    self.take(record)

    def take(self, record: Record) -> None:
        """Record one message."""
        self.latencies.add(record)
        match record.message:
            case TickBatch() as batch:
                self.ticks += len(batch)
            case StepManifest() as step:
                self.steps += 1
                self.rejected_ticks.update(step.rejected)
            case Mark() as mark:
                self._take_mark(mark)
            case SignedReport() as report:
                self._take_report(report)
            case Receipt() as receipt:
                self._take_receipt(receipt)
            case Control() as control:
                self.controls[control.key] = control
                self.narrator.control(control)
            case AuditEntry() as entry:
                self.audit.append(entry)
            case _:
                pass

    def start_clock(self) -> None:
        """Let `t_s` be 0 now; what is recorded already stays, before 0."""
        self.start_ns = self.now_ns()

    def t_s(self, time_ns: int) -> float:
        """Return seconds since the clock was started."""
        return (time_ns - self.start_ns) / 1e9

    def note_chain(
        self, chain: str, market: str, price: Px | None, time_ms: int, validity: Validity
    ) -> None:
        """Take what a contract holds for a market, as just read from it."""
        held, now = self.chains[chain].stored[market], HeldMark(price, time_ms, validity)
        if not held or held[-1] != now:
            held.append(now)

    def note_event(self, event: str, observed: str, ok: bool, t_s: float | None = None) -> None:
        """Take an act of the story with what was seen of it."""
        at = self.t_s(self.now_ns()) if t_s is None else t_s
        self.story.append(StoryEvent(round(at, 3), event, observed, ok))
        tone, outcome = (Tone.GOOD, "as told") if ok else (Tone.BAD, "NOT AS TOLD")
        self.narrator.tell(self.now_ns(), tone, f"{event}, {outcome}: {observed}")

    @property
    def chain_states(self) -> Mapping[str, Mapping[str, HeldMark]]:
        """By chain and market, what the contract held when it was last read."""
        return {
            name: {market: held[-1] for market, held in chain.stored.items()}
            for name, chain in self.chains.items()
        }

    def _take_mark(self, mark: Mark) -> None:
        self.marks[mark.market] = mark
        self.series.setdefault(mark.market, Series()).add(mark)
        self.narrator.mark(mark)

    def _take_report(self, report: SignedReport) -> None:
        self.reports += 1
        self.newest_report = report
        self.report_times_ns[report.slot] = report.time_ns
        if len(self.report_times_ns) > KEPT_REPORTS:
            del self.report_times_ns[next(iter(self.report_times_ns))]

    def _take_receipt(self, receipt: Receipt) -> None:
        chain = self.chains.get(receipt.chain)
        if chain is None:
            info = ChainInfo(receipt.chain, "evm", receipt.chain_id)
            chain = self.chains.setdefault(receipt.chain, ChainRecord(info))
        chain.receipts.append(receipt)
        if receipt.accepted:
            chain.updates, chain.gas_used = chain.updates + 1, chain.gas_used + receipt.gas_used
        else:
            chain.failed += 1
        self.narrator.receipt(receipt)
