"""The HTML report: self-contained, well-formed, small, and says what happened."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from oracle.cli.demo.html import render_html, write_html
from oracle.cli.demo.plots import MarketPlot
from oracle.cli.demo.recorder import Recorder
from oracle.cli.demo.summary import summarise
from oracle.model.topics import Topic
from oracle.model.validity import BreakerState, Validity
from oracle.verify.findings import Finding
from tests.unit.demo.proofs import PROVEN, SIGNED, TICKS, proof
from tests.unit.demo.synthetic import PERP, START_NS, mark, record, recorder_of, run

START_MS = START_NS // 10**6


class _Balance(HTMLParser):
    """Checks that every element that opens also closes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _page(recorder: Recorder, seconds: float = 90.0) -> str:
    held = recorder.chain_states
    summary = summarise(recorder, seconds=seconds, seed=7, read_back=held)
    return render_html(recorder, summary, title="Demo <1>", about="A & B")


def _plot(recorder: Recorder, market: str = "BTC-USD") -> MarketPlot:
    stored = {name: chain.stored[market] for name, chain in recorder.chains.items()}
    return MarketPlot(
        market,
        recorder.series[market],
        stored,
        recorder.story,
        start_ns=recorder.start_ns,
        end_s=90.0,
        perps=recorder.perps,
    )


def test_the_page_needs_nothing_else_and_is_small(tmp_path: Path) -> None:
    """No address, no script, no import; below 2 MB."""
    recorder = run()[0]
    summary = summarise(recorder, seconds=90, seed=7, read_back=recorder.chain_states)
    write_html(tmp_path / "report.html", recorder, summary, title="Demo")
    page = (tmp_path / "report.html").read_text()
    assert not re.search(r"https?:|<script|<link|@import|url\(|src=", page)
    assert len(page) < 2_000_000


def test_every_element_closes_and_text_is_escaped() -> None:
    """What a source or an operator wrote cannot become markup."""
    recorder = run(40)[0]
    recorder.note_event("<b>bold</b>", "a < b", True)
    page = _page(recorder)
    balance = _Balance()
    balance.feed(page)
    assert balance.open == []
    assert "Demo &lt;1&gt;" in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>" not in page


def test_it_tells_the_story_and_its_verdict() -> None:
    """Each act is a row, and one that failed is said first."""
    page = _page(run()[0])
    assert "✗ 1 of 6 acts of the story did not happen as told" in page
    assert "outlier after 0.3 s; index moved 0.4 bps" in page
    assert page.count("✓ as told") == 5
    assert "✓ All 1 acts" not in page


def test_it_shows_every_market_chain_and_operator() -> None:
    """Plots by market number, gas by chain, and who paused what."""
    page = _page(run()[0])
    places = [page.index(f"<h3>{name} ") for name in ("BTC-USD", "ETH-USD", "USDT-USD")]
    assert places == sorted(places)
    assert "118,432" in page
    assert "source|coinbase:ETH/USD" in page
    assert "rita" in page


def test_the_plain_mean_is_far_off_while_a_venue_wicks_and_leaves_perps_out() -> None:
    """Five spot sources, one of them 8 % low: the mean is 160 bps off, the index is not."""
    assert _plot(run()[0]).naive_off_bps() == pytest.approx(160, abs=3)


def test_the_plot_describes_itself_and_words_its_bands() -> None:
    """A halt is told by a word in the strip and in the description, not by colour alone."""
    svg = _plot(run()[0]).svg()
    assert 'role="img"' in svg
    assert "HALTED from 00:52" in svg
    assert re.search(r'<text class="word middle"[^>]*>HALTED</text>', svg)
    assert 'class="source s5 perp"' in svg
    assert PERP not in svg  # names are in the legend


def test_a_curve_breaks_where_a_source_has_no_price() -> None:
    """binance is without a price while its conversion is halted: two strokes, not a bridge."""
    svg = _plot(run()[0]).svg()
    first = next(line for line in svg.splitlines() if 'class="source s0"' in line)
    assert first.count("M") == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (PROVEN, "✓ Proven: all 3 checks passed"),
        ((SIGNED, TICKS), "✗ Not proven (differs): member 0: ticks: ticks of step 410"),
    ],
)
async def test_it_shows_the_proof(answer: tuple[Finding, ...], said: str) -> None:
    """The verdict, every check, the sources and the command; text of an archive is no markup."""
    made = proof(answer)
    await made.run("BTC-USD", START_MS)
    recorder = run(1)[0]
    held = recorder.chain_states
    summary = summarise(recorder, seconds=1, seed=7, read_back=held, proof=made.proven())
    page = render_html(recorder, summary, title="Demo")
    balance = _Balance()
    balance.feed(page)
    assert balance.open == []
    assert said in page
    assert "<code>plumb verify --market BTC-USD --at 2026-" in page
    assert "outlier" in page
    assert "<2>" not in page


def test_a_run_that_saw_nothing_still_gives_a_page() -> None:
    """An early failure must not hide behind a second one."""
    assert "Demo" in _page(recorder_of(), seconds=0.0)


def test_a_market_that_never_had_a_price_is_drawn_without_panels() -> None:
    """No value, no axis, no division by zero."""
    recorder = recorder_of()
    missing = mark("BTC-USD", recorder.start_ns, None, Validity.MISSING, BreakerState.NORMAL, "x")
    recorder.take(record(Topic.MARKS, missing))
    assert "MISSING" in _page(recorder, seconds=1.0)
