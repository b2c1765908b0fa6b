"""The live view: every size is filled exactly and says the same without colour."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time

import pytest
from rich.cells import cell_len
from rich.console import Console

from oracle.cli.demo.live import render, show, view_of
from oracle.cli.demo.panels.story import Act
from oracle.cli.demo.proven import Proven
from oracle.cli.demo.recorder import Recorder
from tests.unit.demo.proofs import PROVEN, proof
from tests.unit.demo.synthetic import recorder_of, run

ACT = Act(2, 6, "One venue wicks 8 %", "kraken should be thrown out.", 7.4, 12.0)
SIZES = ((80, 24), (80, 50), (100, 40), (139, 30), (140, 45), (200, 60), (60, 20), (40, 10))


def _frame(recorder: Recorder, width: int, height: int, proven: Proven | None = None) -> list[str]:
    console = Console(width=width, height=height, no_color=True, file=io.StringIO(), record=True)
    state = view_of(recorder, "demo, seed 7", seconds=90, act=ACT, proven=proven)
    console.print(render(state, width, height))
    return console.export_text(styles=False).splitlines()


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("seconds", [0, 20, 34, 60])
def test_a_frame_fills_the_terminal_exactly(width: int, height: int, seconds: int) -> None:
    """Nothing wraps and nothing scrolls, from before the first mark to the middle of a halt."""
    lines = _frame(run(seconds)[0], width, height)
    assert len(lines) == height
    assert {cell_len(line) for line in lines} == {width}


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 20), (140, 45)])
def test_without_colour_the_frame_says_who_is_out_and_why(width: int, height: int) -> None:
    """The outlier is marked by sign and word in every layout."""
    text = "\n".join(_frame(run(20)[0], width, height))
    assert "kraken" in text
    assert "✗" in text
    assert "outlier" in text
    assert "✓ VALID" in text
    assert "Act 2 of 6" in text
    assert "7 s left" in text
    assert "thrown out of BTC-USD: outlier" in text


@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 45)])
def test_a_halt_shows_for_us_and_for_each_chain(width: int, height: int) -> None:
    """HALTED by word: validity, breaker, and both chains."""
    lines = _frame(run(60)[0], width, height)
    text = "\n".join(lines)
    assert any("BTC-USD" in line and "■ HALTED" in line for line in lines)
    assert text.count("■ HALTED") == 3


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_proof_takes_the_place_of_what_happened(width: int, height: int) -> None:
    """Every size is still filled exactly; from 80 columns and 24 lines on the verdict is there."""
    made = proof(PROVEN)
    await made.run("BTC-USD", 1_795_453_330_007)
    lines = _frame(run(60)[0], width, height, made.proven())
    assert len(lines) == height
    assert {cell_len(line) for line in lines} == {width}
    text = "\n".join(lines)
    assert "Happenings" not in text
    assert height < 24 or "✓ proven: BTC-USD" in text


def test_before_the_first_mark_it_says_that_it_waits() -> None:
    """An empty frame would look like a fault."""
    assert any("waiting for the first mark" in line for line in _frame(recorder_of(), 80, 24))


async def test_show_draws_until_cancelled_and_gives_the_screen_back() -> None:
    """The alternate screen is left as it was entered."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, height=24, legacy_windows=False)
    task = asyncio.create_task(show(run(5)[0], "demo", console=console))
    deadline = time.monotonic() + 30
    while "BTC-USD" not in out.getvalue():
        assert time.monotonic() < deadline
        await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert out.getvalue().count("\x1b[?1049h") == out.getvalue().count("\x1b[?1049l") == 1
