"""The live view in a terminal: what every stage of the data path holds now.

`render` is a pure function to lines that fill the terminal exactly, so nothing jumps between two
refreshes. Narrow or low terminals get the same facts in fewer characters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from oracle.cli.demo.panels import chains, markets, proof, story
from oracle.cli.demo.panels.chains import ChainView
from oracle.cli.demo.panels.lines import Lines, fit, line, section
from oracle.cli.demo.panels.story import Act, LogLine
from oracle.cli.demo.proven import Proven
from oracle.cli.demo.recorder import Recorder
from oracle.cli.figures import clock_text
from oracle.model.messages import Mark

REFRESH_S: Final = 0.25
WIDE, WIDE_LINES = 139, 30
LEFT: Final = 80
"""Columns of the market side when both sides fit."""
LEAST_LOG: Final = 3
_MARKET_STYLES: Final = (markets.source_rows, markets.source_pairs, markets.source_digest)
"""From the most to the least room."""


@dataclass(frozen=True)
class ViewState:
    """All that one frame shows."""

    title: str
    elapsed_s: float
    seconds: float | None
    now_ms: int
    act: Act | None
    marks: tuple[Mark, ...]
    """By market number."""
    perps: frozenset[str]
    chains: tuple[ChainView, ...]
    log: tuple[LogLine, ...]
    """Oldest first."""
    ticks: int
    reports: int
    proven: Proven | None
    """Takes the place of what happened, from when there is one."""


def view_of(
    recorder: Recorder,
    title: str,
    *,
    seconds: float | None = None,
    act: Act | None = None,
    proven: Proven | None = None,
) -> ViewState:
    """Take what the recorder holds now."""
    now_ns = recorder.now_ns()
    return ViewState(
        title=title,
        elapsed_s=recorder.t_s(now_ns),
        seconds=seconds,
        now_ms=now_ns // 10**6,
        act=act,
        marks=tuple(sorted(recorder.marks.values(), key=lambda mark: mark.number)),
        perps=recorder.perps,
        chains=tuple(
            ChainView(
                chain.info,
                chain.updates,
                chain.failed,
                chain.gas_per_update,
                recorder.chain_states[name],
            )
            for name, chain in recorder.chains.items()
        ),
        log=tuple(LogLine(recorder.t_s(h.time_ns), h.tone, h.text) for h in recorder.narrator.told),
        ticks=recorder.ticks,
        reports=recorder.reports,
        proven=proven,
    )


def render(state: ViewState, width: int, height: int) -> RenderableType:
    """Return one frame: `height` lines of `width` columns."""
    lines = _head(state, width)
    room = height - len(lines)
    if width >= WIDE and height >= WIDE_LINES:
        lines += _two_sides(state, width, room)
    else:
        lines += _stacked(state, width, room)
    blank = Text(" " * width)
    lines = lines[:height] + [blank] * (height - len(lines))
    return Group(*lines)


async def show(
    recorder: Recorder,
    title: str,
    *,
    seconds: float | None = None,
    act: Callable[[], Act | None] = lambda: None,
    proven: Callable[[], Proven | None] = lambda: None,
    console: Console | None = None,
) -> None:
    """Draw on the terminal's second screen until cancelled; the first comes back unharmed.

    Logs must not go to the same terminal meanwhile.
    """
    out = console or Console()
    with Live(console=out, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            state = view_of(recorder, title, seconds=seconds, act=act(), proven=proven())
            live.update(render(state, out.width, out.height), refresh=True)
            await asyncio.sleep(REFRESH_S)


def _head(state: ViewState, width: int) -> Lines:
    clock = clock_text(max(state.elapsed_s, 0.0))
    if state.seconds is not None:
        clock += f" of {clock_text(state.seconds)}"
    counts = f"{state.ticks:,} ticks   {state.reports:,} reports   "
    head = [("PLUMBLINE  ", "bold"), (state.title, "")]
    lines = [line(width, head, [(counts, "dim"), (clock, "bold")])]
    return lines + (story.act_lines(state.act, width) if state.act else [])


def _two_sides(state: ViewState, width: int, room: int) -> Lines:
    left = _markets(state, LEFT, room)
    side = width - LEFT - 3
    right = [section("On chain", side, "age, validity, distance from our mark")]
    right += chains.chain_rows(state.chains, state.marks, state.now_ms, side)
    right.append(Text(" " * side))
    right += _latest(state, side, room - len(right))
    rows = []
    for at in range(room):
        first = left[at] if at < len(left) else Text(" " * LEFT)
        second = right[at] if at < len(right) else Text(" " * side)
        rows.append(Text.assemble(first, (" │ ", "dim"), second))
    return rows


def _stacked(state: ViewState, width: int, room: int) -> Lines:
    held = [section("On chain", width, "age, distance from our mark")]
    held += chains.chain_columns(state.chains, state.marks, state.now_ms, width)
    shown = _markets(state, width, room - len(held) - 1 - LEAST_LOG)
    return [*shown, *held, *_latest(state, width, room - len(shown) - len(held))]


def _latest(state: ViewState, width: int, room: int) -> Lines:
    """Show what happened lately, or the proof once it has begun."""
    spare = max(room - 1, 0)
    if state.proven is not None:
        return [section("Proof", width), *proof.proof_lines(state.proven, width, spare)]
    return [section("Happenings", width), *story.log_lines(state.log, width, spare)]


def _markets(state: ViewState, width: int, room: int) -> Lines:
    """Show all markets as amply as `room` lines allow."""
    columns = fit("validity", markets.VALIDITY - 1) + fit("breaker", markets.BREAKER)
    title = section("Markets", width, columns if width >= LEFT else "")
    if not state.marks:
        return [title, line(width, [("  waiting for the first mark", "dim")])]
    blocks: list[Lines] = []
    for sources in _MARKET_STYLES if width >= LEFT else _MARKET_STYLES[-1:]:
        blocks = [
            [markets.market_head(mark, width), *sources(mark, width, state.perps)]
            for mark in state.marks
        ]
        if 1 + sum(map(len, blocks)) <= room:
            break
    if 1 + sum(len(block) + 1 for block in blocks) <= room:
        for mark, block in zip(state.marks, blocks, strict=True):
            block.append(markets.why_line(mark, width))
    return [title, *(row for block in blocks for row in block)]
