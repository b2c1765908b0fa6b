"""The figures of `plumb bench pipeline`, without a broker."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from oracle.cli import bench_pipeline
from oracle.cli.bench import STRIP, commands, strip
from oracle.cli.bench_pipeline import Row, carried, knee
from oracle.cli.bench_pipeline_engine import stages_ms
from oracle.cli.bench_pipeline_run import Book, Source
from oracle.model.messages import StepManifest, decode, encode
from oracle.model.topics import Topic

MS = 10**6


def step(offset: int, ticks: int) -> StepManifest:
    """Return a step that took up to an offset."""
    return StepManifest("0", 1, 0, ticks, {0: offset}, {}, {})


def row(rate: float, p99_ms: float, lost: int = 0) -> Row:
    """Return a row of a curve."""
    return {"ticks_per_s": rate, "p50_ms": p99_ms / 2, "p99_ms": p99_ms, "lost": lost}


def test_every_tick_counts_from_its_receipt_to_the_step_that_has_it() -> None:
    """A message of 98 ticks weighs 98 times one of a single tick; a step covers several."""
    book = Book(offset=40)
    book.sent(0, 98)
    book.sent(1 * MS, 1)
    book.sent(2 * MS, 1)
    book.step(step(41, 98), 10 * MS)
    book.step(step(43, 2), 102 * MS)
    assert book.late_ms(0.5) == 10
    assert book.late_ms(0.99) == pytest.approx(100, abs=1)
    assert book.row(0.1) == {
        "ticks_per_s": 1000,
        "p50_ms": 10,
        "p99_ms": book.late_ms(0.99),
        "lost": 0,
    }


def test_what_no_step_has_taken_is_lost() -> None:
    """Also where a step went past a message without its ticks."""
    book = Book(offset=0)
    book.sent(0, 5)
    book.sent(0, 5)
    book.sent(0, 5)
    book.step(step(2, 5), MS)
    assert book.waiting == 1
    assert book.lost == 10


def test_a_step_of_the_run_before_is_not_taken_for_this_one() -> None:
    """Its offset lies before this run's first message."""
    book = Book(offset=10)
    book.sent(0, 5)
    book.step(step(9, 0), MS)
    assert (book.waiting, book.late_ms(0.5)) == (1, 0.0)


def test_the_rate_carried_is_the_highest_without_loss_or_long_delay() -> None:
    """A backlog that grows is not carried, though nothing of it is lost in time."""
    curve = [row(1, 10), row(2, 20), row(3, 250), row(4, 251), row(5, 10, lost=1)]
    assert carried(curve) == 3
    assert carried([row(1, 10, lost=1)]) == 0


def test_the_knee_has_the_most_throughput_for_its_delay() -> None:
    """Beyond it the delay rises faster than the rate."""
    curve = [row(100, 30), row(200, 35), row(300, 40), row(400, 90), row(500, 5, lost=3)]
    assert knee(curve) == 300
    assert knee([row(1, 10, lost=1)]) == 0


def test_messages_take_all_sources_in_turn_and_are_received_when_due() -> None:
    """The lists of sources stay the same, as a feed's do."""
    source = Source(800)
    made = [source.message(7) for _ in range(3)]
    assert [len(message) for message in made] == [800, 800, 800]
    assert decode(Topic.TICKS, encode(made[1])) == made[1]
    assert {tick.received_ns for tick in made[1].ticks()} == {7}
    assert made[2].sources is made[0].sources
    assert not set(made[0].sources) & set(made[1].sources)
    with pytest.raises(ValueError, match="whole messages of 900"):
        Source(900)


def test_stages_are_means_between_two_looks() -> None:
    """What was before the load does not count."""
    before = {"step": (5.0, 10.0), "idle": (1.0, 1.0)}
    after = {"step": (5.3, 110.0), "idle": (1.0, 1.0), "commit.end": (0.2, 100.0)}
    assert stages_ms(before, after) == pytest.approx({"step": 3.0, "commit.end": 2.0})


def test_a_strip_has_both_times_on_one_line() -> None:
    """Each power of ten is as wide as the next, and what is beyond stands at the end."""
    assert strip(1, 10_000) == "o" + "-" * (STRIP - 2) + "*"
    assert strip(100, 100).index("*") == pytest.approx(STRIP / 2, abs=1)
    assert {len(strip(ms, 7 * ms)) for ms in (0.1, 3, 40, 5_000)} == {STRIP}
    assert strip(0.0, 10**9) == strip(1, 10_000)


def test_programs_find_the_figures_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names are a contract, and a person gets the same as tables."""
    curve = [row(100, 30)]
    made = {
        "lossless_ticks_per_s": 100.0,
        "p99_ms_at_half": 30.0,
        "baseline_ticks_per_s": 10.0,
        "curve": curve,
        "knee_ticks_per_s": 100.0,
        "half": row(50, 30),
        "half_stages_ms": {"step": 3.0},
        "baseline_curve": [row(10, 20)],
    }
    monkeypatch.setattr(bench_pipeline, "measured", lambda _told: made)
    asked = CliRunner().invoke(commands, ["pipeline", "--json"])
    assert json.loads(asked.stdout) == made
    shown = CliRunner().invoke(commands, ["pipeline"]).stdout
    assert "100 < knee" in shown
    assert "p99 30.0 ms at half of 100,000 ticks/s" in shown
