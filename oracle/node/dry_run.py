"""Judges a configuration by a trial run: its prices against the current ones and each other's.

Pure: what was seen comes in as values (`oracle.node.trial` collects them), verdicts go out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median_low
from typing import Final

from oracle.config.markets import base_of, quote_of
from oracle.engine.spec import MarketSpec
from oracle.node.causes import likely_cause, symbol_quote

_MAJORITY: Final = 3
"""So many prices have a median that one of them cannot move far."""


class Verdict(StrEnum):
    """What became of one market."""

    OK = "ok"
    NEW = "new"
    """It has a price, and there is no current one to compare it with."""
    NO_PRICE = "no price"
    """Below quorum, and it has no current price either."""
    REFUSED = "refused"


@dataclass(frozen=True)
class Place:
    """One source in one market, over the trial."""

    source: str
    origin: str
    ticks: int
    price: float
    """Its newest price, converted; NaN without one."""
    reason: str
    """Why it does not count at the end; empty when it does."""
    counted: float
    """Share of the steps in which it counted."""


@dataclass(frozen=True)
class Observed:
    """One market, over the trial. What is missing is NaN."""

    market: MarketSpec
    price: float
    """The last index that there was."""
    factor: float
    """The median, over the trial, of its index against the current one."""
    covered: float
    """Share of the steps with a current index in which it had one too."""
    sources: tuple[Place, ...]
    perps: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Current:
    """What is published now, or what the configuration in force gives on the same ticks."""

    number: int
    price: float


@dataclass(frozen=True)
class Judged:
    """One market's verdict with what speaks against it, and what is only worth knowing."""

    observed: Observed
    current: float
    verdict: Verdict
    refusals: tuple[str, ...]
    notes: tuple[str, ...]


def judge(
    trial: Sequence[Observed], current: Mapping[str, Current], bound_bps: float
) -> list[Judged]:
    """Judge every market; `bound_bps` is how far a price may be from the current one."""
    prices = {name: known.price for name, known in current.items()}
    prices |= {seen.market.name: seen.price for seen in trial if not math.isnan(seen.price)}
    return [_judge(seen, current, prices, bound_bps) for seen in trial]


def no_longer(trial: Sequence[Observed], current: Mapping[str, Current]) -> list[str]:
    """Return the markets that have a current price and are not in the trial."""
    return sorted(current.keys() - {seen.market.name for seen in trial})


def _judge(
    seen: Observed, current: Mapping[str, Current], prices: Mapping[str, float], bound_bps: float
) -> Judged:
    known = current.get(seen.market.name)
    expected = math.nan if known is None else known.price
    refusals = [
        *_number(seen.market, current),
        *_price(seen, expected, prices, bound_bps),
        *_pars(seen.market, prices, bound_bps),
        *_scales(seen, expected, prices),
    ]
    if refusals:
        verdict = Verdict.REFUSED
    elif math.isnan(seen.price):
        verdict = Verdict.NO_PRICE
    else:
        verdict = Verdict.NEW if math.isnan(expected) else Verdict.OK
    return Judged(seen, expected, verdict, tuple(refusals), tuple(_notes(seen, expected)))


def _number(market: MarketSpec, current: Mapping[str, Current]) -> Iterator[str]:
    """A market's number is its place on chains: another one is another market's price there."""
    known = current.get(market.name)
    if known is not None and known.number != market.number:
        yield f"number {market.number} given, {known.number} in use: chains find it by its number"
    for name, other in current.items():
        if name != market.name and other.number == market.number:
            yield f"number {market.number} is that of {name}: never give a used one away"


