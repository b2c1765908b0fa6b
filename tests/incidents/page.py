"""Write docs/incidents.md and its plots: `python -m tests.incidents.page`, or compare: `--check`.

Its middle is made of the scenarios and of what their runs say, so that no figure in it is stale;
what stands before and after is written by hand.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from oracle.cli.incident_plot import incident_svg
from oracle.incidents.catalogue import SCENARIOS
from oracle.incidents.recording import Run
from oracle.incidents.scenario import Check
from oracle.incidents.telling import told, verdicts
from tests.incidents.runs import run_of

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGE: Final = DOCS / "incidents.md"
PLOTS: Final = DOCS / "incidents"

BEGIN: Final = "<!-- written by python -m tests.incidents.page: begin -->"
END: Final = "<!-- end -->"


def main() -> int:
    """Write the page and the plots, or with --check compare them."""
    wanted = {PAGE: page()} | {PLOTS / f"{name}.svg": plot(name) for name in SCENARIOS}
    if "--check" in sys.argv:
        stale = [str(file) for file, text in wanted.items() if not _is(file, text)]
        sys.stderr.write("".join(f"{file} is not what the runs say\n" for file in stale))
        return 1 if stale else 0
    PLOTS.mkdir(exist_ok=True)
    for file, text in wanted.items():
        file.write_text(text, encoding="utf-8")
    return 0


def page() -> str:
    """Return docs/incidents.md with the sections of the scenarios in their place."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    sections = "\n".join(_section(run_of(name)) for name in SCENARIOS)
    return f"{before}{BEGIN}\n\n{sections}{END}{after}"


def plot(name: str) -> str:
    """Return the plot of one scenario."""
    return incident_svg(run_of(name))


def anchor(heading: str) -> str:
    """Return what a heading is linked by."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _section(run: Run) -> str:
    scenario = run.scenario
    rules = ", ".join(f"[{rule}](engine.md#{anchor(rule)})" for rule in scenario.rules)
    parts = [
        f"## {scenario.id}",
        f"**{scenario.title}.** {scenario.story} Figures: {'; '.join(scenario.accounts)}.",
        f"![{scenario.title}: sources, plain mean and median, index, mark and validity]"
        f"(incidents/{scenario.id}.svg)",
        f"{told(run)} Ours in the replay: {_lowered(scenario.ours)}",
        _table("must hold", [row for row in verdicts(run) if row[0] in scenario.checks]),
    ]
    if scenario.naive:
        naive = [row for row in verdicts(run) if row[0] in scenario.naive]
        parts.append(_table("plain aggregates", naive))
    return "\n\n".join([*parts, f"Answered by {rules}.", ""])


def _table(title: str, rows: list[tuple[Check, bool, str]]) -> str:
    lines = [f"| {title} | | seen |", "|---|---|---|"]
    lines += [f"| {check.claim} | {'✓' if ok else '✗'} | {seen} |" for check, ok, seen in rows]
    return "\n".join(lines)


def _lowered(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _is(file: Path, text: str) -> bool:
    return file.is_file() and file.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
