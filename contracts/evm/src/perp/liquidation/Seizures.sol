// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILiquidator} from "../interfaces/ILiquidator.sol";
import {Margin} from "../interfaces/IPerpEngine.sol";
import {IVault} from "../interfaces/IVault.sol";
import {Accounts} from "../lib/Accounts.sol";
import {CollateralRisk, Fields, GlobalRisk} from "../lib/Fields.sol";
import {Liquidations} from "./Liquidations.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Seizures
/// @notice Debts repaid for collateral at a discount: by anyone, and when nobody came, by the
/// insurance; whose collateral anyone may buy in the same way.
abstract contract Seizures is Liquidations {
    using Fields for CollateralRisk;
    using Fields for GlobalRisk;
    using SafeCast for uint256;

    /// @inheritdoc ILiquidator
    function seize(uint256 account, uint256 collateral, uint256 repayE18, uint256 by) external {
        if (Accounts.ownerOf(by) != msg.sender || Accounts.isSystem(by)) {
            revert IVault.NotTheOwner(by, msg.sender);
        }
        uint256 mostE18 = Math.min(repayE18, _cash(by));
        if (account != Accounts.INSURANCE) mostE18 = Math.min(mostE18, _seizableDebt(account));
        uint256 priceE18 = _discounted(collateral, VAULT.seizePriceE18(collateral));
        if (_take(account, by, collateral, mostE18, priceE18) == 0) revert NoDebt(account);
        ENGINE.requireWithdrawable(by);
    }

    /// @inheritdoc ILiquidator
    function backstop(uint256 account, uint256 market) external {
        if (_holdsPositions(account)) _closeWhole(account, market);
        else _requireOwing(account);
        if (!_holdsPositions(account)) _sellToInsurance(account);
    }

    function _closeWhole(uint256 account, uint256 market) private {
        Closing memory c = _judge(account, market);
        uint256 delayS = c.global.get(Fields.BACKSTOP_DELAY_S);
        _requireElapsed(_records[account].belowSinceS, delayS, delayS + CALL_LASTS_S);
        uint256 limitE18 = c.margin.maintenanceE18 * c.global.get(Fields.BACKSTOP_BPS) / BPS;
        if (c.margin.equityE18 > 0 && c.margin.equityE18 >= limitE18.toInt256()) {
            revert Healthy(account, c.margin.equityE18, limitE18);
        }
        c.sizeE18 = c.heldE18;
        emit BackstopUsed(account, market, c.sizeE18);
        _close(c);
    }

    /// @dev Revert unless an account without positions has owed for as long as a seizer had time.
    function _requireOwing(uint256 account) private view {
        if (_debtOf(account) == 0) revert NoDebt(account);
        uint256 delayS = RISK.globalRisk().get(Fields.BACKSTOP_DELAY_S);
        _requireElapsed(_records[account].owesSinceS, delayS, type(uint40).max);
    }

    /// @dev The insurance buys what can be priced, as far as the debt and its cash go.
    function _sellToInsurance(uint256 account) private {
        uint256 held = VAULT.heldBy(account);
        for (uint256 collateral; held != 0; ++collateral) {
            bool holds = held & 1 != 0;
            held >>= 1;
            if (!holds) continue;
            (bool priced, uint256 priceE18) = _priceOf(collateral);
            if (!priced) continue;
            uint256 mostE18 = Math.min(_debtOf(account), _cash(Accounts.INSURANCE));
            if (mostE18 == 0) return;
            _take(account, Accounts.INSURANCE, collateral, mostE18, priceE18);
        }
    }

    /// @dev The debt for which collateral may be seized: below maintenance, or without a position.
    function _seizableDebt(uint256 account) private view returns (uint256 debtE18) {
        debtE18 = _debtOf(account);
        if (debtE18 == 0) revert NoDebt(account);
        if (!_holdsPositions(account)) return debtE18;
        Margin memory m = _marginOf(account);
        if (m.equityE18 >= m.maintenanceE18.toInt256()) {
            revert Healthy(account, m.equityE18, m.maintenanceE18);
        }
    }

    /// @dev Pay up to `mostE18` for collateral at a price: shares rounded down, and what they cost up.
    function _take(
        uint256 account,
        uint256 to,
        uint256 collateral,
        uint256 mostE18,
        uint256 priceE18
    ) private returns (uint256 paidE18) {
        if (priceE18 == 0) return 0;
        uint256 sharesE18 =
            Math.min(Math.mulDiv(mostE18, UNIT, priceE18), VAULT.sharesOf(account, collateral));
        paidE18 = Math.mulDiv(sharesE18, priceE18, UNIT, Math.Rounding.Ceil);
        if (sharesE18 == 0) return 0;
        VAULT.move(to, account, paidE18);
        VAULT.moveCollateral(account, to, collateral, sharesE18);
        emit Seized(account, collateral, to, paidE18, sharesE18);
    }

    /// @dev The discounted price, if there is one. Only a refusal with its reason counts as none: who
    /// leaves the call too little gas gets nowhere.
    function _priceOf(uint256 collateral) internal view returns (bool priced, uint256 priceE18) {
        try VAULT.seizePriceE18(collateral) returns (uint256 e18) {
            return (true, _discounted(collateral, e18));
        } catch (bytes memory reason) {
            if (reason.length < 4) revert IVault.UnknownCollateral(collateral);
            return (false, 0);
        }
    }

    /// @dev The discount is never above the least haircut: no seizure lowers the equity.
    function _discounted(uint256 collateral, uint256 priceE18) private view returns (uint256) {
        uint256 discountBps = RISK.collateralRisk(collateral).get(Fields.SEIZE_DISCOUNT_BPS);
        return Math.mulDiv(priceE18, BPS - discountBps, BPS, Math.Rounding.Ceil);
    }
}
