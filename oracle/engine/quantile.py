"""Weighted medians and quartiles with whole-number weights; ties take the lower.

Rows are short. Counting how many values are below each is the fastest way to order them: no branch
depends on the prices. What is nearly in order already is sorted by insertion.
"""

from __future__ import annotations

import math
from typing import Any, Final

from oracle.engine.compiled import compiled

BLOCK: Final = 16


@compiled
def ranks(values: Any, found: Any, count: int) -> None:
    """Put each value's place in ascending order into `found`; equal ones keep theirs.

    `values` has room for a multiple of BLOCK, and is filled up with infinity: loops of a fixed
    length become a few vector instructions.
    """
    for n in range(count, (count + BLOCK - 1) // BLOCK * BLOCK):
        values[n] = math.inf
    total = 0
    found[:count] = 0
    for first in range(0, count, BLOCK):
        block = values[first : first + BLOCK]
        for n in range(count):
            value = values[n]
            below = 0
            for m in range(BLOCK):
                below += 1 if block[m] < value else 0
            found[n] += below
            total += below
    if total == count * (count - 1) // 2:
        return  # all differ
    for n in range(count):
        for m in range(n):
            found[n] += 1 if values[m] == values[n] else 0


@compiled
def sort_pairs(values: Any, weights: Any, count: int) -> None:
    """Sort the first `count` values, ascending, and their weights with them."""
    for n in range(1, count):
        value, weight = values[n], weights[n]
        at = n
        while at > 0 and values[at - 1] > value:
            values[at], weights[at] = values[at - 1], weights[at - 1]
            at -= 1
        values[at], weights[at] = value, weight


@compiled
def reorder(values: Any, weights: Any, count: int, spare: Any, places: Any) -> None:
    """Sort the first `count` values, ascending, and their weights, by rank; two rows are scratch.

    `spare` has two rows of floats, the second for the weights: whole numbers below 2**53.
    """
    disorder = 0
    for n in range(1, count):
        disorder += 1 if values[n] < values[n - 1] else 0
    if disorder == 0:
        return
    ranks(values, places, count)
    for n in range(count):
        spare[0, n], spare[1, n] = values[n], float(weights[n])
    for n in range(count):
        values[places[n]], weights[places[n]] = spare[0, n], int(spare[1, n])


@compiled
def median_at(weights: Any, count: int) -> int:
    """Return where the weighted median of sorted values is; -1 without weight.

    It is the lowest value with at least half of the weight at or below. With less than half of the
    weight corrupted, it lies between the smallest and the largest honest value.
    """
    total = 0
    for n in range(count):
        total += weights[n]
    below = 0
    for n in range(count):
        below += weights[n]
        if total > 0 and below * 2 >= total:
            return n
    return -1


@compiled
def median(values: Any, weights: Any, count: int) -> float:
    """Sort both in place and return the weighted median; NaN without weight."""
    sort_pairs(values, weights, count)
    at = median_at(weights, count)
    return values[at] if at >= 0 else math.nan


@compiled
def median_distance(values: Any, weights: Any, count: int, at: int) -> float:
    """Return the weighted median of `|value - values[at]|`, values sorted, `at` their median."""
    total = 0
    for n in range(count):
        total += weights[n]
    middle = values[at]
    low, high = at, at + 1
    near = 0
    while True:
        below = middle - values[low] if low >= 0 else math.inf
        above = values[high] - middle if high < count else math.inf
        if below <= above:
            distance = below
            near += weights[low]
            low -= 1
        else:
            distance = above
            near += weights[high]
            high += 1
        if near * 2 >= total:
            return distance


@compiled
def quartiles(low: Any, middle: Any, high: Any, weights: Any, count: int) -> tuple[float, float]:
    """Return the lower and upper quartile of three sorted runs of votes as one.

    `weights` has shape (3, count), one row a run. The upper quartile is the lowest value with at
    least three quarters of the weight at or below; the lower one is its mirror image, so that a
    quarter of the weight moves neither.
    """
    total = 0
    for n in range(count):
        total += weights[0, n] + weights[1, n] + weights[2, n]
    a = b = c = count - 1
    above, upper = 0, math.nan
    while above * 4 <= total:
        left = low[a] if a >= 0 else -math.inf
        mid = middle[b] if b >= 0 else -math.inf
        right = high[c] if c >= 0 else -math.inf
        if right >= mid and right >= left:
            upper = right
            above += weights[2, c]
            c -= 1
        elif mid >= left:
            upper = mid
            above += weights[1, b]
            b -= 1
        else:
            upper = left
            above += weights[0, a]
            a -= 1
    a = b = c = 0
    below, lower = 0, math.nan
    while below * 4 <= total:
        left = low[a] if a < count else math.inf
        mid = middle[b] if b < count else math.inf
        right = high[c] if c < count else math.inf
        if left <= mid and left <= right:
            lower = left
            below += weights[0, a]
            a += 1
        elif mid <= right:
            lower = mid
            below += weights[1, b]
            b += 1
        else:
            lower = right
            below += weights[2, c]
            c += 1
    return lower, upper
