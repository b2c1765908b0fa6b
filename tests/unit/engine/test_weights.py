"""What each source weighs: origins, volume, depth, caps (docs/engine.md, 4).

A breaker says which share of the weight converts through a market that is not NORMAL: the sources
whose share is asked for convert through one that leaves its peg in the last step.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest

from oracle.engine.spec import OutlierSpec, PegSpec, SourceSpec, Weighting, WeightSpec
from oracle.model.fixed import px_exact
from oracle.model.ticks import Tick
from tests.engine_builders import BREAKER, S, after, batch, engine, market, source, trade

LOOSE = OutlierSpec(5.0, 1_000.0, 1_000.0)
RATE = market(
    "T-USD",
    [source("k:T"), source("c:T")],
    1,
    breaker=replace(BREAKER, deviations=(), peg=PegSpec(1.0, 1.0, 9_999.0)),
)
WATCHED = replace(BREAKER, deviations=(), conversion_guarded_share=1e-12)
WINDOW = 10 * S
VOLUME, DEPTH = WeightSpec(Weighting.VOLUME, WINDOW), WeightSpec(Weighting.DEPTH, WINDOW)


def _said(name: str, at_s: float, *, traded: str = "", book: str = "", price: str = "100") -> Tick:
    """Return a locked quote, with a trade of a size, or the smaller size of the book."""
    at, px = after(at_s), px_exact(price)
    made = {"bid": px, "ask": px}
    if traded:
        made |= {"last": px, "last_size": px_exact(traded)}
    if book:
        made |= {"bid_size": px_exact(book), "ask_size": px_exact(f"{3 * float(book):g}")}
    return Tick(name, round(at_s * 1_000), at, at, **made)


def _share(
    of: Collection[str], sources: Sequence[SourceSpec], rules: WeightSpec, *steps: Sequence[Tick]
) -> float:
    """Return some sources' share of the weight after steps a second apart, the first at 1 s.

    Without steps each source says 100 once.
    """
    entries = [replace(each, edge="T-USD") if each.source in of else each for each in sources]
    watched = market("X-USD", entries, breaker=WATCHED, weights=rules, outlier=LOOSE)
    made = engine([RATE], [watched])
    steps = steps or ([_said(entry.source, 1) for entry in entries],)
    for second, ticks in enumerate(steps, 1):
        rate = "1.001" if second == len(steps) else "1"
        rates = [trade(name, rate, at_s=second, sequence=second) for name in ("k:T", "c:T")]
        marks = made.step(batch(*ticks, *rates), [], after(second))
    return next(event.figure for event in marks.events if event.market == "X-USD")


def _sources(*weights: float, **changes: object) -> list[SourceSpec]:
    return [source(f"{chr(97 + n)}:X", weight=w, **changes) for n, w in enumerate(weights)]


def _traded(*sizes: str) -> list[Tick]:
    return [_said(f"{chr(97 + n)}:X", 1, traded=size) for n, size in enumerate(sizes)]


def test_the_configured_weight_is_a_share():
    """Three, one and two thirds of one."""
    assert _share(["a:X"], _sources(3.0, 1.0, 2 / 3), WeightSpec()) == pytest.approx(9 / 14)


def test_an_origin_has_one_say_however_many_feeds_it_has():
    """Three feeds of one venue weigh what one feed of another does."""
    evil = [source(f"evil:{n}") for n in range(3)]
    sources = [*evil, source("b:X"), source("c:X")]
    assert _share({s.source for s in evil}, sources, WeightSpec()) == pytest.approx(1 / 3)
    assert _share(["evil:1"], sources, WeightSpec()) == pytest.approx(1 / 9)


def test_only_admitted_feeds_share_their_origins_say():
    """When one of two feeds is silent the other has the whole say."""
    sources = [source("evil:1"), source("evil:2"), source("b:X"), source("c:X")]
    ticks = [_said(name, 1) for name in ("evil:1", "b:X", "c:X")]
    assert _share(["evil:1"], sources, WeightSpec(), ticks) == pytest.approx(1 / 3)


def test_volume_multiplies_by_its_ratio_to_the_mean():
    """1, 1 and 4 have a mean of 2: half, half and double."""
    assert _share(["c:X"], _sources(1, 1, 1), VOLUME, _traded("1", "1", "4")) == pytest.approx(
        2 / 3
    )
    assert _share(["c:X"], _sources(1, 1, 3), VOLUME, _traded("1", "1", "4")) == pytest.approx(
        6 / 7
    )


def test_no_volume_weighs_more_than_eightfold_or_less_than_an_eighth():
    """Of twenty sources one trades all: 8 against nineteen eighths."""
    sizes = ["1e9", *["1"] * 19]
    share = _share(["a:X"], _sources(*[1.0] * 20), VOLUME, _traded(*sizes))
    assert share == pytest.approx(8 / (8 + 19 / 8))


def test_who_has_no_figure_weighs_an_eighth_and_is_not_in_the_mean():
    """Two trade 2 and 4, mean 3; the third only quotes."""
    share = _share(["c:X"], _sources(1, 1, 1), VOLUME, _traded("2", "4", ""))
    assert share == pytest.approx((1 / 8) / (2 / 3 + 4 / 3 + 1 / 8), rel=1e-5)


def test_where_nobody_has_a_figure_all_weigh_the_same():
    """Trade-only and quote-only feeds have no sizes: no division by nothing."""
    assert _share(["a:X"], _sources(1, 1, 1, 1), VOLUME) == pytest.approx(1 / 4)


def test_who_is_not_admitted_is_not_in_the_mean():
    """A paused or stale giant does not push the others to their floor."""
    silent = [_said("a:X", 1, traded="1e6")]
    rest = [[] for _ in range(10)]
    last = [_said("b:X", 12, traded="1"), _said("c:X", 12, traded="3")]
    share = _share(["c:X"], _sources(1, 1, 1), VOLUME, silent, *rest, last)
    assert share == pytest.approx(3 / 4)


def test_volume_decays_over_its_window():
    """What was traded one window ago counts 1/e; now it is traded again."""
    first = _traded("10", "10", "10")
    last = [
        _said("a:X", 11, traded="5"),
        _said("b:X", 11, traded="10"),
        _said("c:X", 11, traded="9"),
    ]
    volumes = [10 * math.exp(-1) + size for size in (5, 10, 9)]
    share = _share(["a:X"], _sources(1, 1, 1), VOLUME, first, *[[]] * 9, last)
    assert share == pytest.approx(volumes[0] / sum(volumes), rel=1e-5)


def test_volume_decays_for_those_who_trade_no_more():
    """Who bought the weight once and now only quotes has lost it after some windows."""
    first = _traded("1000", "1", "1")
    quiet = [
        [_said("a:X", n), _said("b:X", n, traded="1"), _said("c:X", n, traded="1")]
        for n in range(2, 90)
    ]
    share = _share(["a:X"], _sources(1, 1, 1), VOLUME, first, *quiet)
    assert share < 0.05


def test_a_repeated_trade_is_counted_once():
    """A duplicate changes no volume, and neither does a trade that comes again beside a quote."""
    again = [_said("a:X", 1, traded="1")]
    share = _share(["a:X"], _sources(1, 1, 1), VOLUME, _traded("1", "1", "1"), again, again)
    assert share == pytest.approx(1 / 3, rel=1e-5)


def test_depth_is_the_average_of_the_smaller_side():
    """10 for a while, then for one window 20, 10 and 5: 10/e + 20 (1 - 1/e), and so on."""
    first = [_said(f"{name}:X", 1, book="10") for name in "abc"]
    sizes = {"a": 20, "b": 10, "c": 5}
    last = [_said(f"{name}:X", 11, book=f"{size}") for name, size in sizes.items()]
    depths = [10 * math.exp(-1) + size * (1 - math.exp(-1)) for size in sizes.values()]
    share = _share(["a:X"], _sources(1, 1, 1), DEPTH, first, *[[]] * 9, last, *[[]] * 10)
    assert share == pytest.approx(depths[0] / sum(depths), rel=1e-5)


def test_the_first_depth_stands_for_all_before_it():
    """A source that has just begun weighs by what it says, and not by nothing."""
    said = [_said(f"{name}:X", 1, book=size) for name, size in (("a", "2"), ("b", "1"), ("c", "1"))]
    assert _share(["a:X"], _sources(1, 1, 1), DEPTH, said) == pytest.approx(1 / 2, rel=1e-5)


def test_a_late_quote_beside_news_is_no_depth():
    """A tick whose trade is news but whose quote is older than the one held."""
    first = [_said(f"{name}:X", 1, book="1") for name in "abc"]
    held = [_said("a:X", 3, book="1")]
    late = [_said("a:X", 2, traded="1", book="1000")]
    steps = (first, [], held, late, *[[]] * 6)
    share = _share(["a:X"], _sources(1, 1, 1), DEPTH, *steps)
    assert share == pytest.approx(1 / 3, rel=1e-5)


def test_a_flash_of_depth_weighs_by_the_time_it_stood():
    """A thousandfold book for a millisecond, after a quiet while, is no thousandfold depth."""
    first = [_said(f"{name}:X", 1, book="1") for name in "abc"]
    flash = [_said("a:X", 10.9, book="1000"), _said("a:X", 10.901, book="1")]
    share = _share(["a:X"], _sources(1, 1, 1), DEPTH, first, *[[]] * 9, flash)
    assert share == pytest.approx(1 / 3, rel=0.2)


def test_zero_sizes_are_no_sizes():
    """A book without size and a trade of nothing leave the figures as they were."""
    ticks = _traded("1", "1", "1")
    zero = [_said("a:X", 2, traded="0")]
    assert _share(["a:X"], _sources(1, 1, 1), VOLUME, ticks, zero) == pytest.approx(1 / 3, rel=0.1)


@pytest.mark.parametrize(
    ("weights", "cap", "shares"),
    [
        ((5, 1, 1, 1), 0.3, (0.3, 0.7 / 3, 0.7 / 3, 0.7 / 3)),
        ((0.9, 0.09, 0.01), 0.4, (0.4, 0.4, 0.2)),
        ((0.9, 0.09, 0.01), 1 / 3, (1 / 3, 1 / 3, 1 / 3)),
        ((3, 1), 0.4, (0.5, 0.5)),
        ((3, 1), 0.5, (0.5, 0.5)),
        ((1, 1, 1), 0.35, (1 / 3, 1 / 3, 1 / 3)),
        ((6, 4, 3, 2, 1), 0.25, (0.25, 0.25, 0.25, 0.5 / 3, 0.25 / 3)),
        ((6, 4, 3, 2, 1), 1.0, (6 / 16, 4 / 16, 3 / 16, 2 / 16, 1 / 16)),
    ],
)
def test_caps_fill_like_water(weights, cap, shares):
    """Labels above get the cap, who then is above it too; where it cannot hold, all are equal."""
    sources = _sources(*weights)
    for each, expected in zip(sources, shares, strict=True):
        capped = _share([each.source], sources, WeightSpec(origin_cap=cap))
        assert capped == pytest.approx(expected, rel=1e-5)
    grouped = [replace(each, group=each.source) for each in sources]
    for each, expected in zip(sources, shares, strict=True):
        capped = _share([each.source], grouped, WeightSpec(group_cap=cap))
        assert capped == pytest.approx(expected, rel=1e-5)


def test_a_cap_is_of_the_origin_not_of_its_feeds():
    """Two feeds of one origin share what the cap leaves it."""
    sources = [
        source("evil:1", weight=9.0),
        source("evil:2", weight=9.0),
        *_sources(1, 1, 1),
    ]
    rules = WeightSpec(origin_cap=0.4)
    assert _share(["evil:1", "evil:2"], sources, rules) == pytest.approx(0.4, rel=1e-5)
    assert _share(["evil:2"], sources, rules) == pytest.approx(0.2, rel=1e-5)


def test_where_a_cap_cannot_hold_labels_are_equal_and_not_feeds():
    """Two origins cannot have 40 % each: half for the two feeds of one, half for the other."""
    sources = [source("evil:1", weight=9.0), source("evil:2", weight=3.0), source("b:X")]
    rules = WeightSpec(origin_cap=0.4)
    assert _share(["b:X"], sources, rules) == pytest.approx(1 / 2, rel=1e-5)
    assert _share(["evil:1"], sources, rules) == pytest.approx(3 / 8, rel=1e-5)


def test_a_cap_is_of_the_weight_that_is_admitted():
    """With a source silent the others' shares grow, and the cap holds again."""
    sources = _sources(3, 3, 1, 1, 1)
    ticks = [_said(f"{name}:X", 1) for name in "bcde"]
    assert _share(["b:X"], sources, WeightSpec(origin_cap=0.4), ticks) == pytest.approx(0.4)


