"""The figure that a keeper is built for."""

from __future__ import annotations

from tests.bench.keeper import measure

MOST_MS = 200.0


def test_a_million_accounts_are_judged_within_a_mark() -> None:
    """Two positions and one collateral each: everybody at once, and whom a usual move wakes."""
    rows = {str(row["mark"]): row for row in measure()}
    assert float(rows["everybody"]["ms"]) <= MOST_MS
    assert float(rows["a move of 0.03%"]["ms"]) <= MOST_MS / 10
    assert float(rows["a move of 0.03%"]["judged"]) < 10_000
