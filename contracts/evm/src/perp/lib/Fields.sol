// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice A market's parameters, packed as `Fields` says.
struct MarketRisk {
    uint256 tiers;
    uint256 trading;
    uint256 limits;
}

/// @notice A collateral's parameters, packed as `Fields` says.
struct CollateralRisk {
    uint256 haircuts;
    uint256 limits;
}

/// @notice What holds for all markets, packed as `Fields` says.
struct GlobalRisk {
    uint256 actions;
    uint256 losses;
    uint256 depths;
}

/// @notice What a mark may be used for.
/// @dev The bit that stands for it in a validity's byte of the table.
enum Action {
    OPEN,
    REDUCE,
    LIQUIDATE,
    FUND,
    SETTLE,
    WITHDRAW
}

/// @title Fields
/// @notice Where each risk parameter lies: number of the word ‖ shift ‖ width in bits, a byte each.
/// @dev Suffixes carry units: `_E6` are millionths, `_BPS` ten-thousandths, `_USD` whole units of the
/// settlement token, `_MS` and `_S` times. Bounds, steps and directions are in RiskParameters.
library Fields {
    // Of a market. Three brackets, as of a tax: each share holds for the notional within it. Beyond the
    // last cap no position may grow.
    uint256 internal constant CAP_0_USD = (0 << 16) | (0 << 8) | 48;
    uint256 internal constant INITIAL_0_BPS = (0 << 16) | (48 << 8) | 16;
    uint256 internal constant MAINTENANCE_0_BPS = (0 << 16) | (64 << 8) | 16;
    uint256 internal constant CAP_1_USD = (0 << 16) | (80 << 8) | 48;
    uint256 internal constant INITIAL_1_BPS = (0 << 16) | (128 << 8) | 16;
    uint256 internal constant MAINTENANCE_1_BPS = (0 << 16) | (144 << 8) | 16;
    uint256 internal constant CAP_2_USD = (0 << 16) | (160 << 8) | 48;
    uint256 internal constant INITIAL_2_BPS = (0 << 16) | (208 << 8) | 16;
    uint256 internal constant MAINTENANCE_2_BPS = (0 << 16) | (224 << 8) | 16;
    /// @dev Which of the five depths this market's liquidity is of.
    uint256 internal constant DEPTH = (0 << 16) | (240 << 8) | 8;
    /// @dev 0 unlisted, 1 reduce only, 2 open.
    uint256 internal constant MARKET_STATE = (0 << 16) | (248 << 8) | 8;

    uint256 internal constant MAX_AGE_MS = (1 << 16) | (0 << 8) | 24;
    /// @dev Beyond the oracle's MAX_FUTURE_MS: signed time between a commit and its price.
    uint256 internal constant DELAY_MS = (1 << 16) | (24 << 8) | 16;
    uint256 internal constant TAKER_FEE_E6 = (1 << 16) | (40 << 8) | 16;
    uint256 internal constant MAKER_FEE_E6 = (1 << 16) | (56 << 8) | 16;
    uint256 internal constant LIQUIDATION_FEE_E6 = (1 << 16) | (72 << 8) | 16;
    uint256 internal constant MAX_IMPACT_E6 = (1 << 16) | (88 << 8) | 16;
    /// @dev A partial liquidation leaves this share of the maintenance margin: above 10,000.
    uint256 internal constant TARGET_BPS = (1 << 16) | (104 << 8) | 16;
    /// @dev Open interest of one side may be this share of the pool.
    uint256 internal constant POOL_SHARE_BPS = (1 << 16) | (120 << 8) | 16;
    /// @dev Auto-deleveraging begins where the traders' profit passes this share of the pool ...
    uint256 internal constant ADL_START_BPS = (1 << 16) | (136 << 8) | 16;
    /// @dev ... and ends at this one.
    uint256 internal constant ADL_STOP_BPS = (1 << 16) | (152 << 8) | 16;
    uint256 internal constant MARKET_EMERGENCY_UNTIL_S = (1 << 16) | (168 << 8) | 40;

    /// @dev Skew, in value, at which the price impact and the funding velocity are whole.
    uint256 internal constant SKEW_SCALE_USD = (2 << 16) | (0 << 8) | 48;
    uint256 internal constant OPEN_INTEREST_CAP_USD = (2 << 16) | (48 << 8) | 48;
    /// @dev Notional that may be liquidated in one block.
    uint256 internal constant LIQUIDATION_CAP_USD = (2 << 16) | (96 << 8) | 48;
    /// @dev Per day.
    uint256 internal constant MAX_FUNDING_E6 = (2 << 16) | (144 << 8) | 32;
    /// @dev Per day and day.
    uint256 internal constant FUNDING_VELOCITY_E6 = (2 << 16) | (176 << 8) | 32;
    /// @dev How many times a day the premium is paid, in hundredths: 300 for every eight hours.
    uint256 internal constant PREMIUM_WEIGHT_E2 = (2 << 16) | (208 << 8) | 16;
    /// @dev Longest time that one accrual covers: what passes beyond it costs nobody.
    uint256 internal constant MAX_ACCRUAL_S = (2 << 16) | (224 << 8) | 24;

    // Of a collateral. Brackets of value; what is beyond the last counts nothing.
    uint256 internal constant INDEX_MARKET = (0 << 16) | (0 << 8) | 16;
    uint256 internal constant TWAP_MARKET = (0 << 16) | (16 << 8) | 16;
    uint256 internal constant INDEX_MAX_AGE_MS = (0 << 16) | (32 << 8) | 24;
    uint256 internal constant TWAP_MAX_AGE_MS = (0 << 16) | (56 << 8) | 24;
    uint256 internal constant HAIRCUT_CAP_0_USD = (0 << 16) | (80 << 8) | 40;
    uint256 internal constant HAIRCUT_0_BPS = (0 << 16) | (120 << 8) | 16;
    uint256 internal constant HAIRCUT_CAP_1_USD = (0 << 16) | (136 << 8) | 40;
    uint256 internal constant HAIRCUT_1_BPS = (0 << 16) | (176 << 8) | 16;
    uint256 internal constant HAIRCUT_CAP_2_USD = (0 << 16) | (192 << 8) | 40;
    uint256 internal constant HAIRCUT_2_BPS = (0 << 16) | (232 << 8) | 16;

    /// @dev Whole tokens that the vault takes in.
    uint256 internal constant DEPOSIT_CAP = (1 << 16) | (0 << 8) | 64;
    /// @dev What who repays a debt for collateral pays less than its price.
    uint256 internal constant SEIZE_DISCOUNT_BPS = (1 << 16) | (64 << 8) | 16;
    /// @dev 0 unlisted, 1 withdraw only, 2 open.
    uint256 internal constant COLLATERAL_STATE = (1 << 16) | (80 << 8) | 8;
    uint256 internal constant COLLATERAL_EMERGENCY_UNTIL_S = (1 << 16) | (88 << 8) | 40;

    // Of all. What a mark of each validity may be used for: bit `a` of the byte for `Action(a)`.
    uint256 internal constant ALLOWED_HALTED = (0 << 16) | (0 << 8) | 8;
    uint256 internal constant ALLOWED_MISSING = (0 << 16) | (8 << 8) | 8;
    uint256 internal constant ALLOWED_STALE = (0 << 16) | (16 << 8) | 8;
    uint256 internal constant ALLOWED_TOO_VOLATILE = (0 << 16) | (24 << 8) | 8;
    uint256 internal constant ALLOWED_TOO_UNCERTAIN = (0 << 16) | (32 << 8) | 8;
    uint256 internal constant ALLOWED_GUARDED = (0 << 16) | (40 << 8) | 8;
    uint256 internal constant ALLOWED_VALID = (0 << 16) | (48 << 8) | 8;
    /// @dev Paid to who settles an order.
    uint256 internal constant SETTLEMENT_REWARD_E6 = (0 << 16) | (56 << 8) | 32;
    /// @dev Paid by an order whose acceptable price or margin failed.
    uint256 internal constant FAILURE_FEE_E6 = (0 << 16) | (88 << 8) | 32;
    uint256 internal constant ORDER_EXPIRY_S = (0 << 16) | (120 << 8) | 16;
    /// @dev Least equity of an account that opens.
    uint256 internal constant MIN_MARGIN_USD = (0 << 16) | (136 << 8) | 32;
    /// @dev The liquidator's share of the penalty, ...
    uint256 internal constant KEEPER_SHARE_BPS = (0 << 16) | (168 << 8) | 16;
    /// @dev ... and at most this.
    uint256 internal constant KEEPER_MAX_E6 = (0 << 16) | (184 << 8) | 40;
    /// @dev What the reserve pays for a liquidation whose account has nothing left.
    uint256 internal constant KEEPER_FLAT_E6 = (0 << 16) | (224 << 8) | 32;

    /// @dev Of the maintenance margin: where a margin call is due.
    uint256 internal constant WARNING_BPS = (1 << 16) | (0 << 8) | 16;
    /// @dev The insurance's share of trading fees; the pool has the rest.
    uint256 internal constant INSURANCE_FEE_BPS = (1 << 16) | (16 << 8) | 16;
    /// @dev What the pool bears of bad debt in a period, as a share of its cash.
    uint256 internal constant DRAWDOWN_BPS = (1 << 16) | (32 << 8) | 16;
    uint256 internal constant DRAWDOWN_PERIOD_S = (1 << 16) | (48 << 8) | 32;
    /// @dev For how long candidates for auto-deleveraging are nominated.
    uint256 internal constant ADL_WINDOW_S = (1 << 16) | (80 << 8) | 16;
    /// @dev After a margin call, when the backstop may act.
    uint256 internal constant BACKSTOP_DELAY_S = (1 << 16) | (96 << 8) | 16;
    /// @dev Of the maintenance margin: below it the backstop may act.
    uint256 internal constant BACKSTOP_BPS = (1 << 16) | (112 << 8) | 16;
    /// @dev No account that owes more may open.
    uint256 internal constant MAX_DEBT_USD = (1 << 16) | (128 << 8) | 48;
    /// @dev Between the first request of an epoch of the pool and its price; half of it after the last.
    uint256 internal constant POOL_DELAY_S = (1 << 16) | (176 << 8) | 24;
    uint256 internal constant GLOBAL_EMERGENCY_UNTIL_S = (1 << 16) | (200 << 8) | 40;

    /// @dev Greatest open interest of one side for a market of each depth.
    uint256 internal constant DEPTH_0_USD = (2 << 16) | (0 << 8) | 48;
    uint256 internal constant DEPTH_1_USD = (2 << 16) | (48 << 8) | 48;
    uint256 internal constant DEPTH_2_USD = (2 << 16) | (96 << 8) | 48;
    uint256 internal constant DEPTH_3_USD = (2 << 16) | (144 << 8) | 48;
    uint256 internal constant DEPTH_4_USD = (2 << 16) | (192 << 8) | 48;

    uint256 internal constant UNLISTED = 0;
    uint256 internal constant REDUCE_ONLY = 1;
    uint256 internal constant LISTED = 2;

    function get(MarketRisk memory risk, uint256 field) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(risk, shl(5, shr(16, field))))
        }
        return cut(value, field);
    }

    function get(CollateralRisk memory risk, uint256 field) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(risk, shl(5, shr(16, field))))
        }
        return cut(value, field);
    }

    function get(GlobalRisk memory risk, uint256 field) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(risk, shl(5, shr(16, field))))
        }
        return cut(value, field);
    }

    /// @notice Tell whether the table lets a mark of `validity` be used for `action`.
    function allows(GlobalRisk memory risk, uint256 validity, Action action)
        internal
        pure
        returns (bool)
    {
        return (risk.actions >> (8 * validity + uint256(action))) & 1 != 0;
    }

    /// @notice The value of a field in the word it lies in.
    function cut(uint256 word, uint256 field) internal pure returns (uint256) {
        unchecked {
            return (word >> ((field >> 8) & 0xff)) & ((1 << (field & 0xff)) - 1);
        }
    }

    /// @notice The word with another value for a field, which must have room for it.
    function put(uint256 word, uint256 field, uint256 value) internal pure returns (uint256) {
        unchecked {
            uint256 shift = (field >> 8) & 0xff;
            return (word & ~(((1 << (field & 0xff)) - 1) << shift)) | (value << shift);
        }
    }
}
