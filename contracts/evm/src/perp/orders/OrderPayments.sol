// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Order, OrderEnd, OrderKind} from "../interfaces/IOrders.sol";
import {IPerpEngine, Margin} from "../interfaces/IPerpEngine.sol";
import {IRiskParameters} from "../interfaces/IRiskParameters.sol";
import {IVault, Purpose} from "../interfaces/IVault.sol";
import {Accounts} from "../lib/Accounts.sol";
import {Fields, MarketRisk} from "../lib/Fields.sol";
import {OrderBook} from "./OrderBook.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title OrderPayments
/// @notice What an order pays: the reward to who ends it, and the failure fee to the insurance.
abstract contract OrderPayments is OrderBook {
    using Fields for MarketRisk;

    /// @dev From the settlement token × 10^6 to × 10^18.
    uint256 private constant E6 = 10 ** 12;

    IRiskParameters public immutable RISK;
    IVault public immutable VAULT;
    IPerpEngine public immutable ENGINE;

    constructor(IRiskParameters risk, IVault vault, IPerpEngine engine) {
        (RISK, VAULT, ENGINE) = (risk, vault, engine);
    }

    /// @dev Put down what an order may have to pay. It leaves the account as a withdrawal does, so it
    /// must leave the initial margin.
    function _putDown(Order memory o) internal {
        uint256 amountE18 = _amount(uint256(o.rewardE6) + o.failureE6);
        if (amountE18 == 0) return;
        VAULT.move(o.account, Accounts.ESCROW, amountE18);
        Margin memory margin = ENGINE.marginOf(o.account, Purpose.PERMIT);
        if (!margin.complete) revert IPerpEngine.MarginUnknown(o.account, o.market);
        if (margin.equityE18 < int256(margin.initialE18)) {
            revert IPerpEngine.BelowInitialMargin(o.account, margin.equityE18, margin.initialE18);
        }
    }

    /// @dev Pay for an order that ended.
    /// @param closedE18 The notional that it closed.
    function _pay(uint256 id, Order memory o, OrderEnd how, uint256 closedE18) internal {
        uint256 rewardE18 = _amount(o.rewardE6);
        uint256 failureE18 = _amount(o.failureE6);
        bool failed = how == OrderEnd.FAILED;
        if (o.kind == OrderKind.MARKET) {
            _payOut(Accounts.numberOf(msg.sender, 0), rewardE18);
            _payOut(failed ? Accounts.INSURANCE : o.account, failureE18);
            return;
        }
        uint256 owedE18 = failed ? rewardE18 + failureE18 : rewardE18;
        if (owedE18 == 0) return;
        uint256 paidE18 = Math.min(owedE18, _payable(o, closedE18));
        if (paidE18 < owedE18) emit Unpaid(id, owedE18 - paidE18);
        if (paidE18 == 0) return;
        VAULT.move(o.account, Accounts.ESCROW, paidE18);
        uint256 toSettlerE18 = Math.min(paidE18, rewardE18);
        _payOut(Accounts.numberOf(msg.sender, 0), toSettlerE18);
        _payOut(Accounts.INSURANCE, paidE18 - toSettlerE18);
    }

    /// @dev What may be taken of an account that only reduces: what is above its initial margin. One
    /// below gives at most what a liquidation of as much would take, so that orders of dust drain
    /// nothing that its creditors count on; and never more than it has.
    function _payable(Order memory o, uint256 closedE18) private view returns (uint256) {
        Margin memory margin = ENGINE.marginOf(o.account, Purpose.PERMIT);
        if (margin.equityE18 <= 0) return 0;
        uint256 equityE18 = uint256(margin.equityE18);
        uint256 freeE18 =
            margin.complete && equityE18 > margin.initialE18 ? equityE18 - margin.initialE18 : 0;
        if (closedE18 == 0) return freeE18;
        uint256 feeE6 = RISK.marketRisk(o.market).get(Fields.LIQUIDATION_FEE_E6);
        return Math.max(freeE18, Math.min(equityE18, closedE18 * feeE6 / 10 ** 6));
    }

    function _payOut(uint256 to, uint256 amountE18) private {
        if (amountE18 != 0) VAULT.move(Accounts.ESCROW, to, amountE18);
    }

    function _amount(uint256 amountE6) private pure returns (uint256) {
        return amountE6 * E6;
    }
}
