"""The risk parameters in words, each value with its unit. Where they lie: `oracle.risk`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from oracle.risk.layout import FIELDS as LAYOUT
from oracle.risk.layout import Scope
from oracle.risk.parameters import ACTIONS

SECONDS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class Field(NamedTuple):
    """One parameter."""

    name: str
    words: str
    unit: str

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

_ROWS: Final = {
    Scope.MARKET: """
cap_0_usd usd upper end of bracket 0
initial_0_bps bps initial margin of bracket 0
maintenance_0_bps bps maintenance margin of bracket 0
cap_1_usd usd upper end of bracket 1
initial_1_bps bps initial margin of bracket 1
maintenance_1_bps bps maintenance margin of bracket 1
cap_2_usd usd largest position
initial_2_bps bps initial margin of bracket 2
maintenance_2_bps bps maintenance margin of bracket 2
depth depth depth of its liquidity
market_state state state
max_age_ms ms greatest age of a mark
delay_ms ms delay between a commit and its price
taker_fee_e6 share_e6 taker fee
maker_fee_e6 share_e6 maker fee
liquidation_fee_e6 share_e6 liquidation penalty
max_impact_e6 share_e6 greatest price impact
target_bps bps target of a partial liquidation, of the maintenance margin
pool_share_bps bps open interest of one side, of the pool
adl_start_bps bps traders' profit at which auto-deleveraging begins, of the pool
adl_stop_bps bps traders' profit at which auto-deleveraging ends, of the pool
skew_scale_usd usd skew at which impact and funding velocity are whole
open_interest_cap_usd usd open interest cap of one side
liquidation_cap_usd usd liquidation cap of a block
max_funding_e6 share_e6_day greatest funding rate
funding_velocity_e6 share_e6_day2 funding velocity
premium_weight_e2 times_e2 how often the premium is paid
max_accrual_s s longest time that one accrual of funding covers
""",
    Scope.COLLATERAL: """
index_market market index
twap_market market TWAP
index_max_age_ms ms greatest age of its index
twap_max_age_ms ms greatest age of its TWAP
haircut_cap_0_usd usd upper end of bracket 0
haircut_0_bps bps haircut of bracket 0
haircut_cap_1_usd usd upper end of bracket 1
haircut_1_bps bps haircut of bracket 1
haircut_cap_2_usd usd most that counts
haircut_2_bps bps haircut of bracket 2
deposit_cap tokens deposit cap
seize_discount_bps bps discount to who seizes it
collateral_state state state
""",
    Scope.GLOBAL: """
allowed_halted allowed what a HALTED mark allows
allowed_missing allowed what a MISSING mark allows
allowed_stale allowed what a STALE mark allows
allowed_too_volatile allowed what a TOO_VOLATILE mark allows
allowed_too_uncertain allowed what a TOO_UNCERTAIN mark allows
allowed_guarded allowed what a GUARDED mark allows
allowed_valid allowed what a VALID mark allows
settlement_reward_e6 usd_e6 reward of who settles an order
failure_fee_e6 usd_e6 fee of an order that fails
order_expiry_s s expiry of an order
min_margin_usd usd least equity of an account that opens
keeper_share_bps bps liquidator's share of the penalty
keeper_max_e6 usd_e6 most that a liquidator gets of it
keeper_flat_e6 usd_e6 what a liquidator gets where nothing is left
warning_bps bps level of a margin call, of the maintenance margin
insurance_fee_bps bps insurance's share of trading fees
drawdown_bps bps bad debt that the pool bears in a period, of its cash
drawdown_period_s s period of the pool's drawdown
adl_window_s s window for nominations to auto-deleveraging
backstop_delay_s s wait of the backstop after a margin call
backstop_bps bps level of the backstop, of the maintenance margin
max_debt_usd usd largest debt with which an account opens
pool_delay_s s wait of a request to the pool
depth_0_usd usd open interest cap of depth 0
depth_1_usd usd open interest cap of depth 1
depth_2_usd usd open interest cap of depth 2
depth_3_usd usd open interest cap of depth 3
depth_4_usd usd open interest cap of depth 4
""",
}
"""Name, unit and words, a parameter a line."""


def _read(row: str) -> Field:
    name, unit, words = row.split(" ", 2)
    return Field(name, words, unit)


FIELDS: Final[Mapping[tuple[Scope, int], Field]] = {
    (scope, LAYOUT[scope][field.name].code): field
    for scope, rows in _ROWS.items()
    for field in map(_read, rows.strip().splitlines())
}
"""By scope and the contracts' number of the field."""
