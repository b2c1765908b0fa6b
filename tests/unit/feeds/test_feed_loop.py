"""The connection loop: reconnects, numbering, progress, losses, against a scripted adapter."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from feeds.base import Feed, Pace
from feeds.metrics import FeedMetrics
from feeds.quote import Quote, Refused, funding_e12_half_even, px_from_text
from oracle.model.errors import ConfigError, Fatal, Retryable
from oracle.model.fixed import Px
from oracle.model.ticks import Tick, pack

Script = Callable[["ScriptedFeed"], Awaitable[None]]
SOURCE = "venue:BTC/USD"


def quote(source: str = SOURCE, received_ns: int = 1_000, price: int = 1) -> Quote:
    """Make a quote with only a bid."""
    return Quote(source, received_ns, bid=Px(price, 0))


class ScriptedFeed(Feed):
    """Plays one script a connection; after the last one it stays connected and silent."""

    def __init__(self, *scripts: Script, pace: Pace | None = None) -> None:
        self.registry = CollectorRegistry()
        self.slept_s: list[float] = []
        self.published: list[Tick] = []
        self._scripts = iter(scripts)
        super().__init__(
            "scripted",
            [SOURCE],
            now_ns=itertools.count(1).__next__,
            metrics=FeedMetrics(self.registry),
            pace=pace or Pace(idle_s=5.0),
            uniform=lambda: 0.0,
            sleep=self._note_sleep,
        )

    async def _note_sleep(self, delay_s: float) -> None:
        self.slept_s.append(delay_s)
        await asyncio.sleep(0)

    async def read(self) -> None:
        script = next(self._scripts, None)
        if script is None:
            await asyncio.Event().wait()
        else:
            await script(self)

    async def take(self, ticks: Sequence[Tick]) -> None:
        self.published.extend(ticks)

    def value(self, metric: str, **labels: str) -> float:
        return self.registry.get_sample_value(metric, labels) or 0.0


async def run_until(feed: ScriptedFeed, done: Callable[[], bool]) -> None:
    """Run the feed until a condition holds, for at most ten seconds."""
    task = asyncio.create_task(feed.run(feed.take))
    try:
        async with asyncio.timeout(10):
            while not done():
                assert not task.done()
                await asyncio.sleep(0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def delivers(*quotes: Quote, then: Exception | None = None) -> Script:
    """Script a connection that delivers some quotes, then fails or stays silent."""

    async def script(feed: ScriptedFeed) -> None:
        for one in quotes:
            feed.deliver(one)
        if then is not None:
            raise then
        await asyncio.Event().wait()

    return script


async def test_everything_delivered_is_published_even_when_the_connection_then_fails() -> None:
    """Quotes taken before a failure are not lost with the connection."""
    feed = ScriptedFeed(
        delivers(quote(price=1), quote(price=2), then=Retryable("cut")), delivers(quote(price=3))
    )
    await run_until(feed, lambda: len(feed.published) == 3)
    assert [tick.bid for tick in feed.published] == [Px(1, 0), Px(2, 0), Px(3, 0)]
    assert feed.value("plumbline_feed_connects_total", feed="scripted") == 2
    assert feed.value("plumbline_feed_errors_total", feed="scripted", kind="connection") == 1
    assert feed.value("plumbline_feed_ticks_total", source=SOURCE) == 3


async def test_sequence_starts_at_the_receive_time_and_rises_by_one_per_source() -> None:
    """A source's sequence is contiguous, across connections too, and apart from other sources'."""
    feed = ScriptedFeed(
        delivers(quote(received_ns=50), quote("venue:ETH/USD", 60), then=Retryable("cut")),
        delivers(quote(received_ns=40), quote(received_ns=90)),
    )
    await run_until(feed, lambda: len(feed.published) == 4)
    assert [(tick.source, tick.sequence) for tick in feed.published] == [
        (SOURCE, 50),
        ("venue:ETH/USD", 60),
        (SOURCE, 51),
        (SOURCE, 52),
    ]


async def test_event_time_is_the_venues_or_else_the_receive_time() -> None:
    """A venue without a clock gives ticks whose event time is when we received them."""
    timed = Quote(SOURCE, 1_000, event_ns=900, bid=Px(1, 0))
    feed = ScriptedFeed(delivers(timed, quote(received_ns=1_000)))
    await run_until(feed, lambda: len(feed.published) == 2)
    assert [tick.event_ns for tick in feed.published] == [900, 1_000]


async def test_a_silent_connection_is_closed_and_opened_again() -> None:
    """Liveness is progress: an open socket that delivers nothing does not count as alive."""
    closed: list[bool] = []

    async def silent(_: ScriptedFeed) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    feed = ScriptedFeed(silent, delivers(quote()), pace=Pace(idle_s=0.02))
    await run_until(feed, lambda: len(feed.published) == 1)
    assert closed == [True]
    assert feed.value("plumbline_feed_errors_total", feed="scripted", kind="idle") >= 1


async def test_back_off_doubles_to_its_bound_and_starts_again_after_a_steady_connection() -> None:
    """Failures in a row wait longer and longer; a connection that delivered and stood resets."""
    fails = delivers(then=Retryable("refused"))
    feed = ScriptedFeed(
        *(fails,) * 5,
        delivers(quote(), then=Retryable("cut")),
        fails,
        delivers(quote()),
        pace=Pace(idle_s=5, backoff_min_s=1, backoff_max_s=4, steady_s=0),
    )
    await run_until(feed, lambda: len(feed.published) == 2)
    assert feed.slept_s == [0.5, 1.0, 2.0, 2.0, 2.0, 0.5, 1.0]


async def test_a_venue_that_delivers_and_cuts_at_once_is_not_stormed() -> None:
    """A snapshot before each cut is no reason to knock twice a second: that earns a ban."""
    cut = delivers(quote(), then=Retryable("too many connections"))
    feed = ScriptedFeed(
        *(cut,) * 4,
        delivers(quote()),
        pace=Pace(idle_s=5, backoff_min_s=1, backoff_max_s=4, steady_s=30),
    )
    await run_until(feed, lambda: len(feed.published) == 5)
    assert feed.slept_s == [0.5, 1.0, 2.0, 2.0]


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_back_off_is_always_within_its_bounds(failures: int, uniform: float) -> None:
    """Whatever the count of failures and the jitter, the wait is positive and bounded."""
    pace = Pace(backoff_min_s=0.5, backoff_max_s=30)
    assert 0.25 <= pace.delay_s(failures, uniform) <= 30


async def test_a_slow_publisher_loses_the_oldest_quotes_and_counts_them() -> None:
    """The inbox is bounded: beyond it the oldest go, under a name."""
    quotes = [quote(price=price) for price in range(1, 6)]
    feed = ScriptedFeed(delivers(*quotes), pace=Pace(inbox=2, idle_s=5))
    await run_until(feed, lambda: len(feed.published) == 2)
    assert [tick.bid for tick in feed.published] == [Px(4, 0), Px(5, 0)]
    assert feed.value("plumbline_feed_refused_total", source=SOURCE, reason="overrun") == 3


async def test_a_bus_that_fails_loses_its_batch_but_not_the_connection() -> None:
    """A failed publish is counted; the next ticks go out over the same connection."""
    gate = asyncio.Event()

    async def two_batches(feed: ScriptedFeed) -> None:
        feed.deliver(quote(price=1))
        await gate.wait()
        feed.deliver(quote(price=2))
        await asyncio.Event().wait()

    feed = ScriptedFeed(two_batches)
    take = feed.take

    async def fail_once(ticks: Sequence[Tick]) -> None:
        if not gate.is_set():
            gate.set()
            raise Retryable("no broker")
        await take(ticks)

    feed.take = fail_once  # type: ignore[method-assign]  # the seam is the publish argument
    await run_until(feed, lambda: len(feed.published) == 1)
    assert feed.published[0].bid == Px(2, 0)
    assert feed.value("plumbline_feed_connects_total", feed="scripted") == 1
    assert feed.value("plumbline_feed_errors_total", feed="scripted", kind="publish") == 1
    assert feed.value("plumbline_feed_ticks_total", source=SOURCE) == 1


async def test_what_only_a_person_can_mend_ends_the_feed() -> None:
    """A Fatal error is not retried."""
    feed = ScriptedFeed(delivers(then=ConfigError("no such key")))
    with pytest.raises(Fatal, match="no such key"):
        await asyncio.wait_for(feed.run(feed.take), 10)


def test_a_quote_without_a_price_is_refused_by_name() -> None:
    """Missing is never a zero."""
    with pytest.raises(Refused) as refused:
        Quote(SOURCE, 1)
    assert refused.value.reason == "no_price"


_PX = st.one_of(st.none(), st.builds(Px, st.integers(-(2**63), 2**63 - 1), st.integers(-60, 60)))


@given(
    st.one_of(st.none(), st.integers()),
    st.tuples(_PX, _PX, _PX),
    st.tuples(_PX, _PX, _PX),
    st.one_of(st.none(), st.integers(-(2**64), 2**64)),
)
def test_every_quote_that_can_be_made_fits_the_bus(
    event_ns: int | None,
    prices: tuple[Px | None, Px | None, Px | None],
    sizes: tuple[Px | None, Px | None, Px | None],
    funding: int | None,
) -> None:
    """What the feed takes, the columnar batch can carry: publishing never refuses a tick."""
    try:
        Quote(SOURCE, 1, event_ns, *prices, *sizes, funding)
    except Refused:
        return
    tick = Tick(SOURCE, 1, event_ns or 1, 1, *prices, *sizes, funding)
    assert len(pack([tick])) == 1


@pytest.mark.parametrize(
    ("text", "rate_e12"),
    [
        ("0.0001", 100_000_000),
        ("-0.000212", -212_000_000),
        ("0.0001875391284828", 187_539_128),
        ("0.0000000000005", 0),
        ("0.0000000000015", 2),
        ("1e-12", 1),
        ("0", 0),
    ],
)
def test_a_funding_rate_is_rounded_to_its_scale_ties_to_even(text: str, rate_e12: int) -> None:
    """Venues state up to sixteen digits; a tick carries twelve."""
    assert funding_e12_half_even(SOURCE, text) == rate_e12


async def test_funding_rates_do_not_keep_a_silent_book_connected() -> None:
    """A rate every moment and no quote: the connection is idle and opened again."""

    async def rates_only(feed: ScriptedFeed) -> None:
        while True:
            feed.deliver(Quote(SOURCE, 1, funding_e12=1), progress=False)
            await asyncio.sleep(0.001)

    feed = ScriptedFeed(rates_only, delivers(quote()), pace=Pace(idle_s=0.05))
    await run_until(feed, lambda: any(tick.bid for tick in feed.published))
    assert feed.value("plumbline_feed_errors_total", feed="scripted", kind="idle") == 1
    assert feed.published[0].funding_e12 == 1


@given(st.text())
def test_no_price_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    """Any text is a price or a named refusal."""
    with contextlib.suppress(Refused):
        assert isinstance(px_from_text(SOURCE, "bid", text), Px)
    with contextlib.suppress(Refused):
        assert isinstance(funding_e12_half_even(SOURCE, text), int)
