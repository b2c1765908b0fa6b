"""Risk parameters, accounts and worlds to judge."""

from __future__ import annotations

from hypothesis import strategies as st

from relayer.keeper.health import World
from relayer.keeper.margin import Account, CollateralNow, MarketNow, Position
from relayer.keeper.params import E18, CollateralRisk, GlobalRisk, MarketRisk

MARKET = MarketRisk(
    cap_0_usd=100_000,
    initial_0_bps=500,
    maintenance_0_bps=250,
    cap_1_usd=1_000_000,
    initial_1_bps=1_000,
    maintenance_1_bps=500,
    cap_2_usd=10_000_000,
    initial_2_bps=2_000,
    maintenance_2_bps=1_000,
    max_age_ms=60_000,
    taker_fee_e6=500,
    liquidation_fee_e6=5_000,
    target_bps=12_000,
    adl_start_bps=1_000,
    adl_stop_bps=500,
    liquidation_cap_usd=1_000_000,
    max_funding_e6=10_000,
    max_accrual_s=3_600,
)
COLLATERAL = CollateralRisk(
    index_market=0,
    twap_market=1,
    index_max_age_ms=60_000,
    twap_max_age_ms=60_000,
    haircut_cap_0_usd=1_000_000,
    haircut_0_bps=500,
    haircut_cap_1_usd=10_000_000,
    haircut_1_bps=1_000,
    haircut_cap_2_usd=100_000_000,
    haircut_2_bps=2_000,
    seize_discount_bps=500,
)
GLOBAL = GlobalRisk(
    settlement_reward_e6=500_000,
    failure_fee_e6=500_000,
    min_margin_usd=10,
    keeper_share_bps=5_000,
    keeper_max_e6=50_000_000,
    keeper_flat_e6=1_000_000,
    warning_bps=12_000,
    adl_window_s=60,
    backstop_delay_s=60,
    backstop_bps=8_000,
    actions=0x3F_07_16_02_00_00_00,
)
MARKETS, COLLATERALS = 4, 2


def world(
    *prices: int, collateral: int = 3_000 * E18, long_index: int = 0, short_index: int = 0
) -> World:
    """A world of markets at these prices * 10^18."""
    return World(
        {
            number: MarketNow(price, long_index, short_index, MARKET)
            for number, price in enumerate(prices)
        },
        {number: CollateralNow(collateral, E18, COLLATERAL) for number in range(1, 3)},
        GLOBAL,
    )


def account(number: int, cash: int, *positions: Position, **shares: int) -> Account:
    """An account; `c1=5` are five shares of collateral 1."""
    return Account(number, cash, positions, {int(name[1:]): held for name, held in shares.items()})


prices = st.integers(10**12, 10**23)
indices = st.integers(-(10**20), 10**20)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Any world: prices from millionths to 100,000, funding of either sign, unpriced markets."""
    return World(
        {
            number: MarketNow(
                draw(prices), draw(indices), draw(indices), MARKET, draw(st.booleans())
            )
            for number in range(MARKETS)
        },
        {
            number: CollateralNow(draw(prices), draw(st.integers(1, E18)), COLLATERAL)
            for number in range(1, COLLATERALS + 1)
        },
        GLOBAL,
    )


@st.composite
def accounts(draw: st.DrawFn, number: int = 1) -> Account:
    """Any account of up to three markets and two collaterals."""
    held = draw(st.lists(st.integers(0, MARKETS - 1), unique=True, max_size=3))
    sizes = st.integers(-(10**24), 10**24).filter(bool)
    costs = st.integers(-(10**26), 10**26)
    return Account(
        number,
        draw(st.integers(-(10**25), 10**25)),
        tuple(Position(market, draw(sizes), draw(costs), draw(indices)) for market in held),
        {
            number: draw(st.integers(1, 10**24))
            for number in draw(st.lists(st.integers(1, COLLATERALS), unique=True))
        },
    )
