"""`summary.json`: what a run came to, in a shape that is checked before it is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from oracle.cli.demo.latency import Latency
from oracle.cli.demo.proven import Proven
from oracle.cli.demo.recorder import ChainRecord, Recorder
from oracle.model.fixed import Px, float_nearest
from oracle.model.messages import Mark
from relayer.held import HeldMark


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON object with these keys and no others. Missing is null."""


class Percentiles(_Part, frozen=True):
    """A latency in ms."""

    samples: int
    p50: float | None
    p99: float | None
    max: float | None


class Latencies(_Part, frozen=True):
    """From a tick received; `oracle.cli.demo.latency` defines both."""

    tick_to_report: Percentiles
    tick_to_receipt: Percentiles


class StoredMark(_Part, frozen=True):
    """What a contract holds for a market."""

    price: float | None
    age_s: float
    validity: str


class Chain(_Part, frozen=True):
    """One chain's deliveries, and the marks read back from its contract."""

    name: str
    kind: str
    chain_id: int
    updates: int
    failed: int
    gas_per_update: float | None
    """Mean gas of an accepted update."""
    tick_to_receipt_ms: Percentiles
    markets: dict[str, StoredMark]


class Market(_Part, frozen=True):
    """The last mark of one market."""

    index: float | None
    mark: float | None
    validity: str
    reason: str
    state: str
    sources_used: int
    """Spot sources that count for the quorum."""
    used: list[str]
    """Every source that counts, perpetuals included."""
    rejected: dict[str, str]
    """Source to reason, now."""
    rejected_s: dict[str, dict[str, float]]
    """Source to reason to seconds, over the run."""


class Act(_Part, frozen=True):
    """One act of the story."""

    t_s: float
    event: str
    observed: str
    ok: bool


class Summary(_Part, frozen=True):
    """The whole file."""

    seconds: float
    seed: int | None
    ticks: int
    ticks_rejected: dict[str, int]
    reports: int
    latency_ms: Latencies
    chains: list[Chain]
    markets: dict[str, Market]
    story: list[Act]
    as_told: bool
    """Whether every act was observed as told."""
    proof: Proven | None
    """Of the story's last act."""


def summarise(
    recorder: Recorder,
    *,
    seconds: float,
    seed: int | None,
    read_back: Mapping[str, Mapping[str, HeldMark]],
    proof: Proven | None = None,
) -> Summary:
    """Sum up a run. `read_back` is each contract's latest mark, by chain and market, read now."""
    now_ms = recorder.now_ns() / 1e6
    return Summary(
        seconds=round(seconds, 3),
        seed=seed,
        ticks=recorder.ticks,
        ticks_rejected=dict(sorted(recorder.rejected_ticks.items())),
        reports=recorder.reports,
        latency_ms=Latencies(
            _percentiles(recorder.latencies.tick_to_report()),
            _percentiles(recorder.latencies.tick_to_receipt()),
        ),
        chains=[
            _chain(recorder, chain, read_back.get(name, {}), now_ms)
            for name, chain in recorder.chains.items()
        ],
        markets={
            mark.market: _market(recorder, mark)
            for mark in sorted(recorder.marks.values(), key=lambda mark: mark.number)
        },
        story=[Act(*event) for event in recorder.story],
        as_told=all(event.ok for event in recorder.story),
        proof=proof,
    )


def encode(summary: Summary) -> bytes:
    """Return the JSON text, after reading it back strictly.

    Raises:
        msgspec.ValidationError: a value is not of its field's type; a defect of the caller's.
    """
    data = msgspec.json.format(msgspec.json.encode(summary), indent=2)
    msgspec.json.decode(data, type=Summary, strict=True)
    return data + b"\n"


def write_summary(path: Path, summary: Summary) -> None:
    """Write `summary.json`.

    Raises:
        OSError: the file cannot be written.
    """
    path.write_bytes(encode(summary))


def _chain(
    recorder: Recorder, chain: ChainRecord, held: Mapping[str, HeldMark], now_ms: float
) -> Chain:
    gas = chain.gas_per_update
    return Chain(
        name=chain.info.name,
        kind=chain.info.kind,
        chain_id=chain.info.chain_id,
        updates=chain.updates,
        failed=chain.failed,
        gas_per_update=None if gas is None else round(gas, 1),
        tick_to_receipt_ms=_percentiles(recorder.latencies.tick_to_receipt(chain.info.name)),
        markets={
            market: StoredMark(
                _number(mark.price), round((now_ms - mark.time_ms) / 1e3, 3), mark.validity.name
            )
            for market, mark in held.items()
        },
    )


def _market(recorder: Recorder, mark: Mark) -> Market:
    used = [view.source for view in mark.sources if view.used]
    refused_ns = recorder.series[mark.market].refused_ns
    return Market(
        index=_number(mark.index),
        mark=_number(mark.mark),
        validity=mark.validity.name,
        reason=mark.reason,
        state=mark.state.name,
        sources_used=sum(source not in recorder.perps for source in used),
        used=used,
        rejected={view.source: view.reason for view in mark.sources if not view.used},
        rejected_s={
            source: {reason: round(time_ns / 1e9, 3) for reason, time_ns in reasons.items()}
            for source, reasons in sorted(refused_ns.items())
        },
    )


def _percentiles(latency: Latency) -> Percentiles:
    return Percentiles(*latency)


def _number(price: Px | None) -> float | None:
    return None if price is None else float_nearest(price)
