"""HTML tables."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Cell = str | Html
Row = Sequence[Cell]


def table(
    head: Sequence[str],
    rows: Sequence[Row],
    *,
    numbers: frozenset[int] | set[int] = frozenset(),
    caption: str = "",
) -> str:
    """Return a table; columns in `numbers` are aligned right."""
    align = [' class="number"' if at in numbers else "" for at in range(len(head))]
    heads = "".join(
        f'<th scope="col"{style}>{escape(name)}</th>'
        for style, name in zip(align, head, strict=True)
    )
    lines = []
    for row in rows:
        cells = (
            f"<td{style}>{cell if isinstance(cell, Html) else escape(cell)}</td>"
            for style, cell in zip(align, row, strict=True)
        )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table>{title}<thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )
