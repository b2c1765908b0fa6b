"""Markets: index, mark, validity, breaker, and each source against the index."""

from __future__ import annotations

from typing import Final

from rich.text import Text

from oracle.cli.demo.panels.lines import SIGN, STATE_STYLE, Lines, fit, line, shared_decimals
from oracle.cli.figures import (
    NOTHING,
    bps_text,
    distance_bps,
    price_text,
    readable,
    short_names,
)
from oracle.model.messages import Mark, SourceView

GAUGE: Final = 17
"""Columns of the distance gauge; its ends are at `GAUGE_BPS`."""
GAUGE_BPS: Final = 10.0
VALIDITY, BREAKER = 16, 10
"""Columns of both words at the end of a market's line."""


def market_head(mark: Mark, width: int) -> Text:
    """Show index, mark, confidence, validity and breaker."""
    sign, style = SIGN[mark.validity]
    decimals = shared_decimals(mark)
    roomy = width >= 74
    conf = NOTHING if mark.conf_e8 is None else f"±{mark.conf_e8 / 1e4:.1f} bps"
    left = [
        (fit(mark.market, 10), "bold"),
        ("index ", "dim"),
        (fit(price_text(mark.index, decimals), 11), ""),
        ("mark ", "dim"),
        (fit(price_text(mark.mark, decimals), 11), "bold"),
        (fit(conf, 10), "dim") if roomy else ("", ""),
    ]
    breaker = mark.state.name if roomy else mark.state.name[:5]
    right = [
        (fit(f"{sign} {mark.validity.name}", VALIDITY if roomy else 12), style),
        (fit(breaker, BREAKER if roomy else 5), STATE_STYLE[mark.state]),
    ]
    return line(width, left, right)


def why_line(mark: Mark, width: int) -> Text:
    """Say what made the validity; blank when the mark is VALID."""
    return line(width, [(f"  {mark.reason}" if mark.reason else "", SIGN[mark.validity][1])])


def source_rows(mark: Mark, width: int, perps: frozenset[str]) -> Lines:
    """Show a source a line, with a gauge of its distance from the index."""
    rows = []
    for view in mark.sources:
        bps = distance_bps(view.price, mark.index)
        sign, style, why = _source_standing(view, perps)
        parts = [
            (f"  {sign} ", style),
            (fit(readable(view.source), 22), "" if view.used else style),
            (fit(price_text(view.price, shared_decimals(mark)), 11, right=True), ""),
            (fit(bps_text(bps), 11, right=True), "" if view.used else style),
            (f"  {_gauge(bps)}  ", "dim" if view.used else style),
            (why, style if not view.used else "dim"),
        ]
        rows.append(line(width, parts))
    return rows


def source_pairs(mark: Mark, width: int, perps: frozenset[str]) -> Lines:
    """Show two sources a line."""
    names = short_names([view.source for view in mark.sources], perps)
    half = width // 2
    cells = [_pair_cell(view, mark, names[view.source], half, perps) for view in mark.sources]
    if len(cells) % 2:
        cells.append(Text(" " * half))
    return [left.append_text(right) for left, right in zip(cells[::2], cells[1::2], strict=True)]


def source_digest(mark: Mark, width: int, perps: frozenset[str]) -> Lines:
    """Say in one line who is used and who is not."""
    names = short_names([view.source for view in mark.sources], perps)
    spot = [view for view in mark.sources if view.source not in perps]
    used = [view for view in spot if view.used]
    spread = [abs(distance_bps(view.price, mark.index) or 0.0) for view in used]
    parts = [(f"  {len(used)} of {len(spot)} sources used", "")]
    if spread and mark.index is not None:
        parts.append((f", within {max(spread):.1f} bps", "dim"))
    for reason in sorted({view.reason for view in mark.sources if not view.used}):
        out = ", ".join(names[view.source] for view in mark.sources if view.reason == reason)
        parts.append((f"  ✗ {out}: {reason.replace('_', ' ')}", "yellow"))
    return [line(width, parts)]


def _pair_cell(view: SourceView, mark: Mark, name: str, width: int, perps: frozenset[str]) -> Text:
    sign, style, why = _source_standing(view, perps)
    bps = bps_text(distance_bps(view.price, mark.index))
    parts = [(f" {sign} ", style), (fit(name, 12), "" if view.used else style)]
    if view.price is None:
        return line(width, [*parts, (why, style)])
    parts.append((fit(price_text(view.price, shared_decimals(mark)), 10, right=True), ""))
    parts.append((fit(bps, 10, right=True), "") if view.used else (f" {bps} {why}", style))
    return line(width, parts)


def _source_standing(view: SourceView, perps: frozenset[str]) -> tuple[str, str, str]:
    if not view.used:
        return "✗", "yellow", view.reason.replace("_", " ")
    return "✓", "green", "perp" if view.source in perps else ""


def _gauge(bps: float | None) -> str:
    """Draw where a source is around the index, e.g. `········│·●······`."""
    middle = GAUGE // 2
    cells = ["·"] * GAUGE
    cells[middle] = "│"
    if bps is None:
        return " " * GAUGE
    at = middle + round(bps / GAUGE_BPS * middle)
    cells[max(0, min(GAUGE - 1, at))] = "◀" if at < 0 else "▶" if at >= GAUGE else "●"
    return "".join(cells)
