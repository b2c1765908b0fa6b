"""Lines of an exact width, and the sign and colour that each standing is shown with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from oracle.cli.figures import decimals_for
from oracle.model.fixed import float_nearest
from oracle.model.messages import Mark
from oracle.model.validity import BreakerState, Validity

SIGN: Final = {
    Validity.VALID: ("✓", "green"),
    Validity.GUARDED: ("!", "yellow"),
    Validity.TOO_UNCERTAIN: ("~", "yellow"),
    Validity.TOO_VOLATILE: ("~", "yellow"),
    Validity.STALE: ("○", "red"),
    Validity.MISSING: ("?", "red"),
    Validity.HALTED: ("■", "bold red"),
}
STATE_STYLE: Final = {
    BreakerState.NORMAL: "green",
    BreakerState.GUARDED: "yellow",
    BreakerState.HALTED: "bold red",
    BreakerState.RECOVERING: "cyan",
}

Lines = list[Text]
Part = tuple[str, str]
"""Text and its style."""


def line(width: int, left: Sequence[Part], right: Sequence[Part] = ()) -> Text:
    """Put `right` against the right edge, and cut `left` to what remains."""
    tail = Text.assemble(*right)
    head = Text.assemble(*left)
    head.truncate(max(0, width - tail.cell_len), overflow="ellipsis", pad=True)
    head.append_text(tail).truncate(width)
    return head


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Pad `text` to `width` columns, or cut it with an ellipsis."""
    missing = width - cell_len(text)
    if missing >= 0:
        return " " * missing + text if right else text + " " * missing
    return set_cell_size(text, width - 1) + "…"


def section(title: str, width: int, note: str = "") -> Text:
    """Make a heading with a rule."""
    tail = f" {note}" if note else ""
    rule = "─" * max(0, width - cell_len(title) - 1 - cell_len(tail))
    return line(width, [(title, "bold"), (f" {rule}{tail}", "dim")])


def shared_decimals(mark: Mark) -> int:
    """Return the decimals that all prices of a market share, so that they align."""
    known = [px for px in (mark.index, mark.mark, *(v.price for v in mark.sources)) if px]
    return decimals_for(float_nearest(known[0])) if known else 2
