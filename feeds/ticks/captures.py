"""Captured messages, one a line, to tables of ticks.

Three layouts are told apart line by line: `<receive time> <message>`, as hftbacktest's collectors
write, the time in s, ms, us or ns; cryptofeed's entries, `{"t": "recv", "ts": <s>, "data": "…"}`;
and a bare message, which states no receive time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
import pyarrow as pa

from feeds.ticks.formats.format import NUMBERS, CaptureFormat, Message, Refuse, Seen, ticks_table
from feeds.ticks.formats.options import Options
from feeds.ticks.symbols import is_source
from feeds.ticks.times import MAX_NS, parse_unix_ns

_LONGEST_STAMP: Final = 20
_LATEST_S: Final = Decimal(MAX_NS) / 10**9

_Row = tuple[Any, ...]


class _Entry(msgspec.Struct):
    """A line of cryptofeed's: `t` is `recv` for what was received."""

    t: str
    ts: Decimal = Decimal(0)
    conn: str = ""
    data: str = ""


_ENTRY: Final = msgspec.json.Decoder(_Entry)


class Capture:
    """One file's messages to ticks. What gives none is counted by `refuse`."""

    def __init__(self, kind: CaptureFormat, options: Options, refuse: Refuse) -> None:
        self._venue: Final = kind.venue
        self._time_ns: Final = options.time_ns
        self._count: Final = refuse
        self._refusals = 0
        self._parse: Final = kind.parser(options, self._refuse)

    def table(self, lines: Sequence[bytes]) -> Any:
        """Return the ticks of some lines, in their order."""
        rows = [row for line in lines for row in self._rows(line)]
        columns = list(zip(*rows, strict=True)) or [()] * (3 + len(NUMBERS))
        texts = [pa.array(column, pa.string()) for column in columns[2:]]
        numbers = dict(zip(NUMBERS, texts[1:], strict=True))
        return ticks_table(columns[0], columns[1], texts[0], **numbers)

    def _refuse(self, source: str, reason: str) -> None:
        self._refusals += 1
        self._count(source, reason)

    def _rows(self, line: bytes) -> Iterator[_Row]:
        refusals = self._refusals
        try:
            message = _message(line)
            if message is None or not message.data:
                self._refuse(self._venue, "not_a_message")
                return
            seen = tuple(self._parse(message))
        except (msgspec.MsgspecError, RecursionError):
            self._refuse(self._venue, "malformed_message")
            return
        if not seen and self._refusals == refusals:
            self._refuse(self._venue, "other_message")
        yield from self._stamped(seen, message.received_ns or self._time_ns)

    def _stamped(self, seen: Iterable[Seen], received_ns: int) -> Iterator[_Row]:
        """Give each its two times; where only one is stated it is both."""
        for each in seen:
            ours_ns = each.received_ns or received_ns or each.event_ns or 0
            event_ns = ours_ns if each.event_ns is None else each.event_ns
            if not is_source(each.source):
                self._refuse(self._venue, "unknown_symbol")
            elif not ours_ns:
                self._refuse(each.source, "no_time")
            elif not (0 < ours_ns <= MAX_NS and 0 < event_ns <= MAX_NS):
                self._refuse(each.source, "malformed_time")
            elif not all(text is None or text.isascii() for text in each[3:]):
                self._refuse(each.source, "malformed")
            else:
                yield ours_ns, event_ns, each.source, *each[3:]


def _message(line: bytes) -> Message | None:
    """Return a line's message; None where it is not one that was received."""
    stamp, space, _ = line[:_LONGEST_STAMP].partition(b" ")
    if space and stamp.isdigit():
        return Message(parse_unix_ns(stamp.decode()) or -1, line[len(stamp) + 1 :])
    try:
        entry = _ENTRY.decode(line)
    except msgspec.ValidationError:
        return Message(0, line)
    if entry.t != "recv":
        return None
    stated = entry.ts.is_finite() and 0 < entry.ts <= _LATEST_S
    return Message(int(entry.ts * 10**9) if stated else -1, entry.data.encode(), entry.conn)
