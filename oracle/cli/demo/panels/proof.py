"""The proof: its verdict, a line for each step, what is not proven, and the market's sources."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from oracle.cli.demo.panels.lines import Lines, fit, line
from oracle.cli.demo.proven import Check, Proven
from oracle.cli.figures import readable
from oracle.cli.output import printable

SIGN: Final = {
    "proven": ("✓", "green"),
    "differs": ("✗", "bold red"),
    "unchecked": ("?", "yellow"),
    "nothing": ("·", "dim"),
}
_VERDICT: Final = {
    "proven": ("✓", "proven", "bold green"),
    "differs": ("✗", "NOT PROVEN", "bold red"),
    "incomplete": ("?", "not all checked", "yellow"),
}
_RUNNING: Final = ("·", "checking", "dim")


def proof_lines(proven: Proven, width: int, room: int) -> Lines:
    """Show what fits into `room` lines: the verdict first, then steps, then sources."""
    sign, word, style = _VERDICT.get(proven.verdict, _RUNNING)
    title = f"{sign} {word}: {proven.market} {proven.mark}"
    lines = [line(width, [(title, style)])]
    for _, checks in groupby(proven.checks, key=lambda check: check.step):
        lines += _step_lines(list(checks), width)
    if proven.verdict != "proven" and proven.error:
        lines.append(line(width, [(f"  {printable(proven.error)}", "yellow")]))
    return (lines + _source_lines(proven, width))[:room]


def _step_lines(checks: Sequence[Check], width: int) -> Lines:
    """Show what a step has proven in a line, and each of its other checks in one of its own."""
    lines = []
    passed = [check.check.rpartition(": ")[2] for check in checks if check.outcome == "proven"]
    if passed:
        sign, style = SIGN["proven"]
        parts = [(f"{sign} ", style), (f"{checks[0].step} ", "dim"), (", ".join(passed), "")]
        lines.append(line(width, parts))
    for check in checks:
        if check.outcome != "proven":
            sign, style = SIGN[check.outcome]
            said = printable(f"{check.check}: {check.detail}")
            lines.append(line(width, [(f"{sign} ", style), (f"{check.step} ", "dim"), (said, "")]))
    return lines


def _source_lines(proven: Proven, width: int) -> Lines:
    if not proven.sources:
        return []
    lines = [line(width, [(f"  what its sources said at {proven.at}", "dim")])]
    for source in proven.sources:
        used = source.outcome == "used"
        standing = ("✓ used", "green") if used else (f"✗ {source.outcome}", "yellow")
        name = fit(readable(source.source), 24)
        lines.append(
            line(width, [(f"  {name}{fit(source.price, 14, right=True)}  ", ""), standing])
        )
    return lines
