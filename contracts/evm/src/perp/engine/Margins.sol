// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Marks} from "../MarkGate.sol";
import {IPerpEngine, Margin, MarketState, Position} from "../interfaces/IPerpEngine.sol";
import {Purpose} from "../interfaces/IVault.sol";
import {Action, Fields, GlobalRisk, MarketRisk} from "../lib/Fields.sol";
import {SignedMath} from "../lib/SignedMath.sol";
import {Tiers} from "../lib/Tiers.sol";
import {Accrual} from "./Accrual.sol";
import {HeldMarkets} from "./HeldMarkets.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Margins
/// @notice What accounts are worth and must be worth.
abstract contract Margins is Accrual {
    using Fields for MarketRisk;
    using HeldMarkets for uint256;
    using SafeCast for uint256;
    using SignedMath for int256;

    /// @dev No market: nothing is left out.
    uint256 internal constant NONE = type(uint256).max;

    /// @dev How to add up an account's markets.
    struct Reading {
        Purpose purpose;
        bool profitCounts;
        /// @dev Revert if a market cannot be priced.
        bool strict;
        /// @dev The market to leave out, or `NONE`.
        uint256 but;
    }

    /// @inheritdoc IPerpEngine
    function marginOf(uint256 account, Purpose purpose)
        external
        view
        returns (Margin memory margin)
    {
        Marks memory marks;
        GlobalRisk memory global = RISK.globalRisk();
        (margin,) = _margin(marks, global, account, Reading(purpose, true, false, NONE));
    }

    /// @inheritdoc IPerpEngine
    function requireWithdrawable(uint256 account) external view {
        Marks memory marks;
        GlobalRisk memory global = RISK.globalRisk();
        (Margin memory margin,) =
            _margin(marks, global, account, Reading(Purpose.PERMIT, false, true, NONE));
        if (margin.equityE18 < margin.initialE18.toInt256()) {
            revert BelowInitialMargin(account, margin.equityE18, margin.initialE18);
        }
    }

    /// @dev Add up an account: its cash and collateral, and its markets.
    function _margin(
        Marks memory marks,
        GlobalRisk memory global,
        uint256 account,
        Reading memory how
    ) internal view returns (Margin memory margin, int256 cashE18) {
        uint256 collateralE18;
        (cashE18, collateralE18) = VAULT.holdings(account, how.purpose);
        margin.equityE18 = cashE18 + collateralE18.toInt256();
        margin.complete = true;
        for (uint256 held = _held[account]; held != 0; held = held.rest()) {
            uint256 market = held.first();
            if (market != how.but) _addMarket(marks, global, account, market, how, margin);
        }
    }

    function _addMarket(
        Marks memory marks,
        GlobalRisk memory global,
        uint256 account,
        uint256 market,
        Reading memory how,
        Margin memory margin
    ) private view {
        MarketRisk memory risk = RISK.marketRisk(market);
        MarketState memory state = _markets[market];
        Position memory held = _positions[account][market];
        _accrueView(marks, global, risk, market, state);
        Action action = how.purpose == Purpose.PERMIT ? Action.WITHDRAW : Action.LIQUIDATE;
        (bool usable, uint256 priceE18) =
            _priceIf(marks, global, market, risk.get(Fields.MAX_AGE_MS), action);
        int256 worthE18 = _worth(state, held, priceE18);
        if (!usable) {
            if (how.strict) revert MarginUnknown(account, market);
            margin.complete = false;
            bool counts = how.purpose == Purpose.LIQUIDATE && priceE18 != 0 && worthE18 > 0;
            if (counts) margin.equityE18 += worthE18;
            return;
        }
        if (how.profitCounts || worthE18 < 0) margin.equityE18 += worthE18;
        uint256 notionalE18 = _notional(held.sizeE18, priceE18);
        margin.initialE18 += Tiers.required(risk.tiers, notionalE18, true);
        margin.maintenanceE18 += Tiers.required(risk.tiers, notionalE18, false);
    }

    /// @dev PnL of a position at a price, less the funding it owes.
    function _worth(MarketState memory state, Position memory held, uint256 priceE18)
        internal
        pure
        returns (int256)
    {
        int256 pnlE18 = int256(held.sizeE18).mulFloor(priceE18) - held.costE18;
        return pnlE18 - _fundingOwed(state, held);
    }

    function _notional(int256 sizeE18, uint256 priceE18) internal pure returns (uint256) {
        return SignedMath.mulDiv(sizeE18.abs(), priceE18, UNIT, true);
    }
}
