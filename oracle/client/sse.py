"""Server-sent events: bytes to events, by the WHATWG specification, with a bound."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from oracle.model.errors import Rejected

MAX_EVENT_BYTES: Final = 4 * 2**20

_LINE_END = re.compile(rb"\r\n|\n|\r(?=.)", re.DOTALL)  # a final CR may be half of a CRLF


class SentEvent(NamedTuple):
    """One event."""

    kind: str
    data: str


class EventParser:
    """Takes bytes as they come and gives the events that they complete."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max: Final = max_event_bytes
        self._rest = b""
        self._kind = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[SentEvent]:
        """Return the events that end in `chunk`.

        Raises:
            Rejected: an event larger than the bound.
        """
        *lines, self._rest = _LINE_END.split(self._rest + chunk)
        events = []
        for line in lines:
            event = self._line(line.decode(errors="replace"))
            if event is not None:
                events.append(event)
        if self._size + len(self._rest) > self._max:
            raise Rejected(f"the server sent an event of more than {self._max} bytes")
        return events

    def _line(self, line: str) -> SentEvent | None:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                self._data.append(value)
                self._size += len(value)
            elif name == "event":
                self._kind = value
            return None
        event = SentEvent(self._kind or "message", "\n".join(self._data)) if self._data else None
        self._kind, self._data, self._size = "", [], 0
        return event
