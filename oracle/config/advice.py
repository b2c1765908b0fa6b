"""What a configuration may say but probably does not mean: printed by `plumb config check`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from oracle.config.markets import MarketConfig, SourceConfig
from oracle.config.operators import operator_of
from oracle.config.root import Config, conversion_edge

_WITHOUT_PERPS = {"index_only", "twap_only"}
_NEED_PERPS = {"median3_ema", "median3_funding", "fair_basis"}


def advice(config: Config) -> list[str]:
    """Return a sentence for each thing that a start accepts and a reviewer should ask about."""
    edges = {
        conversion_edge(entry.quote, name)
        for name, market in config.markets.items()
        for entry in (*market.sources, *market.perps)
    }
    brought = _brought(config)
    found = []
    for name, market in config.markets.items():
        said = [*_origins(market), *_quotes(market), *_mark(market), *_funding(market)]
        said += [*_breaker(market, converts=name in edges), *_silent(market, brought)]
        found += [f"market {name}: {sentence}" for sentence in said]
    return found + list(_proofs(config))


def _proofs(config: Config) -> Iterator[str]:
    """What a member observed from is in its own archive, and nowhere else."""
    if config.committee is None or not config.committee.peers:
        return
    if config.archive is None:
        yield "committee.peers without archive: nobody can prove this member's marks afterwards"
    elif not config.archive.serve_for:
        yield (
            "committee.peers without archive.serve_for: others cannot check what this member "
            "observed from; give 7d or more"
        )


def _origins(market: MarketConfig) -> Iterator[str]:
    """One operator that counts as two origins halves what a quorum of origins is worth."""
    for kind in (market.sources, market.perps):
        venues = {entry.venue: entry for entry in kind if not entry.symbol.startswith("0x")}
        for one, other in combinations(venues.values(), 2):
            same = operator_of(one.venue) == operator_of(other.venue)
            if same and one.origin != other.origin:
                yield (
                    f"{one.venue} and {other.venue} have one operator, and count as two origins "
                    f"({one.origin}, {other.origin}): leave 'origin' out, or be sure of it"
                )


def _quotes(market: MarketConfig) -> Iterator[str]:
    """A quote that the symbol contradicts is how a conversion leg gets lost."""
    at_par: dict[tuple[str, str], list[str]] = {}
    for entry in (*market.sources, *market.perps):
        named = entry.pair[1]
        if named and named != entry.quote:
            at_par.setdefault((named, entry.quote), []).append(entry.source)
    for (named, quote), sources in at_par.items():
        yield (
            f"{', '.join(sources)}: {named} is taken as {quote} at par; right only while one "
            f"{named} is worth one {quote}, else leave 'quote' out, to convert"
        )


def _mark(market: MarketConfig) -> Iterator[str]:
    method = market.mark.method
    if method in _WITHOUT_PERPS and market.perps and market.funding is None:
        yield f"mark {method} uses no perps, and there is no funding: they are only shown"
    if method in _NEED_PERPS and not market.perps:
        yield f"mark {method} without perps is the index: name perps, or write mark: index_only"


def _funding(market: MarketConfig) -> Iterator[str]:
    if market.funding is None:
        return
    premium = market.funding.premium
    if premium == "mark" and market.mark.method == "index_only":
        yield "funding.premium mark with mark index_only is always zero"
    elif premium != "mark" and not market.perps:
        yield f"funding.premium {premium} needs perps: without them there is no rate"


def _breaker(market: MarketConfig, *, converts: bool) -> Iterator[str]:
    breaker = market.breaker
    if breaker.peg is not None and not converts:
        yield "breaker.peg guards it, but no source converts through this market: nothing is cut"
    oldest = max(entry.max_age or market.max_age for entry in market.sources)
    if breaker.stale is not None and breaker.stale >= oldest:
        yield (
            f"breaker.stale {_seconds(breaker.stale)} is never reached: no source counts beyond "
            f"its max_age, {_seconds(oldest)} at most"
        )


def _silent(market: MarketConfig, brought: set[str] | None) -> Iterator[str]:
    """A source that no feed brings never counts, and nothing but a quorum would show it."""
    if brought is None:
        return
    for entry in (*market.sources, *market.perps):
        if entry.source not in brought:
            yield f"no feed brings {entry.source}{_near(entry, brought)}"


def _near(entry: SourceConfig, brought: set[str]) -> str:
    of_venue = sorted(name for name in brought if name.startswith(f"{entry.venue}:"))
    return f": those of {entry.venue} bring {', '.join(of_venue)}" if of_venue else ""


def _brought(config: Config) -> set[str] | None:
    """Return the sources that the feeds bring; None where files decide, or others bring them."""
    brought: set[str] = set()
    for feed in config.feeds:
        match feed.kind:
            case "ccxt":
                brought |= {f"{feed.venue}:{symbol}" for symbol in feed.symbols}
            case "uniswap3":
                brought |= {f"uniswap3:{pool.address}" for pool in feed.pools}
            case "replay":
                return None
    return brought or None


def _seconds(ns: int) -> str:
    return f"{ns / 1e9:g}s"