def _price(
    seen: Observed, expected: float, prices: Mapping[str, float], bound_bps: float
) -> Iterator[str]:
    if math.isnan(expected):
        return
    if seen.covered < 1 / 2:
        given = f"a price in {seen.covered:.0%} of the steps only" if seen.covered else "no price"
        yield (
            f"{given} given, {figure(expected)} expected: {_quorum(seen)}; if sources send seldom, "
            "give more time by --for"
        )
    if abs(seen.factor - 1) * 1e4 > bound_bps:
        cause = likely_cause(seen.price, seen.factor, seen.market, prices)
        yield (
            f"price {figure(seen.price)} given, {figure(expected)} expected, "
            f"{_off(seen.factor)}; likely cause: {cause or 'not known'}"
        )


def _pars(market: MarketSpec, prices: Mapping[str, float], bound_bps: float) -> Iterator[str]:
    """Find sources taken at par in another currency than they quote in, which is not at par."""
    wanted = quote_of(market.name)
    for entry in market.sources + market.perps:
        named = symbol_quote(entry.source)
        taken_as = wanted if entry.edge is None else base_of(entry.edge)
        par = prices.get(f"{named}-{taken_as}", math.nan)
        if named != taken_as and abs(par - 1) * 1e4 > bound_bps:
            yield (
                f"source {entry.source}: {named} taken as {taken_as}, and {named}-{taken_as} is "
                f"{figure(par)}: the conversion leg is missing; leave 'quote' out, to convert"
            )


def _scales(seen: Observed, expected: float, prices: Mapping[str, float]) -> Iterator[str]:
    """Find sources whose scale is off: by the sources' median, where it can tell, or each other."""
    known = [place.price for place in seen.sources if not math.isnan(place.price)]
    for place in seen.sources:
        if len(known) >= _MAJORITY:
            reference = median_low(known)
        elif not math.isnan(expected):
            reference = expected
        else:
            reference = next((price for price in known if price != place.price), math.nan)
        yield from _scale(seen.market, place, reference, prices)
    for place in seen.perps:
        yield from _scale(seen.market, place, seen.price, prices)


def _scale(
    market: MarketSpec, place: Place, reference: float, prices: Mapping[str, float]
) -> Iterator[str]:
    factor = place.price / reference
    if math.isnan(factor):
        return
    rules, off = market.admission, max(factor, 1 / factor)
    if off < rules.leg_scale:
        return
    cause = likely_cause(place.price, factor, market, prices)
    if cause or off >= rules.max_scale:
        yield (
            f"source {place.source}: price {figure(place.price)} given, {figure(reference)} "
            f"expected, {_off(factor)}; likely cause: {cause or 'not known'}"
        )


def _notes(seen: Observed, expected: float) -> Iterator[str]:
    if math.isnan(seen.price) and math.isnan(expected):
        yield f"no price: {_quorum(seen)}"
    for place in (*seen.sources, *seen.perps):
        if not place.ticks:
            yield f"{place.source} sent nothing"
        elif place.reason:
            yield f"{place.source} does not count: {place.reason}{_part(place)}"
        elif place.counted < 1 / 2:
            yield f"{place.source} counted in {place.counted:.0%} of the steps only"


def _part(place: Place) -> str:
    return f" (it counted in {place.counted:.0%} of the steps)" if place.counted else ""


def _quorum(seen: Observed) -> str:
    counted = [place for place in seen.sources if not place.reason]
    origins = {place.origin for place in counted}
    return (
        f"at the end {len(counted)} of {len(seen.sources)} sources of {len(origins)} origins "
        f"count, and the quorum is {seen.market.min_sources} of {seen.market.min_origins}"
    )


def figure(price: float) -> str:
    """Show a price with six digits; nothing for a missing one."""
    return "-" if math.isnan(price) else f"{price:,.6g}"


def factor_text(factor: float) -> str:
    """Show a small deviation in per cent, a large one as a factor."""
    if math.isnan(factor):
        return "-"
    if 1 / 2 < factor < 2:
        return f"{(factor - 1) * 100:+.2f} %"
    return f"{factor:,.4g}" if factor > 1 else f"1/{1 / factor:,.4g}"


def _off(factor: float) -> str:
    shown = factor_text(factor)
    return f"off by {shown}" if shown.endswith("%") else f"off by a factor of {shown}"
