"""How long a tick takes to a signed report and to a receipt, exactly, after the fact."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from oracle.bus.interface import Record
from oracle.model.messages import Receipt, SignedReport, StepManifest
from oracle.model.ticks import TickBatch

KEPT_TICKS: Final = 500_000
KEPT_STEPS: Final = 100_000
KEPT_REPORTS: Final = 20_000
KEPT_RECEIPTS: Final = 20_000

_Ints = npt.NDArray[np.int64]


class Latency(NamedTuple):
    """Percentiles in ms. Each is a latency that was measured (nearest rank), never a blend."""

    samples: int
    p50: float | None
    p99: float | None
    max: float | None


class _Batch(NamedTuple):
    partition: int
    offset: int
    received_ns: bytes
    """Little-endian i64, as in `TickBatch`."""


class _Step(NamedTuple):
    time_ns: int
    tick_offsets: dict[int, int]


class _Report(NamedTuple):
    time_ns: int
    slot: int
    signed_ns: int


class LatencyBook:
    """Matches ticks to the reports and receipts that carried them.

    *Containment.* A tick record belongs to the first step whose manifest says that the step took
    the record's partition beyond its offset. A report holds everything of steps up to its
    `time_ns`, so a tick's first report is the earliest one not older than the tick's step.

    *Tick to report* is from the tick's `received_ns` to `signed_ns` of its first report: one sample
    a tick. It includes the wait for the slot, which is part of what a consumer waits.

    *Tick to receipt* is from the same `received_ns` to the `received_ns` of each accepted receipt
    whose slot is that first report's: one sample a tick and chain. Reports that the policy chose
    not to send give none, so this measures the way to the chain, not how often it is taken.

    A tick that no step or report took yet gives no sample. Only the newest ticks, steps, reports
    and receipts are kept (the limits above); what is forgotten is left out, never misattributed.
    """

    def __init__(self, kept_ticks: int = KEPT_TICKS, kept_steps: int = KEPT_STEPS) -> None:
        self._kept_ticks, self._kept_steps = kept_ticks, kept_steps
        self._batches: deque[_Batch] = deque()
        self._ticks = 0
        self._steps: deque[_Step] = deque()
        self._taken_before: dict[int, int] = {}  # by forgotten steps, by partition
        self._reports: deque[_Report] = deque(maxlen=KEPT_REPORTS)
        self._forgotten_report_ns = -1
        self._receipts: deque[Receipt] = deque(maxlen=KEPT_RECEIPTS)

    def add(self, record: Record) -> None:
        """Take the next record of any topic."""
        match record.message:
            case TickBatch() as batch:
                self._add_ticks(_Batch(record.partition, record.offset, batch.received_ns))
            case StepManifest() as step:
                self._steps.append(_Step(step.time_ns, step.tick_offsets))
                if len(self._steps) > self._kept_steps:
                    self._taken_before.update(self._steps.popleft().tick_offsets)
            case SignedReport() as report:
                if len(self._reports) == KEPT_REPORTS:
                    self._forgotten_report_ns = self._reports[0].time_ns
                self._reports.append(_Report(report.time_ns, report.slot, report.signed_ns))
            case Receipt() as receipt if receipt.accepted:
                self._receipts.append(receipt)
            case _:
                pass

    def tick_to_report(self) -> Latency:
        """Return the latency of every kept tick to the signature of its first report."""
        received_ns, at = self._first_reports()
        signed_ns = np.array([report.signed_ns for report in self._reports], np.int64)
        return _latency(signed_ns[at] - received_ns)

    def tick_to_receipt(self, chain: str | None = None) -> Latency:
        """Return the latency to every accepted receipt, of one chain or of all."""
        received_ns, at = self._first_reports()
        slots = [report.slot for report in self._reports]
        by_slot: dict[int, list[int]] = defaultdict(list)
        for receipt in self._receipts:
            if chain is None or receipt.chain == chain:
                by_slot[receipt.slot].append(receipt.received_ns)
        samples = [
            receipt_ns - received_ns[at == number]
            for number, slot in enumerate(slots)
            for receipt_ns in by_slot.get(slot, ())
        ]
        return _latency(np.concatenate(samples) if samples else np.zeros(0, np.int64))

    def _add_ticks(self, batch: _Batch) -> None:
        self._batches.append(batch)
        self._ticks += len(batch.received_ns) // 8
        while self._ticks > self._kept_ticks and len(self._batches) > 1:
            self._ticks -= len(self._batches.popleft().received_ns) // 8

    def _first_reports(self) -> tuple[_Ints, _Ints]:
        """Return `received_ns` of each tick that a report holds, and which report is its first."""
        step_ns = np.array([step.time_ns for step in self._steps], np.int64)
        ends = {
            partition: np.maximum.accumulate(
                np.array([step.tick_offsets.get(partition, 0) for step in self._steps], np.int64)
            )
            for partition in {batch.partition for batch in self._batches}
        }
        received, taken_ns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for batch in self._batches:
            if batch.offset < self._taken_before.get(batch.partition, 0):
                continue
            step = int(np.searchsorted(ends[batch.partition], batch.offset, side="right"))
            if step < len(step_ns) and step_ns[step] > self._forgotten_report_ns:
                times = np.frombuffer(batch.received_ns, "<i8")
                received.append(times)
                taken_ns.append(np.full(len(times), step_ns[step]))
        report_ns = np.array([report.time_ns for report in self._reports], np.int64)
        at = np.searchsorted(report_ns, np.concatenate(taken_ns), side="left")
        held = at < len(report_ns)
        return np.concatenate(received)[held], at[held]


def _latency(samples_ns: _Ints) -> Latency:
    if not len(samples_ns):
        return Latency(0, None, None, None)
    p50, p99, top = np.percentile(samples_ns, [50, 99, 100], method="inverted_cdf") / 1e6
    return Latency(
        len(samples_ns), round(float(p50), 3), round(float(p99), 3), round(float(top), 3)
    )
