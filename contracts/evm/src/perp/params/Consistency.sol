// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRiskParameters} from "../interfaces/IRiskParameters.sol";
import {CollateralRisk, Fields, GlobalRisk, MarketRisk} from "../lib/Fields.sol";

/// @title Consistency
/// @notice Which parameters must go together, whatever each one's own bounds are.
library Consistency {
    using Fields for CollateralRisk;
    using Fields for GlobalRisk;
    using Fields for MarketRisk;

    uint256 private constant E6_PER_BPS = 100;
    uint256 private constant E6 = 1e6;
    /// @dev A market's whole open interest can be liquidated within so many blocks.
    uint256 private constant MOST_BLOCKS = 1000;
    /// @dev What one call may cost or pay is at most this part of the least account's equity.
    uint256 private constant MIN_MARGIN_PARTS = 10;

    function check(MarketRisk memory m) internal pure {
        uint256 initial0 = m.get(Fields.INITIAL_0_BPS);
        uint256 initial1 = m.get(Fields.INITIAL_1_BPS);
        uint256 initial2 = m.get(Fields.INITIAL_2_BPS);
        uint256 maintenance0 = m.get(Fields.MAINTENANCE_0_BPS);
        uint256 maintenance1 = m.get(Fields.MAINTENANCE_1_BPS);
        uint256 maintenance2 = m.get(Fields.MAINTENANCE_2_BPS);
        _below("MAINTENANCE_0_BPS", "INITIAL_0_BPS", maintenance0, initial0);
        _below("MAINTENANCE_1_BPS", "INITIAL_1_BPS", maintenance1, initial1);
        _below("MAINTENANCE_2_BPS", "INITIAL_2_BPS", maintenance2, initial2);
        _atMost("INITIAL_0_BPS", "INITIAL_1_BPS", initial0, initial1);
        _atMost("INITIAL_1_BPS", "INITIAL_2_BPS", initial1, initial2);
        _atMost("MAINTENANCE_0_BPS", "MAINTENANCE_1_BPS", maintenance0, maintenance1);
        _atMost("MAINTENANCE_1_BPS", "MAINTENANCE_2_BPS", maintenance1, maintenance2);
        uint256 cap1 = m.get(Fields.CAP_1_USD);
        _below("CAP_0_USD", "CAP_1_USD", m.get(Fields.CAP_0_USD), cap1);
        _below("CAP_1_USD", "CAP_2_USD", cap1, m.get(Fields.CAP_2_USD));
        _checkTrading(m, maintenance0);
    }

    function check(CollateralRisk memory c) internal pure {
        uint256 haircut0 = c.get(Fields.HAIRCUT_0_BPS);
        uint256 haircut1 = c.get(Fields.HAIRCUT_1_BPS);
        uint256 cap1 = c.get(Fields.HAIRCUT_CAP_1_USD);
        _below("HAIRCUT_CAP_0_USD", "HAIRCUT_CAP_1_USD", c.get(Fields.HAIRCUT_CAP_0_USD), cap1);
        _below("HAIRCUT_CAP_1_USD", "HAIRCUT_CAP_2_USD", cap1, c.get(Fields.HAIRCUT_CAP_2_USD));
        _atMost("HAIRCUT_0_BPS", "HAIRCUT_1_BPS", haircut0, haircut1);
        _atMost("HAIRCUT_1_BPS", "HAIRCUT_2_BPS", haircut1, c.get(Fields.HAIRCUT_2_BPS));
        // So that repaying a debt out of an account's collateral never lowers its equity.
        uint256 discount = c.get(Fields.SEIZE_DISCOUNT_BPS);
        _atMost("SEIZE_DISCOUNT_BPS", "HAIRCUT_0_BPS", discount, haircut0);
        // The lower of a price and itself guards against nothing.
        uint256 index = c.get(Fields.INDEX_MARKET);
        if (index == c.get(Fields.TWAP_MARKET)) {
            revert IRiskParameters.Inconsistent("INDEX_MARKET", "TWAP_MARKET", index, index);
        }
    }

    function check(GlobalRisk memory g) internal pure {
        uint256 uncertain = g.get(Fields.ALLOWED_TOO_UNCERTAIN);
        uint256 volatile_ = g.get(Fields.ALLOWED_TOO_VOLATILE);
        // A worse mark never allows what a better one forbids.
        if (volatile_ & ~uncertain != 0) {
            revert IRiskParameters.Inconsistent(
                "ALLOWED_TOO_VOLATILE", "ALLOWED_TOO_UNCERTAIN", volatile_, uncertain
            );
        }
        uint256 part = g.get(Fields.MIN_MARGIN_USD) * E6 / MIN_MARGIN_PARTS;
        uint256 flat = g.get(Fields.KEEPER_FLAT_E6);
        uint256 order = g.get(Fields.SETTLEMENT_REWARD_E6) + g.get(Fields.FAILURE_FEE_E6);
        _atMost("KEEPER_FLAT_E6", "MIN_MARGIN_USD", flat, part);
        _atMost("KEEPER_FLAT_E6", "KEEPER_MAX_E6", flat, g.get(Fields.KEEPER_MAX_E6));
        _atMost("FAILURE_FEE_E6", "MIN_MARGIN_USD", order, part);
        uint256 depth1 = g.get(Fields.DEPTH_1_USD);
        uint256 depth2 = g.get(Fields.DEPTH_2_USD);
        uint256 depth3 = g.get(Fields.DEPTH_3_USD);
        _atMost("DEPTH_0_USD", "DEPTH_1_USD", g.get(Fields.DEPTH_0_USD), depth1);
        _atMost("DEPTH_1_USD", "DEPTH_2_USD", depth1, depth2);
        _atMost("DEPTH_2_USD", "DEPTH_3_USD", depth2, depth3);
        _atMost("DEPTH_3_USD", "DEPTH_4_USD", depth3, g.get(Fields.DEPTH_4_USD));
    }

    /// @notice Revert unless a market's open interest is within what its depth allows.
    function checkDepth(MarketRisk memory m, GlobalRisk memory g) internal pure {
        uint256 cap = m.get(Fields.OPEN_INTEREST_CAP_USD);
        uint256 depth = m.get(Fields.DEPTH);
        // The five caps lie side by side, from the least depth on.
        uint256 field = Fields.DEPTH_0_USD + depth * (Fields.DEPTH_1_USD - Fields.DEPTH_0_USD);
        _atMost("OPEN_INTEREST_CAP_USD", "DEPTH", cap, g.get(field));
    }

    function _checkTrading(MarketRisk memory m, uint256 maintenance0) private pure {
        // So that closing, by its owner or by the liquidator, costs no more than the margin it frees:
        // of an account at or above maintenance it never lowers the margin ratio.
        uint256 taker = m.get(Fields.TAKER_FEE_E6);
        uint256 cost = taker + m.get(Fields.MAX_IMPACT_E6) + m.get(Fields.LIQUIDATION_FEE_E6);
        _atMost("LIQUIDATION_FEE_E6", "MAINTENANCE_0_BPS", cost, maintenance0 * E6_PER_BPS);
        // Liquidated positions are closed at the mark: whoever was paid for taking skew away, and then
        // has his own position liquidated, must not come out ahead.
        _atMost(
            "MAX_IMPACT_E6",
            "LIQUIDATION_FEE_E6",
            m.get(Fields.MAX_IMPACT_E6),
            m.get(Fields.LIQUIDATION_FEE_E6)
        );
        // No single accrual takes an account from its maintenance margin to a debt.
        _atMost(
            "MAX_FUNDING_E6",
            "MAINTENANCE_0_BPS",
            m.get(Fields.MAX_FUNDING_E6) * m.get(Fields.MAX_ACCRUAL_S),
            maintenance0 * E6_PER_BPS * 1 days
        );
        _atMost("MAKER_FEE_E6", "TAKER_FEE_E6", m.get(Fields.MAKER_FEE_E6), taker);
        _below(
            "ADL_STOP_BPS", "ADL_START_BPS", m.get(Fields.ADL_STOP_BPS), m.get(Fields.ADL_START_BPS)
        );
        _atMost(
            "OPEN_INTEREST_CAP_USD",
            "LIQUIDATION_CAP_USD",
            m.get(Fields.OPEN_INTEREST_CAP_USD),
            m.get(Fields.LIQUIDATION_CAP_USD) * MOST_BLOCKS
        );
    }

    function _below(bytes32 name, bytes32 other, uint256 given, uint256 limit) private pure {
        if (given >= limit) revert IRiskParameters.Inconsistent(name, other, given, limit);
    }

    function _atMost(bytes32 name, bytes32 other, uint256 given, uint256 limit) private pure {
        if (given > limit) revert IRiskParameters.Inconsistent(name, other, given, limit);
    }
}
