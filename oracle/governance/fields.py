"""The governed risk parameters: where each lies in the contracts' words, its name, its unit.

The contracts' statement of it is `Fields.sol` and `RiskParameters.rule`; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import IntEnum
from typing import Final, NamedTuple

SECONDS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
ACTIONS: Final = ("open", "reduce", "liquidate", "fund", "settle", "withdraw")


class Scope(IntEnum):
    """What a parameter belongs to."""

    MARKET = 0
    COLLATERAL = 1
    GLOBAL = 2


class Field(NamedTuple):
    """One parameter."""

    scope: Scope
    name: str
    """As in `Fields.sol`."""
    word: int
    shift: int
    width: int
    words: str
    unit: str

    @property
    def number(self) -> int:
        """How the contracts name it."""
        return self.word << 16 | self.shift << 8 | self.width

    def shown(self, value: int) -> str:
        """Return a value with its unit."""
        return _SHOWN[self.unit](value)


def _plain(value: int, unit: str) -> str:
    return f"{value:,} {unit}".strip()


def _percent(value: int, parts_per_percent: int) -> str:
    share = (Decimal(value) / parts_per_percent).normalize()
    exponent = share.as_tuple().exponent
    places = max(2, -exponent if isinstance(exponent, int) else 2)
    return f"{share:,.{places}f} %"


def _duration(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    if rest:
        return f"{milliseconds:,} ms"
    for length, unit in SECONDS:
        if seconds % length == 0 and seconds >= length:
            return f"{seconds // length:,} {unit}"
    return "0 s"


def _state(value: int) -> str:
    return {0: "unlisted", 1: "reduce only", 2: "open"}.get(value, f"no state ({value})")


def _allowed(value: int) -> str:
    named = [name for bit, name in enumerate(ACTIONS) if value >> bit & 1]
    unknown = [f"bit {bit}" for bit in range(len(ACTIONS), 256) if value >> bit & 1]
    return ", ".join(named + unknown) or "nothing"


_SHOWN: Final = {
    "usd": lambda value: _plain(value, "USD"),
    "usd_e6": lambda value: f"{Decimal(value).scaleb(-6):,.2f} USD",
    "tokens": lambda value: _plain(value, "tokens"),
    "bps": lambda value: _percent(value, 100),
    "share_e6": lambda value: _percent(value, 10_000),
    "share_e6_day": lambda value: f"{_percent(value, 10_000)} a day",
    "share_e6_day2": lambda value: f"{_percent(value, 10_000)} a day, each day",
    "times_e2": lambda value: f"{Decimal(value).scaleb(-2):.2f} times a day",
    "ms": _duration,
    "s": lambda value: _duration(value * 1000),
    "market": lambda value: f"market {value}",
    "depth": lambda value: f"depth {value}",
    "state": _state,
    "allowed": _allowed,
}

_ROWS: Final = """
MARKET CAP_0_USD 0 0 48 usd upper end of bracket 0
MARKET INITIAL_0_BPS 0 48 16 bps initial margin of bracket 0
MARKET MAINTENANCE_0_BPS 0 64 16 bps maintenance margin of bracket 0
MARKET CAP_1_USD 0 80 48 usd upper end of bracket 1
MARKET INITIAL_1_BPS 0 128 16 bps initial margin of bracket 1
MARKET MAINTENANCE_1_BPS 0 144 16 bps maintenance margin of bracket 1
MARKET CAP_2_USD 0 160 48 usd largest position
MARKET INITIAL_2_BPS 0 208 16 bps initial margin of bracket 2
MARKET MAINTENANCE_2_BPS 0 224 16 bps maintenance margin of bracket 2
MARKET DEPTH 0 240 8 depth depth of its liquidity
MARKET MARKET_STATE 0 248 8 state state
MARKET MAX_AGE_MS 1 0 24 ms greatest age of a mark
MARKET DELAY_MS 1 24 16 ms delay between a commit and its price
MARKET TAKER_FEE_E6 1 40 16 share_e6 taker fee
MARKET MAKER_FEE_E6 1 56 16 share_e6 maker fee
MARKET LIQUIDATION_FEE_E6 1 72 16 share_e6 liquidation penalty
MARKET MAX_IMPACT_E6 1 88 16 share_e6 greatest price impact
MARKET TARGET_BPS 1 104 16 bps target of a partial liquidation, of the maintenance margin
MARKET POOL_SHARE_BPS 1 120 16 bps open interest of one side, of the pool
MARKET ADL_START_BPS 1 136 16 bps traders' profit at which auto-deleveraging begins, of the pool
MARKET ADL_STOP_BPS 1 152 16 bps traders' profit at which auto-deleveraging ends, of the pool
MARKET SKEW_SCALE_USD 2 0 48 usd skew at which impact and funding velocity are whole
MARKET OPEN_INTEREST_CAP_USD 2 48 48 usd open interest cap of one side
MARKET LIQUIDATION_CAP_USD 2 96 48 usd liquidation cap of a block
MARKET MAX_FUNDING_E6 2 144 32 share_e6_day greatest funding rate
MARKET FUNDING_VELOCITY_E6 2 176 32 share_e6_day2 funding velocity
MARKET PREMIUM_WEIGHT_E2 2 208 16 times_e2 how often the premium is paid
MARKET MAX_ACCRUAL_S 2 224 24 s longest time that one accrual of funding covers
COLLATERAL INDEX_MARKET 0 0 16 market index
COLLATERAL TWAP_MARKET 0 16 16 market TWAP
COLLATERAL INDEX_MAX_AGE_MS 0 32 24 ms greatest age of its index
COLLATERAL TWAP_MAX_AGE_MS 0 56 24 ms greatest age of its TWAP
COLLATERAL HAIRCUT_CAP_0_USD 0 80 40 usd upper end of bracket 0
COLLATERAL HAIRCUT_0_BPS 0 120 16 bps haircut of bracket 0
COLLATERAL HAIRCUT_CAP_1_USD 0 136 40 usd upper end of bracket 1
COLLATERAL HAIRCUT_1_BPS 0 176 16 bps haircut of bracket 1
COLLATERAL HAIRCUT_CAP_2_USD 0 192 40 usd most that counts
COLLATERAL HAIRCUT_2_BPS 0 232 16 bps haircut of bracket 2
COLLATERAL DEPOSIT_CAP 1 0 64 tokens deposit cap
COLLATERAL SEIZE_DISCOUNT_BPS 1 64 16 bps discount to who seizes it
COLLATERAL COLLATERAL_STATE 1 80 8 state state
GLOBAL ALLOWED_HALTED 0 0 8 allowed what a HALTED mark allows
GLOBAL ALLOWED_MISSING 0 8 8 allowed what a MISSING mark allows
GLOBAL ALLOWED_STALE 0 16 8 allowed what a STALE mark allows
GLOBAL ALLOWED_TOO_VOLATILE 0 24 8 allowed what a TOO_VOLATILE mark allows
GLOBAL ALLOWED_TOO_UNCERTAIN 0 32 8 allowed what a TOO_UNCERTAIN mark allows
GLOBAL ALLOWED_GUARDED 0 40 8 allowed what a GUARDED mark allows
GLOBAL ALLOWED_VALID 0 48 8 allowed what a VALID mark allows
GLOBAL SETTLEMENT_REWARD_E6 0 56 32 usd_e6 reward of who settles an order
GLOBAL FAILURE_FEE_E6 0 88 32 usd_e6 fee of an order that fails
GLOBAL ORDER_EXPIRY_S 0 120 16 s expiry of an order
GLOBAL MIN_MARGIN_USD 0 136 32 usd least equity of an account that opens
GLOBAL KEEPER_SHARE_BPS 0 168 16 bps liquidator's share of the penalty
GLOBAL KEEPER_MAX_E6 0 184 40 usd_e6 most that a liquidator gets of it
GLOBAL KEEPER_FLAT_E6 0 224 32 usd_e6 what a liquidator gets where nothing is left
GLOBAL WARNING_BPS 1 0 16 bps level of a margin call, of the maintenance margin
GLOBAL INSURANCE_FEE_BPS 1 16 16 bps insurance's share of trading fees
GLOBAL DRAWDOWN_BPS 1 32 16 bps bad debt that the pool bears in a period, of its cash
GLOBAL DRAWDOWN_PERIOD_S 1 48 32 s period of the pool's drawdown
GLOBAL ADL_WINDOW_S 1 80 16 s window for nominations to auto-deleveraging
GLOBAL BACKSTOP_DELAY_S 1 96 16 s wait of the backstop after a margin call
GLOBAL BACKSTOP_BPS 1 112 16 bps level of the backstop, of the maintenance margin
GLOBAL MAX_DEBT_USD 1 128 48 usd largest debt with which an account opens
GLOBAL POOL_DELAY_S 1 176 24 s wait of a request to the pool
GLOBAL DEPTH_0_USD 2 0 48 usd open interest cap of depth 0
GLOBAL DEPTH_1_USD 2 48 48 usd open interest cap of depth 1
GLOBAL DEPTH_2_USD 2 96 48 usd open interest cap of depth 2
GLOBAL DEPTH_3_USD 2 144 48 usd open interest cap of depth 3
GLOBAL DEPTH_4_USD 2 192 48 usd open interest cap of depth 4
"""


def _read(row: str) -> Field:
    scope, name, word, shift, width, unit, words = row.split(" ", 6)
    return Field(Scope[scope], name, int(word), int(shift), int(width), words, unit)


FIELDS: Final[Mapping[tuple[Scope, int], Field]] = {
    (field.scope, field.number): field for field in map(_read, _ROWS.strip().splitlines())
}
