// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MarkGate, Marks} from "../MarkGate.sol";
import {IVault, Purpose} from "../interfaces/IVault.sol";
import {Action, CollateralRisk, Fields, GlobalRisk} from "../lib/Fields.sol";
import {Haircuts} from "../lib/Haircuts.sol";
import {Collaterals} from "./Collaterals.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Valuation
/// @notice What an account's cash and collateral count.
abstract contract Valuation is Collaterals, MarkGate {
    using Fields for CollateralRisk;

    /// @inheritdoc IVault
    function holdings(uint256 account, Purpose purpose)
        external
        view
        returns (int256 cashE18, uint256 collateralE18)
    {
        Row storage row = _rows[account];
        uint256 held = row.held;
        cashE18 = row.cashE18;
        if (held == 0) return (cashE18, 0);
        Marks memory marks;
        GlobalRisk memory global = RISK.globalRisk();
        for (uint256 collateral = 1; held >> collateral != 0; ++collateral) {
            if ((held >> collateral) & 1 == 0) continue;
            CollateralRisk memory risk = RISK.collateralRisk(collateral);
            uint256 priceE18 = _priceOf(marks, global, risk, purpose);
            if (priceE18 == 0) continue;
            uint256 valueE18 = Math.mulDiv(_tokensOf(account, collateral), priceE18, UNIT);
            collateralE18 += Haircuts.counted(risk.haircuts, valueE18);
        }
    }

    /// @inheritdoc IVault
    function seizePriceE18(uint256 collateral) external view returns (uint256) {
        uint256 rate = _rateOf(_stateOf(collateral));
        Marks memory marks;
        GlobalRisk memory global = RISK.globalRisk();
        CollateralRisk memory risk = RISK.collateralRisk(collateral);
        uint256 indexE18 = _requirePrice(
            marks,
            global,
            risk.get(Fields.INDEX_MARKET),
            risk.get(Fields.INDEX_MAX_AGE_MS),
            Action.LIQUIDATE
        );
        uint256 twapE18 = _requirePrice(
            marks,
            global,
            risk.get(Fields.TWAP_MARKET),
            risk.get(Fields.TWAP_MAX_AGE_MS),
            Action.LIQUIDATE
        );
        // Up: for who owes.
        return Math.mulDiv(rate, Math.min(indexE18, twapE18), UNIT, Math.Rounding.Ceil);
    }

    /// @dev The lower of index and TWAP. What cannot be priced is worth nothing to who wants to add
    /// risk; to who may lose his position for it, its last price, of the one market if the other has
    /// none.
    function _priceOf(
        Marks memory marks,
        GlobalRisk memory global,
        CollateralRisk memory risk,
        Purpose purpose
    ) private view returns (uint256) {
        (bool indexUsable, uint256 indexE18) = _priceIf(
            marks,
            global,
            risk.get(Fields.INDEX_MARKET),
            risk.get(Fields.INDEX_MAX_AGE_MS),
            Action.WITHDRAW
        );
        (bool twapUsable, uint256 twapE18) = _priceIf(
            marks,
            global,
            risk.get(Fields.TWAP_MARKET),
            risk.get(Fields.TWAP_MAX_AGE_MS),
            Action.WITHDRAW
        );
        if (purpose == Purpose.PERMIT && !(indexUsable && twapUsable)) return 0;
        if (indexE18 == 0 || twapE18 == 0) return indexE18 + twapE18;
        return Math.min(indexE18, twapE18);
    }
}
