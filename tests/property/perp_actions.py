"""What may be done to a perp market, as Hypothesis draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from oracle.model.validity import Validity
from tests.property.perp_orders import Kind

TRADERS: Final = 3
"""The first two accounts are one owner's: a cross-margin one and an isolated one."""
MARKETS: Final = 2
"""Numbers of the markets that are traded; a collateral's index and TWAP are the two after them."""
GROUP: Final = 4


@dataclass(frozen=True)
class Deposit:
    """Put tokens in: of the settlement token (0) whole units, of the collateral thousandths."""

    who: int
    collateral: int
    amount: int


@dataclass(frozen=True)
class Withdraw:
    """Take out a share (in permille) of what an account has of a token."""

    who: int
    collateral: int
    permille: int


@dataclass(frozen=True)
class Transfer:
    """Move cash between the first owner's accounts."""

    giver: int
    amount: int


@dataclass(frozen=True)
class Tick:
    """Time passes, and there is a report: prices move by so many bps; it is stored or not."""

    dt_s: int
    moves_bps: tuple[int, ...]
    validities: tuple[Validity, ...]
    conf_e8: int
    premium_e8: int | None
    stored: bool


@dataclass(frozen=True)
class Commit:
    """An order of so many dollars, below zero to sell; limited to so many bps from the mark."""

    who: int
    market: int
    kind: Kind
    usd: int
    limit_bps: int | None


@dataclass(frozen=True)
class Stop:
    """A stop or take-profit for all of a position, so many bps from the mark."""

    who: int
    market: int
    kind: Kind
    trigger_bps: int


@dataclass(frozen=True)
class Trigger:
    """Start a pending order whose trigger is reached."""

    pick: int


@dataclass(frozen=True)
class Settle:
    """Settle a pending order with the report that decides it."""

    pick: int


@dataclass(frozen=True)
class Expire:
    """End a pending order: by its owner, or anyone."""

    pick: int
    by_owner: bool


@dataclass(frozen=True)
class Accrue:
    """Accrue a market's funding."""

    market: int


@dataclass(frozen=True)
class Liquidate:
    """Liquidate an account's position."""

    who: int
    market: int


@dataclass(frozen=True)
class Seize:
    """Repay a debt of so many dollars out of another account, for collateral."""

    who: int
    by: int
    usd: int


@dataclass(frozen=True)
class MarginCall:
    """Call an account's margin, or note that it is healthy again."""

    who: int


@dataclass(frozen=True)
class Backstop:
    """Close all of a position that no keeper came for, or sell the collateral of a debt."""

    who: int
    market: int


@dataclass(frozen=True)
class Absorb:
    """Put an account's debt to the waterfall."""

    who: int


@dataclass(frozen=True)
class Lose:
    """The vault loses a share (in permille) of its collateral."""

    permille: int


@dataclass(frozen=True)
class Sync:
    """Note the collateral's rate."""


Action = (
    Deposit
    | Withdraw
    | Transfer
    | Tick
    | Commit
    | Stop
    | Trigger
    | Settle
    | Expire
    | Accrue
    | Liquidate
    | Seize
    | MarginCall
    | Backstop
    | Absorb
    | Lose
    | Sync
)

_CONDITIONAL: Final = (Kind.STOP, Kind.TAKE_PROFIT)
_WHO: Final = st.integers(0, TRADERS - 1)
_MARKET: Final = st.integers(0, MARKETS - 1)
_PICK: Final = st.integers(0, 3)
_VALIDITY: Final = st.sampled_from(
    [Validity.VALID] * 12
    + [Validity.GUARDED] * 2
    + [Validity.TOO_UNCERTAIN, Validity.TOO_VOLATILE, Validity.HALTED, Validity.MISSING]
)
_DT_S: Final = st.sampled_from([2, 3, 7, 7, 7, 30, 90, 600, 7_000, 40_000])


def _ticks(most_bps: int) -> st.SearchStrategy[Tick]:
    return st.builds(
        Tick,
        _DT_S,
        st.tuples(*[st.integers(-most_bps, most_bps)] * GROUP),
        st.tuples(*[_VALIDITY] * GROUP),
        st.integers(0, 3_000_000),
        st.none() | st.integers(-2_000_000, 2_000_000),
        st.sampled_from([True, True, True, False]),
    )


