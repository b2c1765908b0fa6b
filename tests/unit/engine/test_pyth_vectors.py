"""Pyth's published aggregation and EMA vectors, out of the engine's own functions.

Source: pyth-client `program/rust/test_data` (aggregation/*.json, ema/*.csv) with the expected
results of its on-chain program (`upd_aggregate.h`, `price_model.c`, `pd.h`).
"""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from oracle.engine.averages import add_sample
from oracle.engine.quantile import median, quartiles, sort_pairs
from tests.recorded import recorded

pytestmark = pytest.mark.data

DECAY_PER_SLOT = (-117065, -9)
"""Pyth's first order of 2^(-1/5921), as mantissa and exponent."""
RESET_SLOTS = 4145
"""After a longer gap its average starts anew."""


def _toward_zero(dividend: int, divisor: int) -> int:
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


class PythNumber:
    """Pyth's decimal (`pd_t`): a mantissa of 28 bits after each operation, cut toward zero."""

    def __init__(self, mantissa: int, exponent: int, *, whole: bool = False) -> None:
        while not whole and abs(mantissa) >= 1 << 28:
            mantissa, exponent = _toward_zero(mantissa, 10), exponent + 1
        self.mantissa, self.exponent = mantissa, exponent

    def __mul__(self, other: PythNumber) -> PythNumber:
        return PythNumber(self.mantissa * other.mantissa, self.exponent + other.exponent)

    def __truediv__(self, other: PythNumber) -> PythNumber:
        if self.mantissa == 0:
            return self
        dividend, shift = self.mantissa, 0
        while abs(dividend) < 1 << 28:
            dividend, shift = dividend * 10, shift + 1
        quotient = _toward_zero(dividend * 10**9, other.mantissa)
        return PythNumber(quotient, self.exponent - other.exponent - shift - 9)

    def __add__(self, other: PythNumber) -> PythNumber:
        apart = self.exponent - other.exponent
        if apart < 0:
            return other + self
        if apart < 9:
            return PythNumber(self.mantissa * 10**apart + other.mantissa, other.exponent)
        if apart >= 27:
            return self
        cut = _toward_zero(other.mantissa, 10 ** (apart - 9))
        return PythNumber(self.mantissa * 10**9 + cut, self.exponent - 9)

    def stored(self) -> PythNumber:
        """Return what its account keeps between updates: no exponent below -16."""
        shift = max(-16 - self.exponent, 0)
        return PythNumber(_toward_zero(self.mantissa, 10**shift), self.exponent + shift)

    def at(self, exponent: int) -> int:
        """Return the mantissa at another exponent."""
        shift = self.exponent - exponent
        return self.mantissa * 10**shift if shift > 0 else _toward_zero(self.mantissa, 10**-shift)


ZERO, ONE = PythNumber(0, 0), PythNumber(100_000_000, -8, whole=True)


@pytest.fixture(scope="module")
def vectors() -> dict[str, str]:
    """Return the vector files by name."""
    path = recorded("reference_vectors/pyth_client_aggregation_ema_vectors.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {row["file"]: row["content"] for row in rows}


def _aggregate(quotes: list[dict[str, int]]) -> tuple[int, int, str]:
    """Aggregate as Pyth does, by the engine's vote quantiles."""
    valid = [quote for quote in quotes if quote["conf"] > 0]
    if not valid:
        return 0, 0, "unknown"
    runs = [
        np.array([quote["price"] + side * quote["conf"] for quote in valid], np.float64)
        for side in (-1, 0, 1)
    ]
    ones = np.ones((3, len(valid)), np.int64)
    votes, one_each = np.concatenate(runs), ones.reshape(-1)
    # The lowest and the highest median; Pyth takes the middle of them, rounded down.
    low = median(votes.copy(), one_each.copy(), len(votes))
    high = -median(-votes, one_each.copy(), len(votes))
    price = (int(low) + int(high)) // 2
    for run, weights in zip(runs, ones, strict=True):
        sort_pairs(run, weights, len(valid))
    lower, upper = quartiles(*runs, ones, len(valid))
    return price, max(price - int(lower), int(upper) - price), "trading"


def test_aggregation_is_exact(vectors):
    """Price and confidence of all 39 cases, out of our median and quartiles of votes."""
    cases = [name for name in vectors if name.startswith("aggregation/") and name.endswith("json")]
    assert len(cases) == 39
    for name in cases:
        expected = json.loads(vectors[name.replace(".json", ".result")])
        made = _aggregate(json.loads(vectors[name])["quotes"])
        assert made == (expected["price"], expected["conf"], expected["status"]), name


def _rows(vectors: dict[str, str]) -> dict[str, list[list[int]]]:
    """Return price, confidence, exponent, slots, expected price and confidence EMA by file."""
    return {
        name: [[int(cell) for cell in line.split(",")] for line in text.split()[1:]]
        for name, text in vectors.items()
        if name.startswith("ema/") and name.endswith(".result")
    }


class PythAverage:
    """Our EMA's update rule, on Pyth's numbers."""

    def __init__(self) -> None:
        self.state = SimpleNamespace(weighted=ZERO, weight=ZERO)

    def add(self, value: PythNumber, conf: PythNumber, slots: int) -> PythNumber:
        """Weigh by the inverse of the confidence, decay by slots, return the average."""
        weight = ONE / conf if conf.mantissa else ONE
        reset = slots > RESET_SLOTS
        kept = PythNumber(*DECAY_PER_SLOT, whole=True) * PythNumber(slots, 0, whole=True) + ONE
        add_sample(self.state, value, weight, ZERO if reset else kept)
        made = value if reset else self.state.weighted / self.state.weight
        self.state.weighted = self.state.weighted.stored()
        self.state.weight = self.state.weight.stored()
        return made


def test_ema_is_exact_on_pyth_numbers(vectors):
    """All 659 rows, digit for digit, when our update rule computes with Pyth's decimals."""
    rows = _rows(vectors)
    assert sum(map(len, rows.values())) == 659
    for name, steps in rows.items():
        prices, confs = PythAverage(), PythAverage()
        for price, conf, exponent, slots, *expected in steps:
            value, width = PythNumber(price, exponent), PythNumber(conf, exponent)
            made = [prices.add(value, width, slots), confs.add(width, width, slots)]
            assert [each.at(exponent) for each in made] == expected, name


def test_ema_in_floats_is_as_near_as_their_rounding(vectors):
    """On floats it is within 6e-7 of theirs: the error of 28 bits, not of the rule."""
    kind = np.dtype((np.record, np.dtype([("weighted", "f8"), ("weight", "f8")])))
    for name, steps in _rows(vectors).items():
        state = np.zeros(1, kind)
        for price, conf, _, slots, expected, _ in steps:
            keep = 0.0 if slots > RESET_SLOTS else 1.0 - 117065e-9 * slots
            add_sample(state[0], float(price), 1.0 / conf, keep)
            made = state[0].weighted / state[0].weight
            assert made == pytest.approx(expected, rel=6e-7, abs=1.0), name
