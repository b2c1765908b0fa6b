"""Write the tables and plots of docs/replays.md: `python -m tests.replays.page [DAY]`.

Runs the commands that the page names, on the recorded data in PLUMBLINE_DATA, into out/replays.
It takes minutes and some GB of disk, so no test compares the whole; the tests of tests/e2e hold
what must be true of the worst hours.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

from oracle.cli.replay_windows import window
from tests.replays import figures
from tests.replays.days import DAYS, DEPEG, OCT10, Day

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs/replays.md"
PLOTS: Final = ROOT / "docs/replays"
OUT: Final = ROOT / "out/replays"

SECONDS: Final = "2025-10-10T21:17/2025-10-10T21:29"


def main() -> None:
    """Replay the days that are named, by default all, and write what the page says of them."""
    named = sys.argv[1:] or [day.name for day in DAYS]
    for day in DAYS:
        if day.name in named:
            out = OUT / day.name
            out.mkdir(parents=True, exist_ok=True)
            ticks = day.tick_files(out)
            options = [word for interval in day.plots for word in ("--plot", interval)]
            day.replay(ticks, out, *options)
            _keep_plots(day, out)
            PAGE.write_text(_with(PAGE.read_text(), _parts(day, ticks, out)))


def _parts(day: Day, ticks: list[Path], out: Path) -> dict[str, str]:
    """Return what stands between the page's marks, by their names."""
    runs = day.read(out)
    worst = {name: run.within(window(day.worst)) for name, run in runs.items()}
    parts = {
        "all": figures.standing(runs),
        "worst": figures.standing(worst),
        "venues": figures.venues(worst),
        "aggregates": figures.aggregates(worst),
    }
    parts |= {f"plots {interval}": _plots(day, interval) for interval in day.plots}
    if day is OCT10:
        parts["delays"] = figures.delays(ticks, window(day.worst))
        parts["moments"] = figures.moments(runs["POL-USD"], window(SECONDS), 60)
    if day is DEPEG:
        parts["dollars"] = figures.depeg(runs, 0.97)
        parts["peg"] = figures.events(out / "events.csv", "USDC-USD", "peg")
    return {f"{day.name} {name}": text for name, text in parts.items()}


def _plots(day: Day, interval: str) -> str:
    label = window(interval).label
    words = interval.replace("T", " ").replace("/", " to ")
    return "\n\n".join(
        f"![{market}, {words} UTC: every source, index, mark, validity and breaker]"
        f"(replays/{day.name}-{market}{label}.svg)"
        for market in day.plots[interval]
    )


def _keep_plots(day: Day, out: Path) -> None:
    PLOTS.mkdir(exist_ok=True)
    for interval, markets in day.plots.items():
        for market in markets:
            name = f"{market}{window(interval).label}.svg"
            shutil.copyfile(out / name, PLOTS / f"{day.name}-{name}")


def _with(page: str, parts: dict[str, str]) -> str:
    for name, text in parts.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            sys.exit(f"{PAGE} has no place for {name!r}: mark it with {begin} and {end}")
        page = f"{before}{begin}\n\n{text}\n\n{end}{after}"
    return page


if __name__ == "__main__":
    main()
