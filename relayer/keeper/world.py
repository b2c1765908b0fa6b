"""Everything but the accounts that margin depends on: parameters, funding, rates and prices."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from oracle.model.fixed import Px
from oracle.model.validity import Validity
from oracle.report.word import (
    GROUP_SIZE,
    PAUSE_MASK,
    PAUSE_SHIFT,
    PRICE_SCALE,
    decode_word,
)
from relayer.evm.endpoint import Head
from relayer.keeper import abi
from relayer.keeper.abi import Function
from relayer.keeper.chain import Call, PerpReader
from relayer.keeper.health import World
from relayer.keeper.margin import CollateralNow, MarketNow
from relayer.keeper.params import LIQUIDATE, CollateralRisk, GlobalRisk, MarketRisk

_GROUP_WORD: Final = Function("groupWord", ("uint256",), ("bytes32",))


class MarketState(NamedTuple):
    """What the engine holds of a market."""

    long: int
    short: int
    cost: int
    funding_basis: int
    long_index: int
    short_index: int
    velocity_rate: int
    accrued_s: int
    insured: int = 0
    """Of the fees, what the pool still owes the insurance."""


class Quote(NamedTuple):
    """A market's newest mark: stored, or brought by a report that may be carried along."""

    price: int
    validity: Validity
    time_ms: int
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What the chain says at a block; prices of the words that it stores are in `stored`."""

    head: Head
    risk: GlobalRisk
    markets: Mapping[int, MarketRisk]
    states: Mapping[int, MarketState]
    collaterals: Mapping[int, CollateralRisk]
    rates: Mapping[int, int]
    stored: Mapping[int, bytes]
    """Group to its word."""
    pool_cash: int
    reserve_cash: int

    @property
    def groups(self) -> set[int]:
        """Groups that anybody's margin depends on."""
        return set(self.stored)

    def stored_ms(self, group: int) -> int:
        """Return the time of a stored word."""
        return decode_word(_unpaused(self.stored[group])).time_ms if any(self.stored[group]) else 0

    def quotes(self, words: Mapping[int, bytes]) -> dict[int, Quote]:
        """Return each market's newest mark: a report's where that is newer than what is stored."""
        found: dict[int, Quote] = {}
        for group, held in self.stored.items():
            word = _unpaused(held)
            offered = words.get(group, word)
            newest = max((word, offered), key=lambda one: decode_word(one).time_ms)
            pauses = int.from_bytes(held, "big") >> PAUSE_SHIFT & 0xF
            read = decode_word(newest)
            for at, entry in enumerate(read.entries):
                found[group * GROUP_SIZE + at] = Quote(
                    _e18(entry.price), entry.validity, read.time_ms, bool(pauses >> at & 1)
                )
        return found

    def world(self, words: Mapping[int, bytes], now_ms: int) -> World:
        """Return what accounts are judged by, at the newest marks."""
        quotes = self.quotes(words)

        def usable(market: int, max_age_ms: int) -> bool:
            quote = quotes[market]
            return (
                quote.price > 0
                and not quote.paused
                and self.risk.allows(quote.validity, LIQUIDATE)
                and now_ms - quote.time_ms <= max_age_ms
            )

        return World(
            {
                number: MarketNow(
                    quotes[number].price,
                    state.long_index,
                    state.short_index,
                    self.markets[number],
                    usable(number, self.markets[number].max_age_ms),
                )
                for number, state in self.states.items()
            },
            {
                number: CollateralNow(_lower(quotes, risk), self.rates[number], risk)
                for number, risk in self.collaterals.items()
            },
            self.risk,
        )


async def read_rules(reader: PerpReader, head: Head, collaterals: Collection[int]) -> Rules:
    """Read everything at a block; `collaterals` are those that any account holds."""
    at = reader.contracts
    first = await reader.read(
        head,
        [
            (at.risk, abi.GLOBAL_RISK, ()),
            (at.engine, abi.OPEN_MARKETS, ()),
            (at.vault, abi.CASH_OF, (abi.POOL,)),
            (at.vault, abi.CASH_OF, (abi.RESERVE,)),
        ],
    )
    open_markets: list[int] = list(first[1][0])
    held = sorted(collaterals)
    calls: list[Call] = []
    for market in open_markets:
        calls += [(at.risk, abi.MARKET_RISK, (market,)), (at.engine, abi.MARKET_STATE, (market,))]
    for collateral in held:
        calls += [
            (at.risk, abi.COLLATERAL_RISK, (collateral,)),
            (at.vault, abi.RATE, (collateral,)),
        ]
    answers = await reader.read(head, calls)
    split = 2 * len(open_markets)
    risks = {number: CollateralRisk.of(found) for number, found in _each(held, answers[split::2])}
    priced = [*open_markets]
    for risk in risks.values():
        priced += [risk.index_market, risk.twap_market]
    groups = sorted({market // GROUP_SIZE for market in priced})
    words = await reader.read(head, [(at.oracle, _GROUP_WORD, (group,)) for group in groups])
    return Rules(
        head,
        GlobalRisk.of(first[0]),
        {number: MarketRisk.of(found) for number, found in _each(open_markets, answers[:split:2])},
        {number: MarketState(*found) for number, found in _each(open_markets, answers[1:split:2])},
        risks,
        {number: found[0] for number, found in _each(held, answers[split + 1 :: 2])},
        {group: word for group, (word,) in zip(groups, words, strict=True)},
        first[2][0],
        first[3][0],
    )


def _each(
    numbers: list[int], answers: list[tuple[int, ...]]
) -> Iterable[tuple[int, tuple[int, ...]]]:
    return zip(numbers, answers, strict=True)


def _unpaused(word: bytes) -> bytes:
    return (int.from_bytes(word, "big") & ~PAUSE_MASK).to_bytes(32, "big")


def _e18(price: Px | None) -> int:
    if price is None:
        return 0
    shift = price.exponent + PRICE_SCALE
    return int(price.mantissa * 10**shift)  # no report has a price below 10^-18


def _lower(quotes: Mapping[int, Quote], risk: CollateralRisk) -> int:
    """Return the lower of index and TWAP, or the one that there is."""
    prices = [quotes[market].price for market in (risk.index_market, risk.twap_market)]
    return min(prices) if all(prices) else sum(prices)
