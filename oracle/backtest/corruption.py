"""How a source lies, applied to a recorded price series within windows of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from oracle.backtest.naive import mean

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MINUTE_NS: Final = 60 * 10**9
DRIFT_PER_MINUTE: Final = 0.001
WICK: Final = 0.10
WICK_SHARE: Final = 0.05


@dataclass(frozen=True)
class Window:
    """Steps from `first` up to but without `end`, in which `corrupted` sources lie."""

    first: int
    end: int
    corrupted: Ints
    """All sources in the order in which they are corrupted: the first k of them are."""

    @property
    def steps(self) -> slice:
        """The steps inside."""
        return slice(self.first, self.end)


Corrupt = Callable[[Floats, Ints, np.random.Generator], Floats]
"""From honest prices (steps, k) and step times to what is sent instead; NaN sends nothing."""


def frozen(prices: Floats, _time_ns: Ints, _random: np.random.Generator) -> Floats:
    """Repeat the window's first price with fresh times."""
    present = np.isfinite(prices)
    first = prices[np.argmax(present, axis=0), np.arange(prices.shape[1])]
    return np.where(present, first, np.nan)


def scaled(factor: float) -> Corrupt:
    """Return a corruption that is off by a factor: a wrong exponent."""

    def corrupt(prices: Floats, _time_ns: Ints, _random: np.random.Generator) -> Floats:
        return prices * factor

    return corrupt


def drifting(prices: Floats, time_ns: Ints, random: np.random.Generator) -> Floats:
    """Creep up or down by 0.1 % a minute, all corrupted sources alike."""
    minutes = (time_ns - time_ns[0]) / MINUTE_NS
    made: Floats = prices * (1.0 + _side(random) * DRIFT_PER_MINUTE * minutes)[:, None]
    return made


def wicking(prices: Floats, _time_ns: Ints, random: np.random.Generator) -> Floats:
    """Jump by 10 % up or down for one step in twenty, each source for itself."""
    jumps = random.random(prices.shape) < WICK_SHARE
    side = np.where(random.random(prices.shape) < 0.5, 1.0 + WICK, 1.0 - WICK)
    return np.where(jumps, prices * side, prices)


def colluding(offset: float) -> Corrupt:
    """Return a corruption in which all send one common price, above or below by an offset."""

    def corrupt(prices: Floats, _time_ns: Ints, random: np.random.Generator) -> Floats:
        common = mean(prices, prices) * (1.0 + _side(random) * offset)
        return np.where(np.isfinite(prices), common[:, None], np.nan)

    return corrupt


def _side(random: np.random.Generator) -> float:
    """Return which way the liars of one window lie."""
    return 1.0 if random.random() < 0.5 else -1.0


KINDS: Final[Mapping[str, Corrupt]] = {
    "frozen": frozen,
    "scaled x10": scaled(10.0),
    "scaled x1e-8": scaled(1e-8),
    "drifting 0.1 %/min": drifting,
    "wicking 10 %": wicking,
    "colluding 0.2 %": colluding(0.002),
    "colluding 2 %": colluding(0.02),
    "colluding 20 %": colluding(0.20),
}


def windows(
    time_ns: Ints, sources: int, random: np.random.Generator, *, attack_ns: int, rest_ns: int
) -> list[Window]:
    """Return alternating windows: `rest_ns` of honesty, then `attack_ns` of corruption."""
    made = []
    start_ns = int(time_ns[0]) + rest_ns
    while start_ns + attack_ns <= int(time_ns[-1]):
        first, end = np.searchsorted(time_ns, [start_ns, start_ns + attack_ns])
        made.append(Window(int(first), int(end), random.permutation(sources)))
        start_ns += attack_ns + rest_ns
    return made


def corrupt(
    prices: Floats,
    time_ns: Ints,
    attacks: list[Window],
    kind: str,
    count: int,
    random: np.random.Generator,
) -> Floats:
    """Return the prices with `count` sources corrupted in every window."""
    made = prices.copy()
    for attack in attacks if count else ():
        columns = [int(each) for each in attack.corrupted if each < prices.shape[1]][:count]
        honest = prices[attack.steps][:, columns]
        made[attack.steps, columns] = KINDS[kind](honest, time_ns[attack.steps], random)
    return made


def attacked(steps: int, attacks: list[Window]) -> Bools:
    """Return which steps lie in a window."""
    inside = np.zeros(steps, np.bool_)
    for attack in attacks:
        inside[attack.steps] = True
    return inside
