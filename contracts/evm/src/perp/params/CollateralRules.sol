// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Rule} from "../interfaces/IRiskParameters.sol";
import {Fields} from "../lib/Fields.sol";
import {Rules} from "./Rules.sol";

/// @title CollateralRules
/// @notice Bounds and steps of a collateral's parameters, as in MarketRules.
/// @dev The guardian touches no haircut, bracket or age: they lower what accounts are worth.
library CollateralRules {
    uint256 internal constant COUNT = 13;

    function rule(uint256 field) internal pure returns (Rule memory) {
        return field >> 16 == 0 ? _haircut(field) : _limit(field);
    }

    function _haircut(uint256 f) private pure returns (Rule memory r) {
        // What a collateral is priced by is settled when it is listed.
        if (f == Fields.INDEX_MARKET) return Rules.number("INDEX_MARKET", 0, 4095, 0, 0, 0);
        if (f == Fields.TWAP_MARKET) return Rules.number("TWAP_MARKET", 0, 4095, 0, 0, 0);
        if (f == Fields.INDEX_MAX_AGE_MS) return _age("INDEX_MAX_AGE_MS");
        if (f == Fields.TWAP_MAX_AGE_MS) return _age("TWAP_MAX_AGE_MS");
        if (f == Fields.HAIRCUT_CAP_0_USD) return _cap("HAIRCUT_CAP_0_USD");
        if (f == Fields.HAIRCUT_0_BPS) return _share("HAIRCUT_0_BPS");
        if (f == Fields.HAIRCUT_CAP_1_USD) return _cap("HAIRCUT_CAP_1_USD");
        if (f == Fields.HAIRCUT_1_BPS) return _share("HAIRCUT_1_BPS");
        if (f == Fields.HAIRCUT_CAP_2_USD) return _cap("HAIRCUT_CAP_2_USD");
        if (f == Fields.HAIRCUT_2_BPS) return _share("HAIRCUT_2_BPS");
    }

    function _limit(uint256 f) private pure returns (Rule memory r) {
        if (f == Fields.DEPOSIT_CAP) return Rules.number("DEPOSIT_CAP", 1, 1e15, 2500, 1, -1);
        if (f == Fields.SEIZE_DISCOUNT_BPS) {
            return Rules.number("SEIZE_DISCOUNT_BPS", 50, 2000, 0, 100, 0);
        }
        if (f == Fields.COLLATERAL_STATE) {
            return Rules.number("COLLATERAL_STATE", Fields.REDUCE_ONLY, Fields.LISTED, 0, 1, -1);
        }
    }

    function _age(bytes32 name) private pure returns (Rule memory) {
        return Rules.number(name, 5000, 3_600_000, 5000, 5000, 0);
    }

    function _cap(bytes32 name) private pure returns (Rule memory) {
        return Rules.number(name, 1000, 1e11, 2500, 1000, 0);
    }

    function _share(bytes32 name) private pure returns (Rule memory) {
        return Rules.number(name, 0, 9500, 0, 250, 0);
    }
}
