"""The figures as `docs/accuracy.md`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import fill
from typing import Any, Final

from oracle.backtest.facts import SHARES
from oracle.backtest.suite.words import (
    CHOICES,
    FORMULAS,
    INTRODUCTION,
    LIARS,
    LIMITS,
    PARAMETERS,
    PUBLISHED,
)
from oracle.backtest.tables import (
    bps,
    comparison_table,
    markdown,
    percent,
    resilience_table,
    score_cells,
)

Plain = Mapping[str, Any]
_WIDTH: Final = 100
_SHOWN: Final = 5
"""The number of sources whose every case is shown."""
_WORST: Final = "colluding 2 %"


def page(figures: Plain) -> str:
    """Return the page."""
    parts = [
        INTRODUCTION,
        FORMULAS,
        PUBLISHED,
        *(dataset_section(each) for each in figures["published"]),
        LIARS,
        *_resilience(figures["resilience"]),
        PARAMETERS,
        *_decisions(figures),
        *(_swept(panel) for panel in figures["sweeps"]),
        *(_alternative(each) for each in figures["alternatives"]),
        "## How far honest sources and markets move\n\nAbsolute, in bps, first half / second half.",
        *(_facts(each) for each in figures["facts"]),
        LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def dataset_section(dataset: Plain) -> str:
    """Return the section of one data set."""
    parts = [f"### {dataset['title']}", fill(dataset["shows"], _WIDTH)]
    parts.append(fill(f"*Limits:* {dataset['limits']}", _WIDTH))
    for each in dataset["comparisons"]:
        stood = ", ".join(f"{name} {count:,}" for name, count in each["validity"].items())
        said = f"**{each['market']}, {each['field']}** (ours then: {stood}"
        if each["covered"] is not None:
            said += f"; published within our confidence interval: {percent(each['covered'])}"
        parts += [f"{said})", comparison_table(each)]
    return "\n\n".join(parts)


def _resilience(study: Plain) -> Iterator[str]:
    outcomes = study["outcomes"]
    recorded = len(study["recorded"])
    yield fill(
        f"{study['title']}: {study['steps']:,} minutes, half of them under attack. Sources in "
        f"this order: {', '.join(study['recorded'])}; from the {recorded + 1}th on they are made "
        "of recorded noise: the consensus times what a recorded source was off it at another time.",
        _WIDTH,
    )
    shown = [each for each in outcomes if each["sources"] == _SHOWN]
    yield f"**All ways of lying, {_SHOWN} sources**\n\n{resilience_table(shown)}"
    minority = [each for each in outcomes if each["kind"] == _WORST and _minority(each)]
    majority = [each for each in outcomes if each["kind"] == _WORST and _half_or_more(each)]
    yield f"**The most that the guarantee covers, {_WORST}**\n\n{resilience_table(minority)}"
    yield f"**One more than that, {_WORST}**\n\n{resilience_table(majority)}"


def _minority(outcome: Plain) -> bool:
    return bool(outcome["corrupted"] == (outcome["sources"] - 1) // 2)


def _half_or_more(outcome: Plain) -> bool:
    return bool(outcome["corrupted"] == (outcome["sources"] - 1) // 2 + 1)


def _decisions(figures: Plain) -> Iterator[str]:
    panels = figures["sweeps"]
    rows = []
    for swept in zip(*(panel["swept"] for panel in panels), strict=True):
        name = swept[0]["parameter"]
        chosen = [each["chosen"] for each in swept]
        rows.append([name, swept[0]["default"] or "-", *chosen, CHOICES[name]])
    columns = ["parameter", "default", *(f"chosen on {p['coin']}" for p in panels), "what follows"]
    yield markdown(columns, rows, text=len(columns))


def _swept(panel: Plain) -> str:
    parts = [f"### {panel['coin']}: {panel['title']}"]
    for swept in panel["swept"]:
        rows = [
            [
                _marked(each["value"], swept),
                *(percent(x) for x in (*each["first"], *each["second"])),
            ]
            for each in swept["figures"]
        ]
        columns = [
            swept["parameter"],
            "cost, first half",
            "harm, first half",
            "cost, second half",
            "harm, second half",
        ]
        parts.append(
            f"**{swept['parameter']}.** Cost: {swept['cost']}, at most {percent(swept['budget'])}. "
            f"Harm: {swept['harm']}, when {swept['attack']}."
        )
        parts.append(markdown(columns, rows))
    return "\n\n".join(parts)


def _marked(value: str, swept: Plain) -> str:
    notes = [name for name in ("default", "chosen") if swept[name] == value]
    return f"{value} ({', '.join(notes)})" if notes else value


def _alternative(each: Plain) -> str:
    columns = ["", *(f"{name}, {half} half" for half in ("1st", "2nd") for name in _SHORT)]
    rows = [[v["value"], *_cells(v["first"]), *_cells(v["second"])] for v in each["values"]]
    return f"**{each['parameter']}.** {each['title']}\n\n{markdown(columns, rows)}"


_SHORT: Final = ("median", "p99", "worst")


def _cells(score: Plain) -> Sequence[str]:
    return score_cells(score)[2:]


def _facts(each: Plain) -> str:
    columns = ["", *(f"{share:.1%}" if share < 1 else "worst" for share in SHARES)]
    rows = [
        [name, *(f"{bps(a)} / {bps(b)}" for a, b in zip(first, each["second"][name], strict=True))]
        for name, first in each["first"].items()
    ]
    return f"**{each['title']}**\n\n{markdown(columns, rows)}"
