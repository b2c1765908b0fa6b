"""Collects messages of one partition and makes a part of them: rows, and their manifest. Pure."""

from __future__ import annotations

import io
from hashlib import sha256
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from oracle.archive import batches, messages
from oracle.archive.layout import Part, Place, file_of, log_digest
from oracle.model.messages import SCHEMA_VERSION, Message, encode
from oracle.model.ticks import TickBatch
from oracle.model.topics import Topic

_TIME: Final = {
    Topic.STEPS: "time_ns",
    Topic.MARKS: "time_ns",
    Topic.REPORTS: "time_ns",
    Topic.ROUNDS: "time_ns",
    Topic.RECEIPTS: "received_ns",
    Topic.CONTROLS: "issued_ns",
    Topic.AUDIT: "time_ns",
    Topic.SNAPSHOTS: "time_ns",
    Topic.SPECS: "time_ns",
}
NO_TIME: Final = 0
"""Of a batch without ticks."""
_ROW_GROUP: Final = 1 << 16
_I64: Final = np.dtype("<i8")


class Weight(NamedTuple):
    """What a message adds to a part."""

    rows: int
    size: int
    """On the bus, in bytes, or nearly."""
    min_time_ns: int
    max_time_ns: int


class Sealed(NamedTuple):
    """A part to write."""

    part: Part
    data: bytes


def weigh(kind: Topic, message: Message) -> Weight:
    """Return a message's rows, size and times."""
    if isinstance(message, TickBatch):
        size = sum(len(column) for column in _columns(message))
        if not len(message):
            return Weight(1, size, NO_TIME, NO_TIME)
        times = np.frombuffer(message.received_ns, _I64)
        return Weight(len(message), size, int(times.min()), int(times.max()))
    time_ns: int = getattr(message, _TIME[kind])
    return Weight(1, len(encode(message)), time_ns, time_ns)


def _columns(batch: TickBatch) -> list[bytes]:
    fields = (getattr(batch, name) for name in batch.__struct_fields__)
    return [value for value in fields if isinstance(value, bytes)]


class OpenPart:
    """Messages of one partition and day, by rising offset, not yet written."""

    def __init__(
        self, log: str, kind: Topic, partition: int, day: str, begin_offset: int, opened_s: float
    ) -> None:
        self.log, self.kind, self.partition, self.day = log, kind, partition, day
        self.begin_offset, self.opened_s = begin_offset, opened_s
        self.rows = self.size = 0
        self._min_ns = self._max_ns = 0
        self._messages: Final[list[tuple[int, Any]]] = []

    def add(self, offset: int, message: Message, weight: Weight) -> None:
        """Append a message."""
        self._messages.append((offset, message))
        self.rows += weight.rows
        self.size += weight.size
        if weight.max_time_ns != NO_TIME:
            self._min_ns = min(self._min_ns or weight.min_time_ns, weight.min_time_ns)
            self._max_ns = max(self._max_ns or weight.max_time_ns, weight.max_time_ns)

    @property
    def end_offset(self) -> int:
        """The offset after its last message."""
        return self._messages[-1][0] + 1

    def seal(self, now_ns: int) -> Sealed:
        """Return the part as it is to be written; the same however often it is called."""
        table = self._table()
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd", row_group_size=_ROW_GROUP)
        data = sink.getvalue()
        digest = sha256(data).hexdigest()
        place = Place(
            self.kind,
            self.day,
            self.partition,
            log_digest(self.log),
            self.begin_offset,
            self.end_offset,
        )
        part = Part(
            file=file_of(place, digest),
            kind=self.kind,
            log=self.log,
            partition=self.partition,
            begin_offset=self.begin_offset,
            end_offset=self.end_offset,
            first_offset=self._messages[0][0],
            last_offset=self._messages[-1][0],
            messages=len(self._messages),
            rows=table.num_rows,
            size=len(data),
            sha256=digest,
            schema_version=SCHEMA_VERSION,
            min_time_ns=self._min_ns,
            max_time_ns=self._max_ns,
            written_ns=now_ns,
        )
        return Sealed(part, data)

    def _table(self) -> pa.Table:
        if self.kind is Topic.TICKS:
            return batches.table_of(self.log, self._messages)
        return messages.table_of(self.kind, self.log, self._messages)
