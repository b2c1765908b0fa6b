"""The ticks and orders of some random steps, for properties.

Prices are decimals. What goes wrong (factors, silence, pauses) lasts for several steps, so that
memories are full and states are left again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import strategies as st
from msgspec import structs

from oracle.engine.spec import EngineSpec
from oracle.model.fixed import Px
from oracle.model.messages import Control
from oracle.model.ticks import Tick, TickBatch, pack
from tests.property.engine_specs import BASES, S

T0 = 1_790_000_000 * S + 7_123_456_789
EXPONENT = -7
LASTING = (
    *["well"] * 5,
    "silent",
    "stuck",
    "stuck",
    "trades",
    "x1.03",
    "x1.3",
    "x0.7",
    "x3.0517",
    "x10",
    "x0.001",
)
"""How a source is from a step on."""
PASSING = (
    "crossed",
    "wide",
    "zero",
    "one_sided",
    "ahead",
    "beyond",
    "old",
    "again",
    "late",
    "huge",
    "trade",
    "traded",
    "twice",
    "funding",
    "unknown",
)
"""What a source sends beside its quote in one step."""


@dataclass(frozen=True)
class Plan:
    """What happens between one step and the next."""

    wait_ns: int
    seed: int
    speaking: int
    """Bits: which sources quote."""
    lasting: list[tuple[int, str]]
    passing: list[tuple[int, str]]
    shock: tuple[int, float]
    """A market whose price moves, and by what factor."""
    orders: list[tuple[str, int, int]]
    """Kind, subject, and seconds of pause; 0 resumes, below 0 by an order of long ago."""
    touched: bool
    """Whether only what the ticks concern is stepped."""


PLANS = st.builds(
    Plan,
    st.sampled_from([S // 4, S // 2, S, S, S + 1, 2 * S, 2 * S, 5 * S, 13 * S, 130 * S, 4_000 * S]),
    st.integers(0, 2**32),
    st.one_of(st.just(-1), st.just(-1), st.integers(0, 2**31)),
    st.lists(st.tuples(st.integers(0, 31), st.sampled_from(LASTING)), max_size=2),
    st.lists(st.tuples(st.integers(0, 31), st.sampled_from(PASSING)), max_size=4),
    st.tuples(
        st.integers(0, 3), st.sampled_from([*[1.0] * 9, 1.007, 0.993, 0.97, 1.06, 3.05, 11.0])
    ),
    st.lists(
        st.tuples(
            st.sampled_from(["source", "market", "market"]),
            st.integers(0, 31),
            st.sampled_from([0, 0, -20, 3, 20]),
        ),
        max_size=1,
    ),
    st.sampled_from([False, False, False, True]),
)


@dataclass
class _Voice:
    """One source as a venue would send it."""

    name: str
    market: str
    edge: str | None
    how: str = "well"
    sequence: int = 0
    sent: Tick | None = None
    said: Tick | None = None
    """Its last quote of itself, before any trade was put to it."""


class World:
    """Turns plans into the arguments of steps."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._worth = {market.name: BASES[market.name] for market in spec.markets}
        voices = {
            entry.source: _Voice(entry.source, market.name, entry.edge)
            for market in spec.markets
            for entry in (*market.sources, *market.perps)
        }
        self._voices = list(voices.values())
        self.now_ns = T0

    def follow(self, plan: Plan) -> tuple[list[TickBatch], list[Control], int]:
        """Return the batches, controls and time of the next step."""
        noise = random.Random(plan.seed)
        self.now_ns += plan.wait_ns
        market = self._spec.markets[plan.shock[0] % len(self._spec.markets)].name
        self._worth[market] *= plan.shock[1]
        for at, how in plan.lasting:
            self._voices[at % len(self._voices)].how = how
        ticks = [
            tick
            for at, voice in enumerate(self._voices)
            if plan.speaking >> at & 1
            for tick in self._say(voice, noise)
        ]
        for at, what in plan.passing:
            ticks += self._say_once(self._voices[at % len(self._voices)], what, noise)
        noise.shuffle(ticks)
        cut = noise.randint(0, len(ticks))
        batches = [pack(part) for part in (ticks[:cut], ticks[cut:]) if part]
        return batches, [self._order(*order) for order in plan.orders], self.now_ns

    def _say(self, voice: _Voice, noise: random.Random) -> list[Tick]:
        """Return what a source sends of itself: mostly a quote, at times with a trade."""
        if voice.how == "silent":
            return []
        event_ns = self.now_ns - noise.randrange(S // 5)
        received_ns = self.now_ns - noise.randrange(S // 5)
        mantissa = self._mantissa(voice, noise)
        half = max(round(mantissa * noise.choice((0.3e-4, 2.1e-4, 11e-4))), 1)
        tick = Tick(
            voice.name,
            0,
            event_ns,
            received_ns,
            Px(mantissa - half, EXPONENT),
            Px(mantissa + half, EXPONENT),
            bid_size=Px(noise.randrange(1, 90_000), -3),
            ask_size=Px(noise.randrange(1, 90_000), -3),
        )
        if voice.how == "stuck" and voice.said is not None:
            tick = structs.replace(voice.said, event_ns=event_ns)
        voice.said = tick
        if voice.how == "trades" or noise.random() < 0.4:
            last = Px(mantissa + noise.randrange(-half, half), EXPONENT)
            size = Px(noise.randrange(1, 90_000), -3)
            tick = structs.replace(tick, last=last, last_size=size)
        if voice.how == "trades":
            tick = structs.replace(tick, bid=None, ask=None, bid_size=None, ask_size=None)
        return [self._send(voice, tick)]

    def _say_once(self, voice: _Voice, what: str, noise: random.Random) -> list[Tick]:
        """Return one tick of the kind named."""
        mantissa, now = self._mantissa(voice, noise), self.now_ns
        price = Px(mantissa, EXPONENT)
        below, above = (Px(round(mantissa * f), EXPONENT) for f in (0.97, 1.03))
        near = Px(mantissa + 1, EXPONENT)

        def tick(event_ns: int, *prices: Px | None, funding: int | None = None) -> list[Tick]:
            made = Tick(voice.name, 0, event_ns, now, *prices, funding_e12=funding)
            return [self._send(voice, made)]

        if what == "again":
            return [] if voice.sent is None else [voice.sent]
        if what == "twice":
            first = tick(now - 6, price, near)
            return [*first, structs.replace(first[0], bid=Px(mantissa - 1, EXPONENT))]
        if what == "unknown":
            return [Tick("nobody:X/USD", 1, now, now, price, near)]
        made = {
            "crossed": lambda: tick(now - 1, above, below),
            "wide": lambda: tick(now - 2, below, above),
            "zero": lambda: tick(now - 3, Px(0, 0), price),
            "one_sided": lambda: tick(now - 4, price),
            "ahead": lambda: tick(now + S // 3, price, near),
            "beyond": lambda: tick(now + 5 * S, price, near),
            "old": lambda: tick(now - 14 * S, price, near),
            "late": lambda: tick(now - 2 * S, price, near),
            "huge": lambda: tick(now, Px(10**18, 4), Px(10**18, 4)),
            "trade": lambda: tick(now - 7, None, None, price),
            "traded": lambda: tick(now - S, None, None, price),
            "funding": lambda: tick(now - 9, funding=noise.randrange(-(10**9), 3 * 10**9)),
        }
        return made[what]()

    def _mantissa(self, voice: _Voice, noise: random.Random) -> int:
        price = self._worth[voice.market] * (1 + noise.gauss(0, 6e-4))
        if voice.edge is not None:
            price /= self._worth[voice.edge]
        if voice.how.startswith("x"):
            price *= float(voice.how[1:])
        return max(round(price * 10**-EXPONENT), 2)

    def _send(self, voice: _Voice, tick: Tick) -> Tick:
        voice.sequence += 1
        voice.sent = structs.replace(tick, sequence=voice.sequence)
        return voice.sent

    def _order(self, kind: str, at: int, seconds: int) -> Control:
        subjects = (
            [voice.name for voice in self._voices]
            if kind == "source"
            else [market.name for market in self._spec.markets]
        )
        return Control(
            kind,
            subjects[at % len(subjects)],
            seconds > 0,
            "tests",
            "why not",
            self.now_ns + min(seconds, 0) * S,
            self.now_ns + seconds * S,
        )
