"""A made-up run: three markets and two chains through a wick, a depeg, a halt and a pause."""

from __future__ import annotations

import random
from collections.abc import Iterator
from statistics import median_low

from oracle.bus.interface import Record
from oracle.bus.memory import MemoryBus
from oracle.cli.demo.recorder import ChainInfo, Recorder
from oracle.model.fixed import Px, px_exact, px_half_even
from oracle.model.messages import (
    AuditEntry,
    Control,
    Mark,
    Message,
    Receipt,
    SignedReport,
    SourceView,
    StepManifest,
)
from oracle.model.ticks import Tick, pack
from oracle.model.topics import Topic
from oracle.model.validity import PRICED, BreakerState, Validity

START_NS = 1_790_000_000 * 10**9
CHAINS = (ChainInfo("anvil-a", "evm", 31337), ChainInfo("anvil-b", "evm", 31338))
PERP = "binance:BTC/USDT:USDT"
SOURCES = {
    "USDT-USD": ("coinbase:USDT/USD", "kraken:USDT/USD", "cryptocom:USDT/USD"),
    "BTC-USD": (
        "binance:BTC/USDT",
        "coinbase:BTC/USD",
        "kraken:BTC/USD",
        "okx:BTC/USDT",
        "cryptocom:BTC/USD",
        PERP,
    ),
    "ETH-USD": (
        "binance:ETH/USDT",
        "coinbase:ETH/USD",
        "kraken:ETH/USD",
        "okx:ETH/USDT",
        "uniswap3:0x8ad599c3a0ff1de082011efddc58f1908eb6e6d8",
    ),
}
NUMBERS = {"USDT-USD": 2, "BTC-USD": 0, "ETH-USD": 1}


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now_ns: int = START_NS) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns


def view(source: str, price: float | None, reason: str = "") -> SourceView:
    """Make a source that is used unless it has a reason."""
    return SourceView(source, None if price is None else px_half_even(price), not reason, reason)


def mark(
    market: str = "BTC-USD",
    time_ns: int = START_NS,
    index: float | None = 65_000.0,
    validity: Validity = Validity.VALID,
    state: BreakerState = BreakerState.NORMAL,
    reason: str = "",
    sources: tuple[SourceView, ...] = (),
    sequence: int = 1,
) -> Mark:
    """Make a mark; HALTED and MISSING carry none."""
    px = None if index is None else px_half_even(index)
    return Mark(
        market=market,
        number=NUMBERS.get(market, 9),
        sequence=sequence,
        time_ns=time_ns,
        validity=validity,
        reason=reason,
        state=state,
        index=px,
        mark=px if validity in PRICED else None,
        twap=px,
        conf_e8=12_000,
        premium_e8=None,
        newest_event_ns=time_ns,
        newest_received_ns=time_ns,
        sources=sources,
    )


def receipt(chain: str, slot: int, received_ns: int, **changes: object) -> Receipt:
    """Make an accepted receipt, with changes."""
    fields: dict[str, object] = {
        "chain": chain,
        "chain_id": 31337,
        "slot": slot,
        "reason": "deviation",
        "transaction": "0xab",
        "accepted": True,
        "error": "",
        "block": slot,
        "gas_used": 118_000 + slot % 7 * 100,
        "groups": (0,),
        "signed_ns": received_ns - 10**6,
        "sent_ns": received_ns - 10**6,
        "received_ns": received_ns,
    }
    return Receipt(**(fields | changes))  # type: ignore[arg-type]  # fields of a frozen struct


def report(slot: int, time_ns: int, signed_ns: int, body: bytes = b"") -> SignedReport:
    """Make a report whose body need not decode."""
    return SignedReport("0x" + "00" * 32, 1, slot, time_ns, signed_ns, True, body)


def record(topic: Topic, message: Message, offset: int = 0, partition: int = 0) -> Record:
    """Put a message in its place in the log."""
    return Record(topic, partition, offset, "", message)


def ticks(*received_ns: int) -> Message:
    """Make a batch of ticks received then."""
    return pack(
        Tick("kraken:BTC/USD", at, ns, ns, last=px_exact("65000"))
        for at, ns in enumerate(received_ns)
    )


def recorder_of(clock: Clock | None = None) -> Recorder:
    """Make a recorder that has seen nothing."""
    return Recorder(MemoryBus(), CHAINS, clock or Clock(), perps=[PERP])


