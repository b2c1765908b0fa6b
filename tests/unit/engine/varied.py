"""A short walk through all that a step computes, told as a digest: run it for two interpreters.

python -m tests.unit.engine.varied
"""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import replace

from oracle.engine.engine import Engine
from oracle.engine.spec import (
    AdmissionSpec,
    DeviationSpec,
    FundingSpec,
    MarketSpec,
    MarkSpec,
    Mean,
    Method,
    PegSpec,
    Premium,
    PremiumWeights,
    TwapSpec,
    Weighting,
    WeightSpec,
)
from oracle.model.fixed import Px
from oracle.model.messages import encode
from oracle.model.ticks import Tick
from tests.engine_builders import BREAKER, S, after, batch, market, resume, source, spec

RATE = market(
    "T-USD",
    [source("a:T"), source("b:T"), source("c:T")],
    0,
    breaker=replace(BREAKER, peg=PegSpec(1.0, 30.0, 60.0), dwell_ns=S, recovery_ns=2 * S),
    twap=TwapSpec(20 * S, Mean.GEOMETRIC, clamp_bps=20.0),
)
FUNDING = FundingSpec(7 * S, S, 50 * S, PremiumWeights.LINEAR, premium=Premium.IMPACT)
WEIGHTS = (
    WeightSpec(Weighting.VOLUME, 9 * S, origin_cap=0.4),
    WeightSpec(Weighting.DEPTH, 9 * S, group_cap=0.6),
)


def _market(method: Method) -> MarketSpec:
    number = int(method) + 1
    sources = [
        source(f"{v}:X{number}", edge="T-USD" if v in "ab" else None, group=v) for v in "abcd"
    ]
    return market(
        f"X{number}-USD",
        sources,
        number,
        perps=tuple(source(f"{venue}:P{number}") for venue in "pq"),
        mark=MarkSpec(method, 5 * S, 2 * S, own=f"p:P{number}", funding_interval_ns=11 * S),
        weights=WEIGHTS[number % 2],
        funding=FUNDING,
        twap=TwapSpec(3 * S, Mean(number % 2)),
        admission=AdmissionSpec(max_unchanged_ns=2 * S, unchanged_bps=5.0, confirm_ns=3 * S),
        breaker=replace(
            BREAKER,
            deviations=(DeviationSpec(20 * S, 60.0, 120.0, 80.0),),
            latch=number == 1,
            dwell_ns=S,
            recovery_ns=3 * S,
        ),
    )


MARKETS = [_market(method) for method in Method]
SPEC = spec([RATE], MARKETS)


def _tick(noise: random.Random, name: str, second: int) -> Tick:
    worth, jumps = (1.0, [1.0]) if name.endswith("T") else (100.0, [1.0] * 30 + [1.1, 10.0, 0.5])
    shock = 1.0 + 0.02 * (second % 13 == 5)
    price = worth * shock * (1.0 + noise.gauss(0.0, 0.0015)) * noise.choice(jumps)
    mantissa, at = round(price * 10**6), after(second) - noise.randrange(S)
    half = round(mantissa * noise.choice([1e-4, 2e-3]))
    sizes = [Px(noise.randrange(1, 10**4), -2) for _ in range(3)]
    quoted = noise.random() < 0.8
    return Tick(
        name,
        second,
        at,
        at,
        Px(mantissa - half, -6) if quoted else None,
        Px(mantissa + half, -6) if quoted else None,
        Px(mantissa, -6) if not quoted or noise.random() < 0.5 else None,
        *sizes,
        funding_e12=noise.randrange(-(10**9), 10**9),
    )


def digest(steps: int = 40) -> str:
    """Return the digest of all marks and of the state after so many steps."""
    noise, engine, found = random.Random(7), Engine(SPEC), hashlib.sha256()
    names = [entry.source for m in (RATE, *MARKETS) for entry in m.sources + m.perps]
    for second in range(1, steps + 1):
        if math.gcd(second, 17) > 1:
            continue
        ticks = [_tick(noise, name, second) for name in names if noise.random() < 0.8]
        orders = [resume("X1-USD", second)] if second % 9 == 0 else []
        for mark in engine.step(batch(*ticks), orders, after(second)).messages():
            found.update(encode(mark))
    found.update(engine.snapshot())
    return found.hexdigest()


if __name__ == "__main__":
    print(digest())  # noqa: T201 - the answer to the process that asked