ACTIONS: Final[st.SearchStrategy[Action]] = st.one_of(
    st.builds(Deposit, _WHO, st.just(0), st.integers(50, 5_000)),
    st.builds(Deposit, _WHO, st.just(1), st.integers(10, 2_000)),
    st.builds(Withdraw, _WHO, st.integers(0, 1), st.sampled_from([1, 100, 500, 900, 1_000])),
    st.builds(Transfer, st.integers(0, 1), st.integers(1, 500)),
    _ticks(200),
    _ticks(800),
    st.builds(
        Commit,
        _WHO,
        _MARKET,
        st.sampled_from([Kind.MARKET, Kind.REDUCE_ONLY]),
        st.integers(-40_000, 40_000).filter(bool),
        st.none() | st.integers(-20, 200),
    ),
    st.builds(
        Stop,
        _WHO,
        _MARKET,
        st.sampled_from(_CONDITIONAL),
        st.integers(-300, 300),
    ),
    st.builds(Trigger, _PICK),
    st.builds(Settle, _PICK),
    st.builds(Settle, _PICK),
    st.builds(Expire, _PICK, st.booleans()),
    st.builds(Accrue, _MARKET),
    st.builds(Liquidate, _WHO, _MARKET),
    st.builds(Seize, _WHO, _WHO, st.integers(1, 5_000)),
    st.builds(MarginCall, _WHO),
    st.builds(Backstop, _WHO, _MARKET),
    st.builds(Absorb, _WHO),
    st.builds(Lose, st.integers(1, 200)),
    st.just(Sync()),
)

_CRASHES: Final = (-4_000, -2_500, -900, -500, 500, 900, 2_500, 4_000)
_VALID: Final = (Validity.VALID,) * GROUP


def _calm(dt_s: int = 9, move_bps: int = 0) -> Tick:
    """Return a report that nobody doubts, at which any order before it is due."""
    return Tick(dt_s, (move_bps,) * GROUP, _VALID, 50_000, 10_000, stored=True)


@st.composite
def stories(draw: st.DrawFn) -> Sequence[Action]:
    """Draw a story: accounts with money, leveraged positions, prices that move, and anything.

    Each part is often there, so that most stories get as far as a liquidation or a bad debt.
    """
    story: list[Action] = [_calm()]
    for who in draw(st.sets(_WHO, min_size=1)):
        cash = draw(st.sampled_from([60, 300, 1_500]))
        story += [Deposit(who, 0, cash)]
        ether = draw(st.sampled_from([0, 0, 20, 300]))
        story += [Deposit(who, 1, ether)] if ether else []
        for _ in range(draw(st.integers(0, 2))):
            usd = (cash + 3 * ether) * draw(st.sampled_from([-16, -10, -3, 3, 10, 16]))
            market = draw(_MARKET)
            story += [Commit(who, market, Kind.MARKET, usd, None), _calm(), Settle(0)]
            if draw(st.integers(0, 3)) == 3:
                kind, bps = draw(st.sampled_from(_CONDITIONAL)), draw(st.integers(-300, 300))
                story += [Stop(who, market, kind, bps), _calm(move_bps=bps)]
                story += [Trigger(0), _calm(), Settle(0)]
    story += draw(st.lists(ACTIONS, max_size=8))
    for _ in range(draw(st.integers(0, 2))):
        # A crash, and who comes for it.
        story += [_calm(move_bps=draw(st.sampled_from(_CRASHES)))]
        nobody = draw(st.sampled_from([False, False, True]))
        for who in range(TRADERS):
            story += [MarginCall(who)]
            if not nobody:
                story += [Liquidate(who, market) for market in range(MARKETS)]
        story += [_calm(700 if nobody else 9)]
        for who in range(TRADERS):
            for market in range(MARKETS):
                story += [Backstop(who, market) if nobody else Liquidate(who, market)]
            story += [Seize(who, (who + 1) % TRADERS, 5_000), Absorb(who)]
        story += draw(st.lists(ACTIONS, max_size=6))
    return story
