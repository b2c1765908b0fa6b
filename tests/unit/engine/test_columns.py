"""Which batches are taken as they are, and which are put in order first."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from oracle.engine import columns
from oracle.engine.columns import Gatherer
from oracle.model.fixed import Px
from oracle.model.ticks import Tick, TickBatch, pack

KNOWN = {"a:X": 0, "b:X": 1, "c:X": 2, "d:X": 3}


def _batch(*ticks: tuple[str, int]) -> TickBatch:
    """Return a batch of (source, event time) ticks; the sequence is the time."""
    return pack([Tick(name, at, at, at, last=Px(at, 0)) for name, at in ticks])


def _gathered(gatherer: Gatherer, *batches: TickBatch) -> list[list[tuple[int, int]]]:
    """Return each part's rows as (source number, event time)."""
    return [
        [(int(part.number[n]), int(t)) for n, t in zip(part.source_at, part.event_ns, strict=True)]
        for part in gatherer.gather(batches)
    ]


def _rows(parts: Sequence[list[tuple[int, int]]], source: int) -> list[int]:
    return [at for part in parts for number, at in part if number == source]


def test_batches_of_different_sources_stay_as_they_are():
    """Their order is their own: nothing is looked at twice."""
    gatherer = Gatherer(KNOWN)
    first, second = _batch(("b:X", 5), ("a:X", 9)), _batch(("c:X", 1), ("z:X", 1))
    assert _gathered(gatherer, first, second) == [[(1, 5), (0, 9)], [(2, 1), (-1, 1)]]


def test_a_source_in_two_lists_is_put_in_order():
    """Also when the second list is new, and the first was alone until then."""
    gatherer = Gatherer(KNOWN)
    alone = _batch(("a:X", 9), ("b:X", 9))
    assert _gathered(gatherer, alone) == [[(0, 9), (1, 9)]]
    other = _batch(("c:X", 2), ("a:X", 3))
    parts = _gathered(gatherer, alone, other)
    assert (_rows(parts, 0), len(parts)) == ([3, 9], 1)


def test_a_list_of_two_batches_is_put_in_order():
    """One feed's second batch may hold what is older than its first."""
    gatherer = Gatherer(KNOWN)
    newer, older = _batch(("a:X", 9), ("b:X", 9)), _batch(("a:X", 4), ("b:X", 4))
    assert newer.sources is older.sources
    assert _rows(_gathered(gatherer, newer, older), 1) == [4, 9]


def test_a_source_twice_in_a_batch_is_put_in_order():
    """As ticks of one source follow each other within a batch."""
    gatherer = Gatherer(KNOWN)
    assert _rows(_gathered(gatherer, _batch(("a:X", 9), ("b:X", 1), ("a:X", 4))), 0) == [4, 9]


def test_a_source_named_twice_in_a_list_is_put_in_order():
    """A list is not trusted to name each source once."""
    gatherer = Gatherer(KNOWN)
    packed = _batch(("a:X", 9), ("b:X", 4))
    doubled = TickBatch(("a:X", "a:X"), *_columns(packed))
    assert _rows(_gathered(gatherer, doubled), 0) == [4, 9]


def _columns(batch: TickBatch) -> list[bytes]:
    return [getattr(batch, name) for name in batch.__struct_fields__[1:]]


def test_only_what_may_be_out_of_order_is_sorted():
    """A batch that is alone is passed on as it came, beside those that are sorted."""
    gatherer = Gatherer(KNOWN)
    alone, mixed = _batch(("c:X", 7), ("b:X", 8)), _batch(("a:X", 9), ("a:X", 4))
    assert _gathered(gatherer, alone, mixed) == [[(2, 7), (1, 8)], [(0, 4), (0, 9)]]


def test_lists_that_were_forgotten_are_alone_no_more(monkeypatch: pytest.MonkeyPatch):
    """Within the very step in which the memory is full, too."""
    monkeypatch.setattr(columns, "_MOST_NAMES", 3)
    gatherer = Gatherer(KNOWN)
    newer, older = _batch(("a:X", 9), ("b:X", 9)), _batch(("d:X", 1), ("a:X", 4))
    assert _rows(_gathered(gatherer, newer, older), 0) == [4, 9]
    assert _rows(_gathered(gatherer, newer, older), 0) == [4, 9]
