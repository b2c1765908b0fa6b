"""The plots' style sheet, and an SVG that carries it: a file of its own, light and dark."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib.resources import files

from oracle.cli.plot.draw import WIDTH


def plot_css() -> str:
    """Return the colours, for light and for dark, and the rules for what a plot draws."""
    return files("oracle.cli.plot").joinpath("plot.css").read_text(encoding="utf-8")


def document(height: float, title: str, description: str, parts: Iterable[str]) -> str:
    """Return a plot as a file of its own: with style, background and description."""
    size = f"{WIDTH:.0f} {height:.0f}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" '
            f'width="{WIDTH:.0f}" height="{height:.0f}" role="img" '
            f'aria-labelledby="title description">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="description">{escape(description)}</desc>',
            f"<style>\n{plot_css()}</style>",
            f'<rect class="paper" width="{WIDTH:.0f}" height="{height:.0f}" rx="8"/>',
            *parts,
            "</svg>\n",
        ]
    )
