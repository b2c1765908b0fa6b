"""The demo's story: what goes wrong, and what must be seen of it.

Each act does one thing to the sandbox and then waits, to a deadline, until the bus and the
contracts show what is told. An act that is not seen as told fails the demo.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from deploy.sandbox.venues.knobs import Knobs
from oracle.cli.demo.panels.story import Act as Shown
from oracle.cli.demo.proof import Proof
from oracle.cli.demo.recorder import Recorder
from oracle.model.fixed import float_nearest
from oracle.model.messages import Control, Mark
from oracle.model.validity import BreakerState, Validity

LENGTH_S: Final = 90.0
"""Length of the story as written; a shorter or longer one is scaled."""
POLL_S: Final = 0.1
PATIENCE_S: Final = 10.0
"""The least time to wait for what is told: blocks do not come faster in a short story."""

Seen = Callable[[], str | None]
"""Returns what was seen once it is as told, else None."""


@dataclass(frozen=True)
class Act:
    """At `at_s`, say `event` and do it; by `until_s`, `seen` must have seen what is told."""

    at_s: float
    until_s: float
    event: str
    do: Callable[[], Awaitable[None]]
    seen: Seen
    told: str
    """What should be seen, for when it is not."""
    instead: Callable[[], str] = str
    """Returns what was seen in its place, when that says more."""


class Story:
    """Plays acts in order, and tells the recorder what came of each."""

    def __init__(self, recorder: Recorder, acts: Sequence[Act], seconds: float) -> None:
        self._recorder, self._acts, self._seconds = recorder, acts, seconds
        self._scale = seconds / LENGTH_S
        self._number, self._ends_at = 0, 0.0

    async def play(self) -> None:
        """Play all acts, to the end of the story's length."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number, act in enumerate(self._acts):
            at_s = act.at_s * self._scale
            await asyncio.sleep(max(start + at_s - loop.time(), 0))
            ends_at = max(start + act.until_s * self._scale, loop.time() + PATIENCE_S)
            self._number, self._ends_at = number, ends_at
            await act.do()
            observed = await self._watch(act, self._ends_at)
            said = observed or ". ".join(filter(None, (f"not seen: {act.told}", act.instead())))
            self._recorder.note_event(act.event, said, observed is not None, at_s)
        await asyncio.sleep(max(start + self._seconds - loop.time(), 0))

    def shown(self) -> Shown:
        """Return the act that is on, for the live view."""
        act = self._acts[self._number]
        return Shown(
            number=self._number + 1,
            total=len(self._acts),
            title=act.event,
            expect=act.told,
            remaining_s=max(self._ends_at - asyncio.get_running_loop().time(), 0.0),
            length_s=(act.until_s - act.at_s) * self._scale,
        )

    async def _watch(self, act: Act, deadline: float) -> str | None:
        loop = asyncio.get_running_loop()
        observed = act.seen()
        while observed is None and loop.time() < deadline:
            await asyncio.sleep(POLL_S)
            observed = act.seen()
        return observed


