"""The breaker as a state machine, beside a model of it in a few lines (docs/engine.md, 8)."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from oracle.engine.engine import Engine
from oracle.model.validity import BreakerState, Validity
from tests.engine_builders import CALM, S, after, batch, market, resume, source, spec, trade

GUARDED, HALTED, AGREE, RELEASE = 100.0, 200.0, 30.0, 0.5
DWELL_S, RECOVERY_S, MISSING_S, MAX_AGE_S = 5, 20, 40, 10
NAMES = ("a:X", "b:X", "c:X")


class Model:
    """What the page says of a breaker with two triggers: `dispersion` and `missing`."""

    def __init__(self, *, latch: bool) -> None:
        self.latch = latch
        self.state, self.since_s, self.stepped_s = "NORMAL", 0.0, 0.0
        self.calm_s, self.resumed = 0.0, False
        self.indexed_s: float | None = None

    def resume(self, issued_s: float) -> None:
        """Lift the latch, if the person has seen this state."""
        self.resumed |= issued_s >= self.since_s

    def step(self, now_s: float, apart_bps: float | None) -> None:
        """Move by the distance of the sources; `None` is no index."""
        missing_s = 0.0 if self.indexed_s is None else now_s - self.indexed_s
        there = apart_bps is not None
        bps = apart_bps or 0.0
        calm = there and bps < RELEASE * GUARDED and missing_s < RELEASE * MISSING_S
        served = now_s - self.since_s >= DWELL_S
        slept_s, self.stepped_s = now_s - self.stepped_s, now_s
        before = self.state
        if bps >= HALTED or missing_s >= MISSING_S:
            self.state = "HALTED"
        elif before == "NORMAL" and bps >= GUARDED:
            self.state = "GUARDED"
        elif before == "GUARDED" and calm and served:
            self.state = "NORMAL"
        elif before == "HALTED" and calm and served and (self.resumed or not self.latch):
            self.state = "RECOVERING"
        elif before == "RECOVERING":
            agreed = calm and bps <= AGREE
            self.calm_s = self.calm_s + min(slept_s, RECOVERY_S / 2) if agreed else 0.0
            if self.calm_s >= RECOVERY_S:
                self.state = "NORMAL"
        if self.state != before:
            self.since_s, self.calm_s, self.resumed = now_s, 0.0, False
        if there:
            self.indexed_s = now_s


class BreakerMachine(RuleBasedStateMachine):
    """Whatever comes in whatever order, the engine stands where the model does."""

    @initialize(latch=st.booleans())
    def begin(self, latch: bool) -> None:
        """Start with a market of three sources that may move by anything."""
        breaker = replace(
            CALM,
            dispersion_guarded_bps=GUARDED,
            dispersion_halted_bps=HALTED,
            agree_bps=AGREE,
            release=RELEASE,
            dwell_ns=DWELL_S * S,
            recovery_ns=RECOVERY_S * S,
            missing_halted_ns=MISSING_S * S,
            latch=latch,
        )
        sources = [source(name, max_step_bps=1e6) for name in NAMES]
        self.spec = spec([market("X-USD", sources, breaker=breaker)])
        self.engine, self.model = Engine(self.spec), Model(latch=latch)
        self.now_s, self.said_s, self.apart = 1.0, 1.0, 0.0
        self.orders: list[float] = []
        self.taken: list[float] = []
        self._step(0.0)

    @rule(apart=st.sampled_from([60.0, 110.0, 110.0, 210.0]), times=st.sampled_from([1, 1, 1, 7]))
    def disturb(self, apart: float, times: int) -> None:
        """The sources come apart: not calm, or as far as guards, or as far as halts."""
        self._walk(1.0, apart, times)

    @rule(
        apart=st.sampled_from([0.0, 0.0, 20.0, 40.0]),
        times=st.sampled_from([1, 2, 4, 5, 6, 20, 21]),
    )
    def calm(self, apart: float, times: int) -> None:
        """The sources are near each other for a while, agreed or not quite."""
        self._walk(1.0, apart, times)

    @rule(calm_for=st.sampled_from([1, 5, 15]))
    def halt_and_lift(self, calm_for: int) -> None:
        """A halt that a person lifts, into its recovery or almost."""
        self._walk(1.0, HALTED + 10, 1)
        self.orders.append(self.now_s)
        self._walk(1.0, 0.0, DWELL_S - 1 + calm_for)

    @rule(
        wait_s=st.sampled_from([9.0, 11.0, 19.0, 21.0, 39.0, 41.0]),
        apart=st.sampled_from([0.0, 0.0, 0.0, 110.0]),
    )
    def sleep(self, wait_s: float, apart: float) -> None:
        """Nobody steps for a while; the first step after it has ticks."""
        self._walk(wait_s, apart, 1)

    @rule(times=st.sampled_from([1, 9, 11, 31, 51]))
    def silence(self, times: int) -> None:
        """Steps without a tick: prices grow old, then there is no index."""
        self._walk(1.0, None, times)

    @rule()
    def person_resumes(self) -> None:
        """Ordered now, seen with the next step."""
        self.orders.append(self.now_s)

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def old_order_comes_again(self, data: st.DataObject) -> None:
        """A log that is read again from its beginning repeats what was ordered."""
        self.orders.append(data.draw(st.sampled_from(self.taken)))

    @rule()
    def restart(self) -> None:
        """The process ends and another one goes on from the snapshot."""
        self.engine = Engine(self.spec, self.engine.snapshot())

    def _walk(self, wait_s: float, apart: float | None, times: int) -> None:
        for _ in range(times):
            self.now_s += wait_s
            self._step(apart)

    def _step(self, apart: float | None) -> None:
        """Step engine and model to now; `None` sends no tick."""
        ticks = []
        if apart is not None:
            self.said_s, self.apart = self.now_s, apart
            prices = (100.0 - apart / 100, 100.0, 100.0 + apart / 100)
            ticks = [
                trade(name, f"{price:.4f}", at_s=self.now_s)
                for name, price in zip(NAMES, prices, strict=True)
            ]
        orders = [resume("X-USD", at_s) for at_s in self.orders]
        self.before = self.model.state
        for at_s in self.orders:
            self.model.resume(at_s)
        self.taken, self.orders = self.taken + self.orders, []
        self.marks = self.engine.step(batch(*ticks) if ticks else [], orders, after(self.now_s))
        fresh = self.now_s - self.said_s <= MAX_AGE_S
        self.model.step(self.now_s, self.apart if fresh else None)
        self._compare()

    def _compare(self) -> None:
        """State, validity and events say the same."""
        state = BreakerState[self.model.state]
        assert self.marks.state[0] == state
        (mark,) = self.marks.messages()
        if state is BreakerState.HALTED:
            expected = Validity.HALTED
        elif mark.index is None:
            expected = Validity.MISSING
        else:
            expected = Validity.VALID if state is BreakerState.NORMAL else Validity.GUARDED
        assert mark.validity is expected
        moved = [(event.before, event.after) for event in self.marks.events]
        assert moved == ([(self.before, self.model.state)] if self.before != state.name else [])
        assert all(event.trigger and event.figure == event.figure for event in self.marks.events)


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=120, stateful_step_count=30)
