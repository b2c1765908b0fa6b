// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Rule} from "../interfaces/IRiskParameters.sol";
import {Action, Fields} from "../lib/Fields.sol";
import {Rules} from "./Rules.sol";

/// @title GlobalRules
/// @notice Bounds and steps of what holds for all markets, as in MarketRules.
/// @dev Of the actions the guardian may forbid opening, and nothing else.
library GlobalRules {
    uint256 internal constant COUNT = 28;

    uint256 private constant OPEN = 1 << uint256(Action.OPEN);
    uint256 private constant REDUCE = 1 << uint256(Action.REDUCE);
    /// @dev What a guarded mark may serve for: nothing that adds risk or takes money out.
    uint256 private constant GUARDED = REDUCE | 1 << uint256(Action.LIQUIDATE) | 1
        << uint256(Action.FUND) | 1 << uint256(Action.SETTLE);
    uint256 private constant WITHOUT_OPEN = GUARDED | 1 << uint256(Action.WITHDRAW);

    function rule(uint256 field) internal pure returns (Rule memory) {
        uint256 word = field >> 16;
        if (word == 1) return _loss(field);
        if (word == 2) return _depth(field);
        return field <= Fields.ALLOWED_VALID ? _action(field) : _order(field);
    }

    function _action(uint256 f) private pure returns (Rule memory r) {
        if (f == Fields.ALLOWED_HALTED) return Rules.bits("ALLOWED_HALTED", 0, 0, 0);
        if (f == Fields.ALLOWED_MISSING) return Rules.bits("ALLOWED_MISSING", 0, 0, 0);
        if (f == Fields.ALLOWED_STALE) return Rules.bits("ALLOWED_STALE", 0, 0, 0);
        if (f == Fields.ALLOWED_TOO_VOLATILE) {
            return Rules.bits("ALLOWED_TOO_VOLATILE", 0, REDUCE, 0);
        }
        if (f == Fields.ALLOWED_TOO_UNCERTAIN) {
            return Rules.bits("ALLOWED_TOO_UNCERTAIN", 0, REDUCE, 0);
        }
        if (f == Fields.ALLOWED_GUARDED) {
            return Rules.bits("ALLOWED_GUARDED", REDUCE, GUARDED, 0);
        }
        if (f == Fields.ALLOWED_VALID) {
            return Rules.bits("ALLOWED_VALID", WITHOUT_OPEN, WITHOUT_OPEN | OPEN, -1);
        }
    }

    function _order(uint256 f) private pure returns (Rule memory r) {
        if (f == Fields.SETTLEMENT_REWARD_E6) {
            return Rules.number("SETTLEMENT_REWARD_E6", 0, 20e6, 5000, 0.1e6, 0);
        }
        if (f == Fields.FAILURE_FEE_E6) {
            return Rules.number("FAILURE_FEE_E6", 0, 50e6, 5000, 0.1e6, 0);
        }
        if (f == Fields.ORDER_EXPIRY_S) {
            return Rules.number("ORDER_EXPIRY_S", 30, 1 hours, 5000, 30, 0);
        }
        if (f == Fields.MIN_MARGIN_USD) {
            return Rules.number("MIN_MARGIN_USD", 5, 10_000, 5000, 5, 0);
        }
        if (f == Fields.KEEPER_SHARE_BPS) {
            return Rules.number("KEEPER_SHARE_BPS", 500, 9000, 0, 500, 0);
        }
        if (f == Fields.KEEPER_MAX_E6) {
            return Rules.number("KEEPER_MAX_E6", 1e6, 10_000e6, 5000, 1e6, 0);
        }
        if (f == Fields.KEEPER_FLAT_E6) {
            return Rules.number("KEEPER_FLAT_E6", 0, 100e6, 5000, 0.5e6, 0);
        }
    }

    function _loss(uint256 f) private pure returns (Rule memory r) {
        if (f == Fields.WARNING_BPS) {
            return Rules.number("WARNING_BPS", 10_500, 30_000, 0, 1000, 0);
        }
        if (f == Fields.INSURANCE_FEE_BPS) {
            return Rules.number("INSURANCE_FEE_BPS", 0, 8000, 0, 500, 0);
        }
        if (f == Fields.DRAWDOWN_BPS) return Rules.number("DRAWDOWN_BPS", 0, 2500, 0, 100, 0);
        if (f == Fields.DRAWDOWN_PERIOD_S) {
            return Rules.number("DRAWDOWN_PERIOD_S", 1 hours, 30 days, 5000, 1 hours, 0);
        }
        if (f == Fields.ADL_WINDOW_S) return Rules.number("ADL_WINDOW_S", 15, 600, 5000, 15, 0);
        if (f == Fields.BACKSTOP_DELAY_S) {
            return Rules.number("BACKSTOP_DELAY_S", 60, 4 hours, 5000, 60, 0);
        }
        if (f == Fields.BACKSTOP_BPS) return Rules.number("BACKSTOP_BPS", 1000, 9500, 0, 500, 0);
        if (f == Fields.MAX_DEBT_USD) {
            return Rules.number("MAX_DEBT_USD", 0, 1e9, 2500, 1000, 0);
        }
        if (f == Fields.POOL_DELAY_S) {
            return Rules.number("POOL_DELAY_S", 60, 7 days, 5000, 60, 0);
        }
    }

    function _depth(uint256 f) private pure returns (Rule memory r) {
        if (f == Fields.DEPTH_0_USD) return _cap("DEPTH_0_USD");
        if (f == Fields.DEPTH_1_USD) return _cap("DEPTH_1_USD");
        if (f == Fields.DEPTH_2_USD) return _cap("DEPTH_2_USD");
        if (f == Fields.DEPTH_3_USD) return _cap("DEPTH_3_USD");
        if (f == Fields.DEPTH_4_USD) return _cap("DEPTH_4_USD");
    }

    function _cap(bytes32 name) private pure returns (Rule memory) {
        return Rules.number(name, 10_000, 1e12, 2500, 10_000, 0);
    }
}