class Walk:
    """True prices, and what each source shows of them, at 10 steps a second."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._true = {"USDT-USD": 1.0002, "BTC-USD": 65_123.4, "ETH-USD": 3_412.55}
        self._off = {source: 0.0 for names in SOURCES.values() for source in names}
        self.index: dict[str, float] = {}

    def marks(self, sequence: int, time_ns: int) -> Iterator[Mark]:
        """Make every market's mark of one step."""
        t_s = (time_ns - START_NS) / 1e9
        for market, names in SOURCES.items():
            self._true[market] *= 1 + self._random.gauss(
                0, 0.4e-4 if market != "USDT-USD" else 2e-6
            )
            true = self._true[market] * self._shift(market, t_s)
            views = [self._view(market, source, true, t_s) for source in names]
            heard = [v.price for v in views if v.price is not None and v.source != PERP]
            index = median_low([px.mantissa * 10.0**px.exponent for px in heard])
            yield mark(
                market,
                time_ns,
                index,
                *self._standing(market, t_s),
                tuple(views),
                sequence,
            )

    def _shift(self, market: str, t_s: float) -> float:
        if market == "USDT-USD" and t_s >= 30:
            return 1 - 0.03 * min((t_s - 30) / 4, 1) * max(0.0, min(1.0, (48 - t_s) / 6))
        if market == "BTC-USD" and t_s >= 52:
            return 1 + 0.064 * min((t_s - 52) / 2, 1)
        return 1.0

    def _view(self, market: str, source: str, true: float, t_s: float) -> SourceView:
        self._off[source] = 0.97 * self._off[source] + self._random.gauss(0, 0.3e-4)
        price = true * (1 + self._off[source] * (0.1 if market == "USDT-USD" else 1))
        if source == "kraken:BTC/USD" and 14 <= t_s < 24:
            return view(source, price * 0.92, "outlier")
        if source == PERP:
            return view(source, price * 1.0006)
        if "USDT" in source and market != "USDT-USD" and 32 <= t_s < 46:
            return view(source, None, "conversion_halted")
        if source == "coinbase:ETH/USD" and 66 <= t_s < 80:
            return view(source, None, "paused")
        return view(source, price)

    def _standing(self, market: str, t_s: float) -> tuple[Validity, BreakerState, str]:
        halted = (52.6, 70.0) if market == "BTC-USD" else (32.0, 46.0)
        if market == "ETH-USD" or not halted[0] <= t_s < halted[1] + 8:
            return Validity.VALID, BreakerState.NORMAL, ""
        state = BreakerState.HALTED if t_s < halted[1] else BreakerState.RECOVERING
        why = f"breaker {state.name}: index 512 bps off its average"
        if state is BreakerState.HALTED:
            return Validity.HALTED, state, why
        return Validity.GUARDED, state, why


STORY = (
    (13.0, "Calm", "3 markets VALID, 14 of 14 sources used", True),
    (18.4, "kraken:BTC/USD wicks 8 % down", "outlier after 0.3 s; index moved 0.4 bps", True),
    (36.0, "USDT depegs to 0.97", "USDT-USD index 0.9702, HALTED; BTC-USD stayed VALID", True),
    (55.1, "BTC jumps 6.4 %", "breaker HALTED after 0.6 s; both chains HALTED", True),
    (67.2, "An operator pauses coinbase:ETH/USD", "paused after 0.2 s, audited", True),
    (88.0, "Recovery", "ETH-USD VALID; BTC-USD GUARDED, expected VALID", False),
)


def run(seconds: int = 90, seed: int = 7) -> tuple[Recorder, Clock]:
    """Make a run and record it."""
    clock = Clock()
    recorder, walk, chance = recorder_of(clock), Walk(seed), random.Random(seed)
    for step in range(seconds * 10):
        clock.now_ns = START_NS + step * 100_000_000
        _one_step(recorder, walk, chance, step, clock.now_ns)
        for t_s, event, observed, ok in STORY:
            if round(t_s * 10) == step:
                recorder.note_event(event, observed, ok)
    return recorder, clock


def _one_step(
    recorder: Recorder, walk: Walk, chance: random.Random, step: int, now_ns: int
) -> None:
    received = [now_ns - chance.randrange(5, 90) * 10**6 for _ in range(9)]
    recorder.take(record(Topic.TICKS, ticks(*received), step))
    manifest = StepManifest("0", step + 1, now_ns, 9, {0: step + 1}, {}, {})
    recorder.take(record(Topic.STEPS, manifest))
    marks = list(walk.marks(step + 1, now_ns))
    for message in marks:
        recorder.take(record(Topic.MARKS, message))
    if step == 660:
        until_ns = now_ns + 14 * 10**9
        order = Control(
            "source", "coinbase:ETH/USD", True, "rita", "prices look odd", now_ns, until_ns
        )
        recorder.take(record(Topic.CONTROLS, order))
        entry = AuditEntry(
            "api", 0, bytes(32), now_ns, "pause", order.key, "rita", order.reason, until_ns
        )
        recorder.take(record(Topic.AUDIT, entry))
    if step % 5 == 0:
        signed_ns = now_ns + chance.randrange(8, 20) * 10**6
        recorder.take(record(Topic.REPORTS, report(step, now_ns, signed_ns)))
    for at, chain in enumerate(CHAINS):
        if step % 25 == 5 * at:
            _deliver(recorder, chain.name, step, now_ns, marks)


def _deliver(recorder: Recorder, chain: str, slot: int, now_ns: int, marks: list[Mark]) -> None:
    refused = slot == 400
    error = "StaleReport(given 1, stored 2)" if refused else ""
    sent = receipt(
        chain, slot, now_ns + 600 * 10**6, accepted=not refused, error=error, gas_used=118_432
    )
    recorder.take(record(Topic.RECEIPTS, sent))
    for message in marks:
        price: Px | None = message.mark
        if price is None:  # a contract keeps the last price beside the HALTED status
            held = recorder.chain_states[chain].get(message.market)
            price = held.price if held else None
        time_ms = message.time_ns // 10**6
        recorder.note_chain(chain, message.market, price, time_ms, message.validity)
