"""Everything that the model and the contracts both know, read of either by the same names."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from tests.integration.contracts_differential.perp_site import Answer, PerpSite
from tests.property.perp_liquidation import Clocks
from tests.property.perp_market import ACCOUNTS, ETHER, KEEPER_ACCOUNT, MARKET_RULES
from tests.property.perp_model import margin_of, worth
from tests.property.perp_player import Player
from tests.property.perp_state import Book, MarketState, Position, Purpose, Row

Reading = dict[tuple[Any, ...], Any]


_SLACK: Final = 2 * len(ACCOUNTS) + 3


class _Read(NamedTuple):
    key: tuple[Any, ...]
    target: str
    function: str
    args: tuple[Any, ...]


def _all() -> list[_Read]:
    reads = [
        _Read(("cash", row), "vault", "cashOf", (row,)) for row in (*Row, *ACCOUNTS, KEEPER_ACCOUNT)
    ]
    for account in (*ACCOUNTS, Row.INSURANCE):
        reads.append(_Read(("shares", account), "vault", "sharesOf", (account, ETHER)))
    for account in ACCOUNTS:
        reads.append(_Read(("clocks", account), "liquidator", "recordOf", (account,)))
        for market in MARKET_RULES:
            reads.append(
                _Read(("position", account, market), "engine", "position", (account, market))
            )
        for purpose in Purpose:
            key = ("margin", account, purpose)
            reads.append(_Read(key, "engine", "marginOf", (account, purpose.value)))
    for market in MARKET_RULES:
        reads.append(_Read(("market", market), "engine", "marketState", (market,)))
        reads.append(_Read(("deficit", market), "liquidator", "deficitOf", (market,)))
    reads.append(_Read(("debt",), "vault", "totalDebtE18", ()))
    reads.append(_Read(("rate",), "vault", "rateE18", (ETHER,)))
    return reads


_READS: Final = _all()


def reading_calls(site: PerpSite, book: Book) -> list[tuple[int, str, bytes]]:
    """Return the calls that read the contracts, at the prices of the book."""
    engine = site.contracts["engine"]
    pnl = [
        (0, "engine", engine.call("tradersPnlE18", (market, book.last_price(market))))
        for market in MARKET_RULES
    ]
    return [*_encoded(site), *pnl]


@functools.cache
def _encoded(site: PerpSite) -> tuple[tuple[int, str, bytes], ...]:
    return tuple(
        (0, read.target, site.contracts[read.target].call(read.function, read.args))
        for read in _READS
    )


def reading_of(site: PerpSite, answers: Sequence[Answer]) -> Reading:
    """Return what the contracts said."""
    said: Reading = {}
    pnl = [_Read(("pnl", market), "engine", "tradersPnlE18", (market,)) for market in MARKET_RULES]
    for read, answer in zip([*_READS, *pnl], answers, strict=True):
        assert answer.error is None, f"{read.key}: {answer.error}"
        result = site.contracts[read.target].result(read.function, answer.data)
        said[read.key] = result[0] if len(result) == 1 else result
    return said


def expected_of(player: Player) -> Reading:
    """Return what the model says."""
    book, says = player.book, Reading()
    for row in (*Row, *ACCOUNTS, KEEPER_ACCOUNT):
        says["cash", row] = book.cash[row]
    for account in (*ACCOUNTS, Row.INSURANCE):
        says["shares", account] = book.shares[account, ETHER]
    for account in ACCOUNTS:
        clocks = player.liquidations.clocks.get(account, Clocks())
        says["clocks", account] = (clocks.called_s, clocks.below_s, clocks.owes_s)
        for market in MARKET_RULES:
            position = book.position(account, market)
            says["position", account, market] = (position.size, position.cost, position.index)
        for purpose in Purpose:
            says["margin", account, purpose] = tuple(margin_of(book, account, purpose))
    for market in MARKET_RULES:
        says["market", market] = _market(book, market)
        says["pnl", market] = _pnl(book, market)
        deficits = player.liquidations.deficits
        says["deficit", market] = (deficits[market, True], deficits[market, False])
    says["debt",] = book.total_debt()
    says["rate",] = book.rate(ETHER)
    return says


def differences(model: Reading, contracts: Reading) -> Reading:
    """Return where the two differ. Of what all traders would gain the contracts know sums alone:
    they may say more than their positions do, by what the sums are rounded by, and never less.
    """
    slack = 2 * len(ACCOUNTS) + 3
    return {
        key: (value, contracts[key])
        for key, value in model.items()
        if not (
            0 <= contracts[key] - value <= slack if key[0] == "pnl" else contracts[key] == value
        )
    }


def _pnl(book: Book, market: int) -> int:
    """Return what the traders would gain if all of a market closed at its last price."""
    state, price = book.accrued(market), book.last_price(market)
    held = (position for (_, other), position in book.positions.items() if other == market)
    return sum(worth(state, position, price) for position in held)


def _market(book: Book, market: int) -> tuple[int, ...]:
    """Return a market's state, its sums added up anew over all positions."""
    state = book.states.get(market, MarketState())
    positions = [p for (_, other), p in book.positions.items() if other == market]
    return (
        book.side(market, longs=True),
        book.side(market, longs=False),
        sum(position.cost for position in positions),
        sum(_basis(position) for position in positions),
        state.long_index,
        state.short_index,
        state.velocity_rate,
        state.accrued_at_s,
        state.insured,
    )


def _basis(position: Position) -> int:
    """Return size by funding index, rounded up."""
    return -(-position.index * abs(position.size) // 10**18)
