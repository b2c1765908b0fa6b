// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Rule} from "../interfaces/IRiskParameters.sol";
import {Fields} from "../lib/Fields.sol";
import {Rules} from "./Rules.sol";

/// @title MarketRules
/// @notice Bounds and steps of a market's parameters: name, least, most, step as a share of the old
/// value in bps, step at least, and what is tighter.
/// @dev The guardian may not touch what can put an account that is healthy below maintenance
/// (maintenance shares, and the caps that say which of them hold), nor what can stop or slow closing
/// and liquidating (age, delay, fees, impact, liquidation cap).
library MarketRules {
    uint256 internal constant COUNT = 28;

    function rule(uint256 field) internal pure returns (Rule memory) {
        uint256 word = field >> 16;
        if (word == 0) return _tier(field);
        if (word == 1) return _trading(field);
        return _limit(field);
    }

    function _tier(uint256 f) private pure returns (Rule memory r) {
        if (f == Fields.CAP_0_USD) return _cap("CAP_0_USD");
        if (f == Fields.INITIAL_0_BPS) return _initial("INITIAL_0_BPS");
        if (f == Fields.MAINTENANCE_0_BPS) return _maintenance("MAINTENANCE_0_BPS");
        if (f == Fields.CAP_1_USD) return _cap("CAP_1_USD");
        if (f == Fields.INITIAL_1_BPS) return _initial("INITIAL_1_BPS");
        if (f == Fields.MAINTENANCE_1_BPS) return _maintenance("MAINTENANCE_1_BPS");
        if (f == Fields.CAP_2_USD) return _cap("CAP_2_USD");
        if (f == Fields.INITIAL_2_BPS) return _initial("INITIAL_2_BPS");
        if (f == Fields.MAINTENANCE_2_BPS) return _maintenance("MAINTENANCE_2_BPS");
        if (f == Fields.DEPTH) return Rules.number("DEPTH", 0, 4, 0, 1, 0);
        // Never back to unlisted: then nothing of it could be reduced.
        if (f == Fields.MARKET_STATE) {
            return Rules.number("MARKET_STATE", Fields.REDUCE_ONLY, Fields.LISTED, 0, 1, -1);
        }
    }

    function _trading(uint256 f) private pure returns (Rule memory r) {
        if (f == Fields.MAX_AGE_MS) {
            return Rules.number("MAX_AGE_MS", 5000, 300_000, 5000, 5000, 0);
        }
        if (f == Fields.DELAY_MS) return Rules.number("DELAY_MS", 500, 30_000, 5000, 500, 0);
        if (f == Fields.TAKER_FEE_E6) return Rules.number("TAKER_FEE_E6", 0, 5000, 5000, 100, 0);
        if (f == Fields.MAKER_FEE_E6) return Rules.number("MAKER_FEE_E6", 0, 5000, 5000, 100, 0);
        if (f == Fields.LIQUIDATION_FEE_E6) {
            return Rules.number("LIQUIDATION_FEE_E6", 500, 30_000, 2500, 250, 0);
        }
        if (f == Fields.MAX_IMPACT_E6) {
            return Rules.number("MAX_IMPACT_E6", 100, 50_000, 2500, 250, 0);
        }
        if (f == Fields.TARGET_BPS) return Rules.number("TARGET_BPS", 10_500, 20_000, 0, 500, 0);
        if (f == Fields.POOL_SHARE_BPS) {
            return Rules.number("POOL_SHARE_BPS", 10, 10_000, 2500, 25, -1);
        }
        if (f == Fields.ADL_START_BPS) {
            return Rules.number("ADL_START_BPS", 1000, 9000, 0, 500, 0);
        }
        if (f == Fields.ADL_STOP_BPS) return Rules.number("ADL_STOP_BPS", 500, 8500, 0, 500, 0);
    }

    function _limit(uint256 f) private pure returns (Rule memory r) {
        if (f == Fields.SKEW_SCALE_USD) {
            return Rules.number("SKEW_SCALE_USD", 10_000, 1e12, 2500, 1000, 0);
        }
        if (f == Fields.OPEN_INTEREST_CAP_USD) {
            return Rules.number("OPEN_INTEREST_CAP_USD", 1000, 1e12, 2500, 10_000, -1);
        }
        if (f == Fields.LIQUIDATION_CAP_USD) {
            return Rules.number("LIQUIDATION_CAP_USD", 1000, 1e12, 2500, 10_000, 0);
        }
        if (f == Fields.MAX_FUNDING_E6) {
            return Rules.number("MAX_FUNDING_E6", 0, 100_000, 2500, 1000, 0);
        }
        if (f == Fields.FUNDING_VELOCITY_E6) {
            return Rules.number("FUNDING_VELOCITY_E6", 0, 200_000, 2500, 1000, 0);
        }
        if (f == Fields.PREMIUM_WEIGHT_E2) {
            return Rules.number("PREMIUM_WEIGHT_E2", 0, 2400, 2500, 100, 0);
        }
        if (f == Fields.MAX_ACCRUAL_S) {
            return Rules.number("MAX_ACCRUAL_S", 600, 2 days, 5000, 600, 0);
        }
    }

    function _cap(bytes32 name) private pure returns (Rule memory) {
        return Rules.number(name, 1000, 1e12, 2500, 1000, 0);
    }

    function _initial(bytes32 name) private pure returns (Rule memory) {
        return Rules.number(name, 100, 10_000, 2000, 25, 1);
    }

    function _maintenance(bytes32 name) private pure returns (Rule memory) {
        return Rules.number(name, 50, 5000, 2000, 10, 0);
    }
}
