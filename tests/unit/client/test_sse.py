"""Server-sent events: whatever way the bytes are cut, the same events come."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.client.sse import EventParser, SentEvent
from oracle.model.errors import Rejected

STREAM = (
    ": ping\n\n"
    'event: mark\ndata: {"a":1}\n\n'
    "data: one\r\ndata: two\r\nid: 7\r\n\r\n"
    "event: report\rdata:x\rretry: 5\r\r"
    "event: without data\n\n"
    "data\n\n"
    "data: ü\n\n"
).encode()
EVENTS = [
    SentEvent("mark", '{"a":1}'),
    SentEvent("message", "one\ntwo"),
    SentEvent("report", "x"),
    SentEvent("message", ""),
    SentEvent("message", "ü"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
def test_events_do_not_depend_on_how_the_bytes_are_cut(cuts: list[int]) -> None:
    """Every line end, comment and field of the specification, in any chunks."""
    places = [0, *sorted(cuts), len(STREAM)]
    parser = EventParser()
    seen: list[SentEvent] = []
    for start, end in pairwise(places):
        seen += parser.feed(STREAM[start:end])
    assert seen == EVENTS


@given(st.lists(st.binary(max_size=64), max_size=20))
def test_no_bytes_break_the_parser(chunks: list[bytes]) -> None:
    """Anything at all gives events or nothing."""
    parser = EventParser()
    for chunk in chunks:
        for event in parser.feed(chunk):
            assert "\r" not in event.kind


@pytest.mark.parametrize("chunk", [b"x" * 60, b"data: " + b"y" * 60 + b"\n"])
def test_an_endless_event_is_refused(chunk: bytes) -> None:
    """A server cannot fill a consumer's memory, with one line or with many."""
    parser = EventParser(max_event_bytes=100)
    parser.feed(chunk)
    with pytest.raises(Rejected, match="more than 100 bytes"):
        parser.feed(chunk)