def test_a_group_of_four_cannot_outweigh_a_group_of_one():
    """All that quote in one currency have no more than half together."""
    grouped = [replace(each, group="T") for each in _sources(1, 1, 1, 1)]
    sources = [*grouped, source("e:X", group="USD")]
    share = _share({each.source for each in grouped}, sources, WeightSpec(group_cap=0.5))
    assert share == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize("size", ["1", "1e3", "1e9", "1e15"])
def test_one_giant_wash_trader_does_not_exceed_the_cap(size):
    """Whatever it trades with itself, a quarter is a quarter."""
    rules = WeightSpec(Weighting.VOLUME, WINDOW, origin_cap=0.25)
    sizes = [size, "2", "2", "1", "3"]
    share = _share(["a:X"], _sources(*[1.0] * 5), rules, _traded(*sizes))
    assert share <= 0.25


def test_the_group_cap_does_not_lift_an_origin_above_its_own():
    """They take turns and the origins' has the last word: it holds, the group's to a hundredth."""
    grouped = [replace(each, group="T") for each in _sources(*[0.15] * 4)]
    sources = [
        *grouped,
        source("x:X", weight=0.1, group="USD"),
        source("y:X", weight=0.3, group="USD"),
    ]
    rules = WeightSpec(origin_cap=0.35, group_cap=0.5)
    assert _share({each.source for each in grouped}, sources, rules) <= 0.51
    assert _share(["y:X"], sources, rules) <= 0.35


@pytest.mark.parametrize("by", ["traded", "book"])
def test_the_order_of_the_configuration_has_no_say_in_the_last_unit(by):
    """1 + 2 = 3 in any order: the sum of decimals must not decide a tie between two prices."""
    rules = {"traded": VOLUME, "book": DEPTH}[by]
    said = {"a:X": ("0.01", "100"), "b:X": ("0.02", "101"), "c:X": ("0.03", "102")}
    ticks = [_said(name, 1, price=price, **{by: size}) for name, (size, price) in said.items()]
    found = set()
    for names in itertools.permutations(said):
        entries = [source(name) for name in names]
        made = engine([market("X-USD", entries, weights=rules, outlier=LOOSE)])
        found.add(float(made.step(batch(*ticks), [], after(1)).index[0]))
    assert len(found) == 1
