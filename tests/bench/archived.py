"""What an archive takes: bytes of each kind, as Parquet in parts of a minute.

    python -m tests.bench.archived [MARKETS] [SOURCES]

Every source brings a quote a second, the engine steps ten times a second, and seven members
observe once a second. Prices walk at random by a basis point or so: real ones compress as well.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from typing import Any, Final

from oracle.archive.layout import day_of
from oracle.archive.parts import OpenPart, Weight, weigh
from oracle.bus.shards import Made, Snapshot
from oracle.committee.rounds.observing import seen
from oracle.committee.steps import View
from oracle.committee.wire.observation import Last, Observation
from oracle.committee.wire.proposal import Proposal
from oracle.engine.engine import Engine
from oracle.engine.spec import MarketSpec
from oracle.model.fixed import Px
from oracle.model.messages import CertifiedRound, Message, SignedReport, encode
from oracle.model.ticks import Tick, TickBatch, pack
from oracle.model.topics import Topic
from oracle.node.owner import Owner
from oracle.node.proof import NO_HISTORY
from oracle.node.recovery import Recovered
from oracle.node.sharding import Shard
from oracle.report.word import GROUP_SIZE
from tests.engine_builders import T0, S, market, source, spec

SECONDS: Final = 60
"""Of step time: one part of each kind."""
STEPS: Final = 10
"""A second."""
MEMBERS: Final = 7
DAY_S: Final = 86_400
SNAPSHOTS: Final = 288
"""A day: one in five minutes."""


class Log:
    """A shard's log that keeps what was committed."""

    shard, remembers, position, step_offset = 0, True, 0, 0

    def __init__(self) -> None:
        self.made: list[Made] = []
        self.snapshots: list[Snapshot] = []

    async def commit(self, made: Made, snapshot: Snapshot | None) -> None:
        """Keep a step."""
        self.made.append(made)
        if snapshot is not None:
            self.snapshots.append(snapshot)


def _markets(count: int, sources: int) -> list[MarketSpec]:
    return [
        market(f"M{at}-USD", [source(f"v{n}:M{at}/USD") for n in range(sources)], number=at)
        for at in range(count)
    ]


class Walk:
    """Quotes of every source, each a little apart from its market's price."""

    def __init__(self, markets: list[MarketSpec], seed: int = 6) -> None:
        self._rng: Final = random.Random(seed)
        self._markets: Final = markets
        self._cents = [self._rng.randrange(10**4, 10**7) for _ in markets]
        self._number = 0

    def batch(self, step: int, now_ns: int) -> TickBatch:
        """Return the quotes of a step: every source's once a second."""
        rng, ticks = self._rng, []
        for at, one in enumerate(self._markets):
            self._cents[at] += round(self._cents[at] * rng.gauss(0, 1e-5))
            for number, place in enumerate(one.places):
                if (number + at) % STEPS == step % STEPS:
                    self._number += 1
                    cents = self._cents[at] + rng.randrange(-5, 6)
                    event_ns = (now_ns - rng.randrange(10**6, 90 * 10**6)) // 10**6 * 10**6
                    ticks.append(
                        Tick(
                            place.source,
                            self._number,
                            event_ns,
                            now_ns - rng.randrange(5 * 10**6),
                            bid=Px(cents - 1, -2),
                            ask=Px(cents + 1, -2),
                        )
                    )
        return pack(ticks)


async def _played(markets: list[MarketSpec]) -> tuple[Log, list[TickBatch], Shard]:
    part = Shard(0, spec(markets), frozenset(one.name for one in markets))
    log, walk, batches = Log(), Walk(markets), []
    owner = Owner(log, part, Recovered(Engine(part.spec), NO_HISTORY), 10 * S)  # type: ignore[arg-type]  # hand-made
    for step in range(SECONDS * STEPS):
        now_ns = T0 + (step + 1) * S // STEPS
        batches.append(walk.batch(step, now_ns))
        await owner.step([batches[-1]], step, [], {}, now_ns)
    return log, batches, part


