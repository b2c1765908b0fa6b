"""Sentences about what changed."""

from __future__ import annotations

from oracle.cli.demo.happenings import SETTLED_NS, Narrator, Tone
from oracle.model.messages import Control, SourceView
from oracle.model.validity import BreakerState, Validity
from tests.unit.demo.synthetic import START_NS, mark, receipt, view

KRAKEN = "kraken:BTC/USD"


def _tell(*views: SourceView, times: tuple[int, ...] = ()) -> list[str]:
    narrator = Narrator()
    at_ns = times or tuple(step * SETTLED_NS for step in range(len(views)))
    for time_ns, each in zip(at_ns, views, strict=True):
        narrator.mark(mark(time_ns=START_NS + time_ns, sources=(each,)))
    return [happening.text for happening in narrator.told]


def test_an_outlier_is_told_with_its_distance_and_when_it_is_back() -> None:
    """The reason and the distance from the index stand beside the name."""
    good, bad = view(KRAKEN, 65_000), view(KRAKEN, 59_800, "outlier")
    assert _tell(good, bad, bad, good, good) == [
        f"{KRAKEN} thrown out of BTC-USD: outlier (-8.0 %)",
        f"{KRAKEN} back in BTC-USD",
    ]


def test_a_source_that_flickers_is_not_worth_a_line() -> None:
    """A standing that did not last is not told."""
    good, bad = view(KRAKEN, 65_000), view(KRAKEN, None, "stale")
    times = tuple(step * SETTLED_NS // 3 for step in range(6))
    assert _tell(good, bad, bad, good, bad, good, times=times) == []


def test_a_source_that_sends_its_first_tick_is_no_news() -> None:
    """Starting up is not recovery."""
    fresh = view(KRAKEN, 65_000)
    assert _tell(view(KRAKEN, None, "no_data"), fresh, fresh) == []


def test_sources_that_leave_for_one_reason_share_a_line() -> None:
    """A halted conversion takes several out at once."""
    narrator = Narrator()
    names = ("a:BTC/USDT", "b:BTC/USDT", "c:BTC/USDT")
    for step in range(3):
        reason = "conversion_halted" if step else ""
        sources = tuple(view(name, None if step else 1.0, reason) for name in names)
        narrator.mark(mark(time_ns=START_NS + step * SETTLED_NS, sources=sources))
    assert [h.text for h in narrator.told] == [
        "a:BTC/USDT, b:BTC/USDT and 1 more out of BTC-USD: conversion halted"
    ]


def test_the_breaker_is_told_once_with_its_figures() -> None:
    """Validity that the breaker made gets no second line; its end does."""
    narrator = Narrator()
    why = "breaker HALTED: index 512 bps off its average"
    narrator.mark(mark())
    narrator.mark(mark("BTC-USD", START_NS + 1, 1.0, Validity.HALTED, BreakerState.HALTED, why))
    narrator.mark(mark(time_ns=START_NS + 2))
    assert [h.text for h in narrator.told] == [
        "BTC-USD breaker HALTED: index 512 bps off its average",
        "BTC-USD is VALID again",
    ]


def test_a_quorum_that_is_lost_is_told_with_the_engine_s_reason() -> None:
    """MISSING has no breaker behind it."""
    narrator = Narrator()
    narrator.mark(mark())
    missing = (Validity.MISSING, BreakerState.NORMAL, "below quorum: 1 of 3 sources")
    narrator.mark(mark("BTC-USD", START_NS + 1, None, *missing))
    assert narrator.told[-1][1:] == (Tone.BAD, "BTC-USD MISSING: below quorum: 1 of 3 sources")


def test_a_pause_says_who_why_and_for_how_long() -> None:
    """As the audit log does."""
    narrator = Narrator()
    until_ns = START_NS + 60 * 10**9
    narrator.control(Control("source", KRAKEN, True, "rita", "odd", START_NS, until_ns))
    assert narrator.told[-1].text == f"rita paused source {KRAKEN} for 60 s: odd"


def test_of_deliveries_only_the_first_the_refused_and_changed_validity_are_told() -> None:
    """Routine ones would drown the rest."""
    narrator = Narrator()
    for slot, reason in ((1, "first"), (2, "deviation"), (3, "validity")):
        narrator.receipt(receipt("a", slot, START_NS, reason=reason))
    narrator.receipt(receipt("a", 4, START_NS, accepted=False, error="StaleReport(4, 5)"))
    assert [h.text for h in narrator.told] == [
        "a stored its first report in block 1",
        "a stored a report with changed validity in block 3",
        "a refused report 4: StaleReport(4, 5)",
    ]
