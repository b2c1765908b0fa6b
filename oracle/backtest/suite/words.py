"""What `docs/accuracy.md` says around its tables."""

from __future__ import annotations

from typing import Final

INTRODUCTION: Final = """\
<!-- Made by `plumb backtest --suite DATA --out docs`; change oracle/backtest/suite instead. -->

# Accuracy

How near the engine comes to what venues publish, what it publishes when sources lie, and where its
defaults come from. Everything here is made by one command from recorded market data, which is
not part of the project (`PLUMBLINE_DATA` names its folder):

    plumb backtest --suite DATA --out docs

The same comparison on your own ticks, your own configuration and what your venue published:

    plumb backtest TICKS... --config FILE --published FILE --out DIR [--corrupt]

(`--published`: CSV or Parquet with `time_ns`, `market` and any of `index`, `mark`, `funding`;
`--corrupt`: k of each market's own n sources lie, as below.)

Each recording is cut in half by time. Parameters were chosen on the first half; unless a table says
otherwise its figures are of the second. Errors are in basis points of what was published: *bias* is
the median of the signed error, *median*, *p99* and *worst* are of the absolute one. A figure is
held against the last step at or before its time, never against a later one. *Answered* says how
often there was a price at all: an algorithm that says nothing cannot be wrong.

The plain aggregators get the same sources, the same maximum ages and our conversion into the quote
currency, and nothing else: *mean*, *median* (of two in the middle the mean), *first fresh* (a
waterfall in configured order) and *volume mean* (weights: volume, decayed over 30 minutes)."""

FORMULAS: Final = """\
## Formulas against published vectors

Held by tests (`tests/unit/engine/test_published_funding.py`, `test_pyth_vectors.py`), not by this
command:

| published | rows | ours |
| --- | --- | --- |
| Hyperliquid BTC, hourly rate from premium, 2024-2025 | 12,192 | all round to the published rate: \
11,570 digit for digit, 622 lie exactly between two decimals |
| Hyperliquid BTC, the same, summer 2026 | 1,056 | all: 1,008 digit for digit, 48 between two |
| Hyperliquid, premium from impact prices, main exchange | 179 | all, digit for digit |
| Pyth, price and confidence from publishers' quotes | 39 | all, exactly |
| Pyth, EMA of price and confidence | 659 | all, exactly, when our rule computes with Pyth's \
28-bit decimals; in floats within 6e-7 |

The venue rounds a premium that it does not publish, so that where our figure lies between two
decimals it goes up as often as down: no rounding can do better."""

PUBLISHED: Final = """\
## Index and mark against what was published"""

LIARS: Final = """\
## k of n sources lie

Sources lie for an hour, are honest for an hour, and so on; who lies, and whether upwards or
downwards, is drawn anew each time. The truth is the plain median of all nine honest series,
including those that a case does not use: no aggregator is right by definition, and the *honest* row
is what sampling alone costs. Scored are the minutes of attack in which all n sources are fresh, so
that k of n means what it says. *Not VALID* is the share of those minutes in which our mark said so
itself; *worst while VALID* is the error that nobody was warned of.

What the tables say:

- **Less than half lie:** the index stays among the honest prices. What is left of an error is how
  far the honest ones are apart: k liars on one side push the median to the k-th honest one on the
  other. A plain median does the same; mean and volume mean go wherever one liar wants.
- **Against a plain median** the engine gains where admission can refuse a lie (wrong exponents),
  and in what it says of itself. It does not place the index better than a median can. With an even
  number its tie goes to the lower price, one that somebody sent, where a plain median takes the
  middle of two: that is less steady, and at half liars the middle is half a lie.
- **A majority lies:** no aggregation helps. A common price 0.2 % off passes unseen. Larger ones
  show as uncertainty while an honest minority disagrees, and a wrong exponent leaves no index.
- **Alarms have a price.** One liar of three, 2 % off, can hold a market at TOO_UNCERTAIN, which
  forbids opening and withdrawing though the index is right; two of five need to."""

PARAMETERS: Final = """\
## Defaults

Each value of a parameter has a *cost* on honest data and leaves some *harm* under attack. Of the
values whose cost on the first half is within the budget, the one with the least harm there is
*chosen* (where none is within it, the cheapest); the second half says what it then does. *BTC* is
21 days of minutes on seven series with USDC's loss of its peg. *POL* is one day of ten-second steps
on three venues, one of them all but idle, and two more made of their noise; its second half is the
crash of 10 October 2025. Where the two disagree the default is for a market with five or more
liquid sources. *Default* is what a configuration has that does not say otherwise."""

CHOICES: Final = {
    "outlier.floor": "25 bps: the least that costs honest BTC prices a label in a hundred. A thin "
    "market's venues are further apart than that: give it 100 bps",
    "outlier.mads": "5: more misses lies, less labels honest prices",
    "outlier.ceiling": "100 bps: labels more lies at hardly any cost on either",
    "max_step": "1000 bps: below it a thin market loses one honest price in a thousand, and BTC "
    "gains nothing",
    "admission.max_unchanged": "20 min: sooner it refuses honest prices of a thin market in a "
    "crash; switched off, a frozen price votes for ever",
    "max_confidence": "100 bps: nearly all large errors that two of three liars cause then say so, "
    "for one honest minute in a thousand; half of that costs a thin market one in a hundred",
    "breaker.dispersion guarded": "off: a majority agrees with itself, so it sees nothing that the "
    "confidence does not",
    "breaker.deviations": "5 min 200/500: a longer window warns of little more, and guards a crash "
    "for an hour after it; a slow drift is not what it is for",
}

LIMITS: Final = """\
## What this page cannot show

- **No venue's index could be rebuilt.** No recording holds a published index together with the spot
  quotes it was made of. The index is therefore held against a venue that was left out, and marks
  are computed from a venue's own published index.
- **Seconds.** The longest recordings with several venues are minute closes; those at the second
  hold trades of two or three venues on one day. Half-spreads, ages of quotes and reactions within a
  minute are not tested here but in the incident replays, whose ticks are made, not recorded.
- **Two periods.** One stablecoin's loss of peg and one crash. The halves of a recording are not
  independent of each other, and rare events decide the p99 and worst columns.
- **Made liars.** The lies are ours, simple and loud but for the smallest. Someone who knows these
  rules would stay below them: see the rows of 0.2 %.
- **Weights by volume** come out slightly nearer than equal ones. They stay off by default, because
  volume can be bought by the one who lies, which no recording shows."""