class Scene:
    """The acts, over one sandbox."""

    def __init__(
        self,
        recorder: Recorder,
        knobs: Knobs,
        order: Callable[[bool], Awaitable[None]],
        proof: Proof,
        scale: float,
    ) -> None:
        """`order(True)` pauses `PAUSED_SOURCE` as an operator does, `order(False)` resumes it."""
        self._recorder, self._knobs, self._order, self._scale = recorder, knobs, order, scale
        self._proof = proof
        self._off_peg_ns = (0, 0)
        self._before: dict[str, float] = {}
        self._worst_bps: dict[str, float] = {}

    def acts(self) -> list[Act]:
        """Return the story."""
        return [
            Act(0, 14, "Calm: six venues, one pool, two chains", _nothing, self._calm,
                "every market VALID and stored on every chain"),
            Act(15, 25, "kraken's BTC/USD wicks 8 % down", self._wick, self._thrown_out,
                "kraken:BTC/USD named an outlier, the index unmoved"),
            Act(28, 38, "USDT loses its peg, to 0.955", self._depeg, self._depeg_seen,
                "USDT-USD below 0.97 and GUARDED, BTC-USD unmoved"),
            Act(40, 46, "USDT regains its peg", self._repeg, self._repegged,
                "USDT-USD above 0.995"),
            Act(47, 59, "ETH falls 12 % in two seconds", self._crash, self._halted,
                "ETH-USD HALTED in the engine and on every chain"),
            Act(60, 62, f"An operator pauses {PAUSED_SOURCE}", self._pause, self._paused,
                f"{PAUSED_SOURCE} out as paused within a second, and an audit entry"),
            Act(68, 71, f"The operator resumes {PAUSED_SOURCE}", self._resume, self._resumed,
                f"{PAUSED_SOURCE} counted again"),
            Act(72, 90, "Recovery", _nothing, self._calm,
                "every market NORMAL and VALID again, in the engine and on every chain"),
            Act(80, 90, f"{PROVEN_MARKET} without the peg is proven from the archive",
                self._prove, self._proven,
                "what the chains stored recomputed from the ticks, every step ✓", self._not_proven),
        ]  # fmt: skip

    def _mark(self, market: str) -> Mark | None:
        return self._recorder.marks.get(market)

    def _calm(self) -> str | None:
        marks = list(self._recorder.marks.values())
        settled = marks and all(
            m.validity is Validity.VALID and m.state is BreakerState.NORMAL for m in marks
        )
        stored = [
            held[-1].validity is Validity.VALID
            for chain in self._recorder.chains.values()
            for held in chain.stored.values()
            if held
        ]
        expected = len(marks) * len(self._recorder.chains)
        if not settled or len(stored) < expected or not all(stored):
            return None
        return f"{len(marks)} markets VALID, and so on {len(self._recorder.chains)} chains"

    async def _wick(self) -> None:
        self._remember("BTC-USD")
        self._knobs.wick("kraken", "BTC/USD", -8.0, for_s=6.0 * self._scale)

    def _thrown_out(self) -> str | None:
        mark = self._mark("BTC-USD")
        moved = self._moved_bps("BTC-USD")
        reasons = {view.source: view.reason for view in mark.sources} if mark else {}
        if reasons.get("kraken:BTC/USD") != "outlier" or moved is None or moved > 30:
            return None
        return f"kraken:BTC/USD is an outlier; the index moved {moved:.1f} bps"

    async def _depeg(self) -> None:
        self._remember("BTC-USD")
        now_ns = self._recorder.now_ns()
        self._off_peg_ns = (now_ns, now_ns)
        self._knobs.depeg("USDT", 0.955, over_s=2.0 * self._scale)

    def _depeg_seen(self) -> str | None:
        edge, moved = self._mark("USDT-USD"), self._moved_bps("BTC-USD")
        if edge is None or edge.index is None or moved is None:
            return None
        low = float_nearest(edge.index)
        guarded = edge.validity is Validity.GUARDED
        if low > 0.97 or not guarded or moved > 60:
            return None
        return f"USDT-USD {low:.4f}, GUARDED; BTC-USD moved {moved:.1f} bps"

    async def _repeg(self) -> None:
        self._off_peg_ns = (self._off_peg_ns[0], self._recorder.now_ns())
        self._knobs.depeg("USDT", 1.0, over_s=2.0 * self._scale)

    def _repegged(self) -> str | None:
        edge = self._mark("USDT-USD")
        if edge is None or edge.index is None or float_nearest(edge.index) < 0.995:
            return None
        return f"USDT-USD {float_nearest(edge.index):.4f}"

    async def _crash(self) -> None:
        self._knobs.shift("ETH", -12.0, over_s=2.0 * self._scale)

    def _halted(self) -> str | None:
        mark = self._mark("ETH-USD")
        if mark is None or mark.state is not BreakerState.HALTED:
            return None
        for chain in self._recorder.chains.values():
            held = chain.stored.get("ETH-USD")
            if not held or held[-1].validity is not Validity.HALTED:
                return None
        return f"HALTED everywhere: {mark.reason}"

    async def _pause(self) -> None:
        await self._order(True)

    def _paused(self) -> str | None:
        mark = self._mark("BTC-USD")
        reasons = {view.source: view.reason for view in mark.sources} if mark else {}
        audited = [e for e in self._recorder.audit if e.action == "pause"]
        if mark is None or reasons.get(PAUSED_SOURCE) != "paused" or not audited:
            return None
        order: Control = self._recorder.controls[f"source|{PAUSED_SOURCE}"]
        after_s = (mark.time_ns - order.issued_ns) / 1e9
        return f"out {after_s:.2f} s after the order; audited: {audited[-1].reason}"

    async def _resume(self) -> None:
        await self._order(False)

    def _resumed(self) -> str | None:
        mark = self._mark("BTC-USD")
        reasons = {view.source: view.reason for view in mark.sources} if mark else {}
        return f"{PAUSED_SOURCE} counts again" if reasons.get(PAUSED_SOURCE) == "" else None

    async def _prove(self) -> None:
        await self._proof.run(PROVEN_MARKET, -(-self._most_stored_ns() // 10**6))

    def _proven(self) -> str | None:
        found = self._proof.proven()
        if found is None or found.verdict != "proven":
            return None
        stored = f"; stored on {', '.join(found.stored_on)}" if found.stored_on else ""
        return f"{found.mark}{stored}: all {found.passed} checks passed ({found.seconds:.1f} s)"

    def _not_proven(self) -> str:
        found = self._proof.proven()
        return "" if found is None else found.first_failure()

    def _most_stored_ns(self) -> int:
        """Return the time of the report that most chains stored while the peg was lost."""
        begin_ns, end_ns = self._off_peg_ns
        stored = Counter(
            time_ns
            for chain in self._recorder.chains.values()
            for receipt in chain.receipts
            if receipt.accepted
            and receipt.groups
            and begin_ns
            <= (time_ns := self._recorder.report_times_ns.get(receipt.slot, 0))
            < end_ns
        )
        return max(stored, key=lambda time_ns: (stored[time_ns], time_ns), default=end_ns)

    def _remember(self, market: str) -> None:
        mark = self._mark(market)
        if mark is not None and mark.index is not None:
            self._before[market] = float_nearest(mark.index)

    def _moved_bps(self, market: str) -> float | None:
        """Return how far the index is from where the act found it."""
        mark = self._mark(market)
        if mark is None or mark.index is None or market not in self._before:
            return None
        return abs(float_nearest(mark.index) / self._before[market] - 1.0) * 1e4


PAUSED_SOURCE: Final = "coinbase:BTC/USD"
PROVEN_MARKET: Final = "BTC-USD"


async def _nothing() -> None:
    """Only watch."""
