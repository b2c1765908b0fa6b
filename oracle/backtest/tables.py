"""Figures as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]], *, text: int = 1) -> str:
    """Return a table whose first `text` columns are text and whose others are figures."""
    rule = ["---" if at < text else "---:" for at in range(len(columns))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [columns, rule, *rows])


def bps(value: float | None) -> str:
    """Return basis points with two figures after the point while they are small."""
    if value is None:
        return "-"
    return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"


def percent(share: float | None) -> str:
    """Return a share in percent, exact to a hundredth."""
    return "-" if share is None else f"{100 * share:.2f} %"


def score_cells(score: Mapping[str, Any]) -> list[str]:
    """Return answered, bias, median, p99 and worst of a plain `Score`."""
    return [
        f"{score['answered']:,} of {score['asked']:,}",
        *(bps(score[name]) for name in ("bias_bps", "median_bps", "p99_bps", "worst_bps")),
    ]


SCORE_COLUMNS = ("answered", "bias", "median", "p99", "worst")


def comparison_table(comparison: Mapping[str, Any]) -> str:
    """Return the table of a plain `Comparison`: one row an algorithm."""
    rows = [[name, *score_cells(score)] for name, score in comparison["scores"].items()]
    return markdown(["", *SCORE_COLUMNS], rows)


def resilience_table(outcomes: Sequence[Mapping[str, Any]]) -> str:
    """Return one row an outcome: p99 of each algorithm, and what ours said of itself."""
    names = list(outcomes[0]["scores"])
    columns = ["n", "lie", *(f"{name}: p99" for name in names)]
    columns += [f"{names[0]}: worst", "not VALID", "worst while VALID"]
    rows = []
    for outcome in outcomes:
        ours = outcome["scores"][names[0]]
        rows.append(
            [
                f"{outcome['sources']}",
                f"{outcome['corrupted']} {outcome['kind']}",
                *(bps(outcome["scores"][name]["p99_bps"]) for name in names),
                bps(ours["worst_bps"]),
                percent(outcome["not_valid"]),
                bps(outcome["worst_valid_bps"]),
            ]
        )
    return markdown(columns, rows, text=2)
