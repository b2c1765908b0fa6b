"""A plot as a file of its own."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from oracle.cli.plot.axes import fitted
from oracle.cli.plot.curves import Curve, Flag, Stretch
from oracle.cli.plot.draw import bands, flags, panel, strips, time_axis
from oracle.cli.plot.style import document
from oracle.model.validity import BreakerState, Validity

CURVE = Curve("a", "source s0", [(0.0, 1.0), (1.0, None), (2.0, 1.1), (3.0, 1.2)])
HALTED = Stretch(1.0, 60.0, Validity.HALTED, BreakerState.HALTED, "a < b")


def _made() -> str:
    x = time_axis(60.0)
    return document(
        300,
        "Depeg & <wick>",
        "one venue",
        [
            *bands(x, [HALTED], 50, 100),
            *strips(x, [HALTED], 24),
            *panel(x, fitted([CURVE], 50, 100), [CURVE], "prices"),
            *flags(x, [Flag(30.0, "the <venue> fails")], 50, 150),
        ],
    )


def test_it_is_well_formed_described_and_needs_nothing_else() -> None:
    """A screen reader has a title, and no address is fetched but the name of the language."""
    made = _made()
    root = ET.fromstring(made)
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text == "Depeg & <wick>"
    assert made.count("http") == 1
    assert "url(" not in made


def test_it_has_its_own_background_for_light_and_for_dark() -> None:
    """Embedded in a dark page it stays legible: paper and ink change together."""
    made = _made()
    assert '<rect class="paper"' in made
    assert "prefers-color-scheme: dark" in made


def test_a_state_is_a_word_and_not_only_a_colour() -> None:
    """And its cause is in the tooltip."""
    made = _made()
    assert ">HALTED</text>" in made
    assert "HALTED at 00:01: a &lt; b" in made


def test_a_line_breaks_where_there_is_no_value() -> None:
    """Missing is a gap, not a bridge."""
    line = next(row for row in _made().splitlines() if 'class="source s0"' in row)
    assert line.count("M") == 2


def test_without_values_there_is_no_panel() -> None:
    """A market that never had a price is no error."""
    assert panel(time_axis(60.0), None, [CURVE], "prices") == []
