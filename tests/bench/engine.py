"""`plumb bench engine` as rows of `make bench`: whole steps beside the plain-Python reference."""

from __future__ import annotations

from oracle.cli.bench_engine import CASES, measure_case


def measure() -> list[dict[str, float]]:
    """Time steps in which every source has a new quote."""
    return [_row(measure_case(*case)) for case in CASES]


def _row(case: dict[str, float]) -> dict[str, float]:
    ours, reference = case["source_prices_per_s"], case["reference_source_prices_per_s"]
    return {
        "markets": case["markets"],
        "sources": case["sources"],
        "step_ms": case["step_ms"],
        "prices/s": ours,
        "reference/s": reference,
        "ratio": ours / reference,
    }
