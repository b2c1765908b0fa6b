"""The act that is on, and what happened lately."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from rich.console import Console
from rich.text import Text

from oracle.cli.demo.happenings import Tone
from oracle.cli.demo.panels.lines import Lines, fit, line
from oracle.cli.figures import clock_text

TONE: Final = {
    Tone.GOOD: ("✓", "green"),
    Tone.INFO: ("·", "dim"),
    Tone.WARN: ("!", "yellow"),
    Tone.BAD: ("✗", "red"),
}
_WRAPPING: Final = Console()  # rich wraps text by a console; nothing is printed to it
_BODY_AT: Final = 8


class Act(NamedTuple):
    """The act of the story that is on."""

    number: int
    total: int
    title: str
    expect: str
    """What should be seen, in a sentence."""
    remaining_s: float
    length_s: float


class LogLine(NamedTuple):
    """One happening, by seconds into the run."""

    t_s: float
    tone: Tone
    text: str


def act_lines(act: Act, width: int) -> Lines:
    """Show the act, its countdown and what to look for."""
    filled = round(12 * (1 - max(0.0, min(1.0, act.remaining_s / max(act.length_s, 1e-9)))))
    countdown = f"{max(act.remaining_s, 0):3.0f} s left "
    bar = [(countdown, ""), ("━" * filled, "cyan"), ("─" * (12 - filled), "dim")]
    title = [(f"Act {act.number} of {act.total}  ", "cyan"), (act.title, "bold")]
    return [line(width, title, bar), line(width, [(f"  {act.expect}", "italic")])]


def log_lines(log: Sequence[LogLine], width: int, room: int) -> Lines:
    """Show the newest happenings that fit into `room` lines, the newest last."""
    lines: Lines = []
    for happening in reversed(log):
        sign, style = TONE[happening.tone]
        body = Text(happening.text).wrap(_WRAPPING, width - _BODY_AT)[:2]
        if len(lines) + len(body) > room:
            break
        shown = []
        for number, text in enumerate(body):
            text.rstrip()
            at = clock_text(max(happening.t_s, 0)) if number == 0 else ""
            mark = sign if number == 0 else " "
            parts = [(fit(at, 6), "dim"), (f"{mark} ", style), (text.plain, "")]
            shown.append(line(width, parts))
        lines = shown + lines
    return lines