def _rounds(log: Log, rng: random.Random) -> list[CertifiedRound]:
    return [_round(made, rng) for made in log.made[::STEPS]]


def _round(made: Made, rng: random.Random) -> CertifiedRound:
    view = View(made.manifest.time_ns, (made.manifest,), tuple(made.marks))
    said, slot = seen(view), view.time_ns // 10**6
    observations = []
    for member in range(MEMBERS):
        # Members see other prices in the last digits, and other states.
        words = tuple(
            word[:-2] + bytes((word[-2], word[-1] ^ rng.randrange(8))) for word in said.words
        )
        last = Last(slot - 1000, 0, rng.randbytes(32), slot - 1000)
        observations.append(
            Observation(
                bytes(32),
                1,
                slot,
                0,
                member,
                view.time_ns + rng.randrange(10**6),
                bytes(32),
                rng.randbytes(32),
                rng.randbytes(32),
                last,
                words,
                rng.randbytes(64),
            )
        )
    chosen = Proposal(bytes(32), 1, slot, 0, 0, slot - 1000, tuple(observations), rng.randbytes(64))
    return CertifiedRound(
        "0x" + "ab" * 32, 1, slot, view.time_ns, chosen.encode(), {0: made.manifest.sequence}
    )


def _report(one: CertifiedRound, groups: int, rng: random.Random) -> SignedReport:
    body = rng.randbytes(53 + 39 * groups + 64 * 5)  # as long as one of 5 signatures
    return SignedReport(one.deployment, 1, one.slot, one.time_ns, one.time_ns, False, body)


def _size(kind: Topic, messages: list[Any]) -> dict[str, float]:
    """Return what messages take on the bus and in a part."""
    part = OpenPart("log", kind, 0, day_of(T0), 0, 0.0)
    rows = 0
    for offset, message in enumerate(messages):
        weight: Weight = weigh(kind, message)
        rows += weight.rows
        part.add(offset, message, weight)
    sealed = part.seal(0)
    return {
        "rows": rows,
        "bus_bytes": sum(len(encode(message)) for message in messages) / rows,
        "parquet_bytes": sealed.part.size / rows,
    }


def measure(markets: int = 40, sources: int = 10) -> dict[str, Any]:
    """Return bytes of each kind, a row and a market and day."""
    log, batches, part = asyncio.run(_played(_markets(markets, sources)))
    rng = random.Random(7)
    rounds = _rounds(log, rng)
    kinds: dict[Topic, list[Message]] = {
        Topic.TICKS: list(batches),
        Topic.STEPS: [made.manifest for made in log.made],
        Topic.MARKS: [mark for made in log.made for mark in made.marks],
        Topic.ROUNDS: list(rounds),
        Topic.REPORTS: [_report(one, -(-markets // GROUP_SIZE), rng) for one in rounds],
        Topic.SNAPSHOTS: list(log.snapshots[-1].parts(0)),
        Topic.SPECS: list(part.spec_parts(T0)),
    }
    found: dict[str, Any] = {kind.value: _size(kind, some) for kind, some in kinds.items()}
    for kind, one in found.items():
        times = {"snapshots": SNAPSHOTS, "specs": 0}.get(kind, DAY_S / SECONDS)
        one["parquet_mb_a_market_and_day"] = (
            one["parquet_bytes"] * one["rows"] * times / markets / 1e6
        )
    state = log.snapshots[-1].state
    found["snapshots"]["state_bytes"] = len(state)
    marks = [mark for made in log.made for mark in made.marks]
    priced = sum(mark.mark is not None for mark in marks) / len(marks)
    return {"markets": markets, "sources": sources, "priced": priced, "kinds": found}


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:3]]
    json.dump(measure(*given), sys.stdout, indent=1)
    sys.stdout.write("\n")
