"""Marks by page, and candles: the same as made from all marks at once."""

from __future__ import annotations

from fractions import Fraction
from itertools import groupby
from pathlib import Path

import pytest

from oracle.archive.history import Candle, History
from oracle.archive.store import Store
from oracle.model.errors import Rejected
from oracle.model.fixed import Px
from oracle.model.messages import Mark
from oracle.model.topics import Topic
from tests.unit.archive.samples import BEGIN_NS, DAY_NS, mark, time_of
from tests.unit.archive.writing import write

MARKS = 300
SECOND_NS = 10**9


@pytest.fixture(params=["folder", "objects"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> History:
    """Marks of two markets in parts of 31."""
    url = str(tmp_path) if request.param == "folder" else f"memory://{tmp_path.name}"
    store = Store(url)
    write(store, Topic.MARKS, [(2 * n, mark(n)) for n in range(MARKS)], rows=31)
    return History(store)


def wanted(market: str) -> list[Mark]:
    """Return all marks of a market."""
    return [made for made in map(mark, range(MARKS)) if made.market == market]


@pytest.mark.parametrize("limit", [1, 7, 149, 150, 1000])
def test_pages_follow_each_other(history: History, limit: int) -> None:
    """Page after page gives every mark once, in order, and the last says that it is."""
    found: list[Mark] = []
    at: int | None = 0
    while at is not None:
        page = history.marks("BTC-USD", at, time_of(MARKS), limit)
        assert len(page.marks) <= limit
        found += page.marks
        at = page.next_ns
    assert found == wanted("BTC-USD")


def test_times_are_from_to_before(history: History) -> None:
    """The first time is in, the last is not; another market's are never."""
    page = history.marks("ETH-USD", time_of(11), time_of(21), 100)
    assert [made.sequence for made in page.marks] == [11, 13, 15, 17, 19]
    assert history.marks("SOL-USD", 0, time_of(MARKS), 100).marks == []


def _exact(price: Px) -> Fraction:
    return price.mantissa * Fraction(10) ** price.exponent


def _expected(market: str, interval_ns: int, begin_ns: int, end_ns: int) -> list[Candle]:
    priced = [(m.time_ns, m.mark) for m in wanted(market) if m.mark is not None]
    inside = [(t, p) for t, p in priced if begin_ns <= t // interval_ns * interval_ns < end_ns]
    made = []
    for at, rows in groupby(inside, key=lambda row: row[0] // interval_ns * interval_ns):
        prices = [price for _, price in rows]
        high, low = max(prices, key=_exact), min(prices, key=_exact)
        made.append(Candle(at, prices[0], high, low, prices[-1], len(prices)))
    return made


@pytest.mark.parametrize("seconds", [1, 3, 60])
def test_candles_are_those_of_the_marks(history: History, seconds: int) -> None:
    """Open, high, low and close over parts' ends; marks without a price make none."""
    interval_ns = seconds * SECOND_NS
    begin_ns = BEGIN_NS // interval_ns * interval_ns
    for from_ns, to_ns in ((begin_ns, begin_ns + 120 * SECOND_NS), (begin_ns + 1, time_of(90))):
        expected = _expected("BTC-USD", interval_ns, from_ns, to_ns)
        assert history.candles("BTC-USD", interval_ns, from_ns, to_ns) == expected


def test_prices_of_other_exponents_compare_by_value(tmp_path: Path) -> None:
    """9.99 is below 10.0, whatever their mantissas are."""
    store = Store(str(tmp_path))
    prices = [Px(10_000_000, -6), Px(99_900_000, -7), Px(10_000_001, -6)]
    marks = [
        (at, Mark(**{f: getattr(mark(2), f) for f in Mark.__struct_fields__} | {
            "time_ns": BEGIN_NS + at, "mark": price
        }))
        for at, price in enumerate(prices)
    ]  # fmt: skip
    write(store, Topic.MARKS, marks, rows=2)
    (candle,) = History(store).candles("BTC-USD", DAY_NS, BEGIN_NS - DAY_NS, BEGIN_NS + 9)
    assert (candle.high, candle.low) == (prices[2], prices[1])


def test_too_much_at_once_is_refused(history: History) -> None:
    """What would take a server minutes is said to be too much."""
    bounded = History(history.store, most_rows=MARKS - 1)
    with pytest.raises(Rejected, match="300 rows would have to be read, at most 299 are"):
        bounded.candles("BTC-USD", SECOND_NS, 0, time_of(MARKS))


def test_settled_is_what_later_marks_are_archived_of(history: History) -> None:
    """A page may be kept by caches only when nothing can come before its end any more."""
    assert not history.is_settled(time_of(MARKS))
    assert history.is_settled(time_of(MARKS) - 700 * SECOND_NS)
