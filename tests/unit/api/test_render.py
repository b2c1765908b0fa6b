"""What a mark becomes when it is read too late, or by a clock that is behind."""

from __future__ import annotations

import pytest

from oracle.api.render import render_mark
from oracle.model.validity import Validity
from tests.unit.api.samples import NOW_MS, mark

MAX_AGE_MS = 5_000


def test_a_fresh_mark_keeps_its_prices_as_text() -> None:
    """Prices are exact decimal text; ratios are in bps."""
    answer = render_mark(mark(), NOW_MS * 10**6 + 10**9, MAX_AGE_MS)
    assert (answer.index, answer.mark, answer.twap) == ("65123.40", "65123.40", "65123.40")
    assert (answer.conf_bps, answer.premium_bps) == (1.5, -0.25)
    assert (answer.age_ms, answer.validity, answer.reason) == (1_000, Validity.VALID, "")


def test_the_refused_sources_are_shown_with_their_reason() -> None:
    """A consumer sees who was not counted, and why."""
    used, refused = render_mark(mark(), NOW_MS * 10**6, MAX_AGE_MS).sources
    assert (used.source, used.price, used.used) == ("binance:BTC/USDT", "65123.40", True)
    assert (refused.price, refused.used, refused.reason) == (None, False, "crossed")


@pytest.mark.parametrize(
    ("now_ms", "stale"),
    [
        (NOW_MS + MAX_AGE_MS, False),
        (NOW_MS + MAX_AGE_MS + 1, True),
        (NOW_MS - 1_000, False),
        (NOW_MS - 1_001, True),
    ],
)
def test_a_mark_is_stale_beyond_its_age_or_ahead_of_the_clock(now_ms: int, stale: bool) -> None:
    """The bounds themselves are fresh; one ms beyond is STALE and has no price."""
    answer = render_mark(mark(), now_ms * 10**6, MAX_AGE_MS)
    assert (answer.validity is Validity.STALE) is stale
    assert (answer.mark is None) is stale
    assert (answer.index is None) is stale
    assert (answer.twap is None) is stale
    assert ("stale" in answer.reason) is stale


@pytest.mark.parametrize("worse", [Validity.HALTED, Validity.MISSING])
def test_age_never_makes_a_mark_look_better(worse: Validity) -> None:
    """A halted mark that is old stays HALTED, and says both reasons."""
    answer = render_mark(mark(validity=worse), (NOW_MS + 60_000) * 10**6, MAX_AGE_MS)
    assert answer.validity is worse
    assert answer.reason == f"made {worse.name} by a test; stale: 60.0 s old, at most 5 s allowed"
