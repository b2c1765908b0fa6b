// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILiquidator} from "../interfaces/ILiquidator.sol";
import {Margin, Position} from "../interfaces/IPerpEngine.sol";
import {Accounts} from "../lib/Accounts.sol";
import {Action, Fields, GlobalRisk, MarketRisk} from "../lib/Fields.sol";
import {LiquidationSize} from "../lib/LiquidationSize.sol";
import {SignedMath} from "../lib/SignedMath.sol";
import {Tiers} from "../lib/Tiers.sol";
import {MarginCalls} from "./MarginCalls.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Liquidations
/// @notice Closes positions of accounts below maintenance at the stored mark: as much as the target
/// needs, within the block's cap; or, when nobody came, all of it.
abstract contract Liquidations is MarginCalls {
    using Fields for GlobalRisk;
    using Fields for MarketRisk;
    using SafeCast for uint256;
    using SignedMath for int256;

    /// @dev What one block has liquidated of a market.
    struct CapUse {
        uint64 blockNumber;
        uint128 usedE18;
    }

    /// @dev One closing, from its judgement to its reward.
    struct Closing {
        uint256 account;
        uint256 market;
        uint256 priceE18;
        /// @dev Of the whole position.
        uint256 heldE18;
        uint256 notionalE18;
        uint256 costE18;
        bool long;
        uint256 sizeE18;
        Margin margin;
        MarketRisk risk;
        GlobalRisk global;
    }

    mapping(uint256 market => CapUse) private _capUse;

    /// @inheritdoc ILiquidator
    function liquidate(uint256 account, uint256 market, bytes calldata report)
        external
        returns (uint256 sizeE18)
    {
        if (report.length != 0) ORACLE.update(report);
        Closing memory c = _judge(account, market);
        if (c.margin.equityE18 >= c.margin.maintenanceE18.toInt256()) {
            revert Healthy(account, c.margin.equityE18, c.margin.maintenanceE18);
        }
        sizeE18 = _sizeWithin(c, _capLeft(c));
        c.sizeE18 = sizeE18;
        _capUse[market].usedE18 += _notional(c, sizeE18).toUint128();
        _close(c);
    }

    /// @dev Read everything that decides about a position.
    function _judge(uint256 account, uint256 market) internal view returns (Closing memory c) {
        (c.account, c.market) = (account, market);
        c.margin = _marginOf(account);
        Position memory position = ENGINE.position(account, market);
        if (position.sizeE18 == 0) revert NothingToLiquidate(account, market);
        c.priceE18 = ENGINE.priceFor(market, Action.LIQUIDATE);
        c.long = position.sizeE18 > 0;
        c.heldE18 = int256(position.sizeE18).abs();
        c.costE18 = int256(position.costE18).abs();
        c.notionalE18 = _notional(c, c.heldE18);
        c.risk = RISK.marketRisk(market);
        c.global = RISK.globalRisk();
    }

    /// @dev What the market's cap leaves for this block.
    function _capLeft(Closing memory c) private returns (uint256) {
        uint256 limitE18 = c.risk.get(Fields.LIQUIDATION_CAP_USD) * UNIT;
        CapUse storage use = _capUse[c.market];
        if (use.blockNumber != block.number) {
            (use.blockNumber, use.usedE18) = (uint64(block.number), 0);
            return limitE18;
        }
        uint256 usedE18 = use.usedE18;
        if (usedE18 >= limitE18) revert CapReached(c.market, limitE18);
        return limitE18 - usedE18;
    }

    /// @dev How much to close: to the target, within the cap; all where what is left would be dust.
    function _sizeWithin(Closing memory c, uint256 capE18) private pure returns (uint256 sizeE18) {
        uint256 wantedE18 = LiquidationSize.toTarget(
            c.margin.equityE18,
            c.margin.maintenanceE18,
            c.notionalE18,
            c.risk.tiers,
            c.risk.get(Fields.LIQUIDATION_FEE_E6),
            c.risk.get(Fields.TARGET_BPS)
        );
        wantedE18 = Math.min(wantedE18, capE18);
        if (wantedE18 + c.global.get(Fields.MIN_MARGIN_USD) * UNIT >= c.notionalE18) {
            return c.heldE18;
        }
        sizeE18 = Math.mulDiv(wantedE18, UNIT, c.priceE18, Math.Rounding.Ceil);
        return Math.min(sizeE18, c.heldE18);
    }

    /// @dev Close, charge the penalty, reward the caller, and remember where.
    function _close(Closing memory c) internal {
        (uint256 dueE18, uint256 paidE18) = _penalty(c);
        int256 gainedE18 = ENGINE.close(c.account, c.market, c.sizeE18, c.priceE18);
        uint256 rewardE18 = _reward(c, dueE18, paidE18);
        _remember(c, gainedE18 < 0 ? gainedE18.abs() : 0);
        emit Liquidated(c.account, c.market, msg.sender, c.sizeE18, c.priceE18, paidE18, rewardE18);
    }

    /// @dev The penalty that is due, and what of it the account pays: of its last position as far as
    /// equity goes; else no more than half of the equity that stood for what is closed, so that
    /// equity ÷ maintenance always rises. The margin in memory is then that after the closing.
    function _penalty(Closing memory c) private pure returns (uint256 dueE18, uint256 paidE18) {
        Margin memory m = c.margin;
        uint256 closedE18 = _notional(c, c.sizeE18);
        dueE18 =
            Math.mulDiv(closedE18, c.risk.get(Fields.LIQUIDATION_FEE_E6), E6, Math.Rounding.Ceil);
        uint256 leftE18 = _notional(c, c.heldE18 - c.sizeE18);
        uint256 freedE18 = Tiers.required(c.risk.tiers, c.notionalE18, false)
            - Tiers.required(c.risk.tiers, leftE18, false);
        if (m.equityE18 > 0) {
            uint256 equityE18 = uint256(m.equityE18);
            uint256 mostE18 = freedE18 >= m.maintenanceE18
                ? equityE18
                : Math.mulDiv(equityE18, freedE18, 2 * m.maintenanceE18);
            paidE18 = Math.min(dueE18, mostE18);
        }
        m.equityE18 -= paidE18.toInt256();
        m.maintenanceE18 = Math.saturatingSub(m.maintenanceE18, freedE18);
    }

    /// @dev Split the penalty between the keeper and the reserve. Where the account could not pay it,
    /// the reserve adds up to a flat sum, never more than the taker fee that opening cost: whoever
    /// opens positions in order to have them liquidated pays more than he gets.
    function _reward(Closing memory c, uint256 dueE18, uint256 paidE18)
        private
        returns (uint256 rewardE18)
    {
        uint256 keeper = Accounts.numberOf(msg.sender, 0);
        rewardE18 = Math.min(
            paidE18 * c.global.get(Fields.KEEPER_SHARE_BPS) / BPS,
            c.global.get(Fields.KEEPER_MAX_E6) * E12
        );
        if (rewardE18 != 0) VAULT.move(c.account, keeper, rewardE18);
        if (paidE18 != rewardE18) VAULT.move(c.account, Accounts.RESERVE, paidE18 - rewardE18);
        if (paidE18 >= dueE18) return rewardE18;
        uint256 openedE18 =
            Math.min(Math.mulDiv(c.costE18, c.sizeE18, c.heldE18), _notional(c, c.sizeE18));
        uint256 flatE18 = Math.min(
            openedE18 * c.risk.get(Fields.TAKER_FEE_E6) / E6,
            c.global.get(Fields.KEEPER_FLAT_E6) * E12
        );
        if (flatE18 > rewardE18) {
            rewardE18 += _moveUpTo(Accounts.RESERVE, keeper, flatE18 - rewardE18);
        }
    }

    /// @dev Remember where an account without equity lost most, since there its bad debt belongs: not
    /// where it was closed last, which who liquidates could choose. Of one that has equity again,
    /// forget it, and its call if it is above maintenance.
    function _remember(Closing memory c, uint256 lostE18) private {
        Record storage record = _records[c.account];
        if (c.margin.equityE18 <= 0) {
            bool same = record.market == c.market && record.long == c.long;
            if (!record.liquidated || same || lostE18 > record.lostE18) {
                if (record.liquidated && same) lostE18 += record.lostE18;
                (record.liquidated, record.market, record.long) = (true, uint16(c.market), c.long);
                record.lostE18 = lostE18.toUint104();
            }
            return;
        }
        if (record.liquidated && c.margin.complete) {
            (record.liquidated, record.lostE18) = (false, 0);
        }
        bool recovered = c.margin.equityE18 >= c.margin.maintenanceE18.toInt256();
        if (recovered && record.belowSinceS != 0) record.belowSinceS = 0;
    }

    /// @dev Value of a size, rounded up as the margin has it.
    function _notional(Closing memory c, uint256 sizeE18) internal pure returns (uint256) {
        return Math.mulDiv(sizeE18, c.priceE18, UNIT, Math.Rounding.Ceil);
    }
}
