// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Validity} from "../../interfaces/IMarkOracle.sol";
import {Marks} from "../MarkGate.sol";
import {Margin, MarketState, Position, Trade} from "../interfaces/IPerpEngine.sol";
import {Purpose} from "../interfaces/IVault.sol";
import {Accounts} from "../lib/Accounts.sol";
import {Action, Fields, GlobalRisk, MarketRisk} from "../lib/Fields.sol";
import {SignedMath} from "../lib/SignedMath.sol";
import {Tiers} from "../lib/Tiers.sol";
import {HeldMarkets} from "./HeldMarkets.sol";
import {Margins} from "./Margins.sol";
import {Pricing} from "./Pricing.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice A trade while it is settled.
struct Context {
    uint256 account;
    uint256 market;
    Marks marks;
    GlobalRisk global;
    MarketRisk risk;
    MarketState state;
    Position position;
    int256 reducedE18;
    int256 openedE18;
    /// @dev What is realised, what funding is owed, and what fee.
    int256 pnlE18;
    int256 fundingE18;
    uint256 feeE18;
}

/// @title TradeRules
/// @notice What a trade must keep to.
abstract contract TradeRules is Margins {
    using Fields for GlobalRisk;
    using Fields for MarketRisk;
    using HeldMarkets for uint256;
    using SafeCast for int256;
    using SafeCast for uint256;
    using SignedMath for int256;

    /// @dev Greatest size of a position, and of a side of a market: times any price that a report can
    /// say, worsened in every way, it is below 2^255.
    uint256 internal constant MAX_SIZE_E18 = 1e36;

    uint256 private constant DEPTH_BITS = 48;

    /// @dev What of a trade reduces, and what opens.
    function _cut(Context memory c, Trade calldata trade)
        internal
        pure
        returns (int256 reducedE18, int256 openedE18)
    {
        if (trade.sizeDeltaE18.abs() > 2 * MAX_SIZE_E18) {
            revert OutOfRange(trade.quote.priceE18, trade.sizeDeltaE18.abs());
        }
        (reducedE18, openedE18) = Pricing.split(c.position.sizeE18, trade.sizeDeltaE18);
        if (trade.reduceOnly) openedE18 = 0;
        if (reducedE18 == 0 && openedE18 == 0) revert NothingToReduce(c.account, c.market);
    }

    /// @dev Revert unless the market's state, and the table by the quote's validity, let the trade
    /// settle, and the market runs. What only reduces needs nothing but that reducing is allowed.
    function _requireTradable(Context memory c, Trade calldata trade) internal view {
        bool opens = c.openedE18 != 0;
        uint256 state = c.risk.get(Fields.MARKET_STATE);
        if (state < (opens ? Fields.LISTED : Fields.REDUCE_ONLY)) {
            revert MarketNotOpen(c.market, state);
        }
        if (c.reducedE18 != 0) _requireAllowed(c, trade, Action.REDUCE);
        if (opens) {
            _requireAllowed(c, trade, Action.OPEN);
            _requireAllowed(c, trade, Action.SETTLE);
        }
        _requireRunning(c.marks, c.market, opens ? Action.OPEN : Action.REDUCE);
        // Before its cost is known, which might not fit its type.
        _requireSize(c, c.openedE18, trade.quote.priceE18);
    }

    function _requireAllowed(Context memory c, Trade calldata trade, Action action) private pure {
        Validity validity = trade.quote.validity;
        if (!c.global.allows(uint256(validity), action)) {
            revert NotAllowed(c.market, action, validity, 0);
        }
    }

    function _requireAcceptable(uint256 acceptableE18, int256 deltaE18, uint256 priceE18)
        internal
        pure
    {
        if (acceptableE18 == 0) return;
        bool acceptable = deltaE18 > 0 ? priceE18 <= acceptableE18 : priceE18 >= acceptableE18;
        if (!acceptable) revert PriceNotAcceptable(priceE18, acceptableE18);
    }

    /// @dev Revert unless what is opened keeps to the limits, and the account then has its initial
    /// margin: its market at the worse of the settling and the stored price.
    function _requireOpening(Context memory c, Trade calldata trade, Position memory from)
        internal
        view
    {
        uint256 storedE18 = _requirePrice(
            c.marks, c.global, c.market, c.risk.get(Fields.MAX_AGE_MS), Action.OPEN
        );
        uint256 highE18 = Math.max(storedE18, trade.quote.priceE18);
        uint256 lowE18 = Math.min(storedE18, trade.quote.priceE18);
        if (from.sizeE18 == 0) _requireRoom(c);
        _requireLimits(c, highE18);

        (Margin memory margin, int256 cashE18) =
            _margin(c.marks, c.global, c.account, Reading(Purpose.PERMIT, true, true, c.market));
        _requireDebt(c, cashE18 + _net(c));
        bool long = c.position.sizeE18 > 0;
        margin.equityE18 += _net(c) + _worth(c.state, c.position, long ? lowE18 : highE18);
        uint256 notionalE18 = _notional(c.position.sizeE18, highE18);
        margin.initialE18 += Tiers.required(c.risk.tiers, notionalE18, true);
        uint256 leastE18 = c.global.get(Fields.MIN_MARGIN_USD) * UNIT;
        _requireEquity(c, margin, leastE18);
    }

    /// @dev Revert unless the equity is the initial margin and the least. Where collateral is all that
    /// lacks, and counts nothing since its mark is not usable now, nothing is decided: else who settles
    /// would choose a moment at which the order fails.
    function _requireEquity(Context memory c, Margin memory margin, uint256 leastE18) private view {
        int256 neededE18 = Math.max(margin.initialE18, leastE18).toInt256();
        if (margin.equityE18 >= neededE18) return;
        int256 unknownE18 =
            _holdings(c.account, Purpose.LIQUIDATE) - _holdings(c.account, Purpose.PERMIT);
        if (margin.equityE18 + unknownE18 >= neededE18) revert MarginUnknown(c.account, c.market);
        if (margin.equityE18 < margin.initialE18.toInt256()) {
            revert BelowInitialMargin(c.account, margin.equityE18, margin.initialE18);
        }
        revert BelowMinimumMargin(c.account, margin.equityE18, leastE18);
    }

    function _holdings(uint256 account, Purpose purpose) private view returns (int256) {
        (int256 cashE18, uint256 collateralE18) = VAULT.holdings(account, purpose);
        return cashE18 + collateralE18.toInt256();
    }

    /// @dev Revert if a reduction lowers equity ÷ maintenance, or where there is no equity, raises what
    /// it lacks to maintenance: both before and after at the settling price. Other markets that cannot
    /// be priced are as for a liquidation, so that they never hinder.
    function _requireRatio(Context memory c, Trade calldata trade, Position memory from)
        internal
        view
    {
        (Margin memory other,) = _margin(
            c.marks, c.global, c.account, Reading(Purpose.LIQUIDATE, true, false, c.market)
        );
        uint256 priceE18 = trade.quote.priceE18;
        int256 equityE18 = other.equityE18 + _worth(c.state, from, priceE18);
        int256 afterE18 = other.equityE18 + _net(c) + _worth(c.state, c.position, priceE18);
        int256 neededE18 = _maintenance(c, other, from.sizeE18, priceE18);
        int256 neededAfterE18 = _maintenance(c, other, c.position.sizeE18, priceE18);
        bool kept = equityE18 > 0
            ? afterE18 >= equityE18.mulDivCeil(neededAfterE18.toUint256(), neededE18.toUint256())
            : neededAfterE18 - afterE18 <= neededE18 - equityE18;
        if (!kept) revert WouldLowerMarginRatio(c.account);
    }

    function _maintenance(Context memory c, Margin memory other, int256 sizeE18, uint256 priceE18)
        private
        pure
        returns (int256)
    {
        uint256 notionalE18 = _notional(sizeE18, priceE18);
        uint256 ownE18 = Tiers.required(c.risk.tiers, notionalE18, false);
        return (other.maintenanceE18 + ownE18).toInt256();
    }

    /// @dev What the account's cash changes by.
    function _net(Context memory c) internal pure returns (int256) {
        return c.pnlE18 - c.fundingE18 - c.feeE18.toInt256();
    }

    /// @dev Revert if the account holds as many markets as it may.
    function _requireRoom(Context memory c) private view {
        uint256 most = Accounts.isIsolated(c.account) ? 1 : HeldMarkets.MOST;
        if (_held[c.account].count() >= most) revert TooManyMarkets(c.account, most);
    }

    /// @dev Revert if the account owes more than an account that opens may.
    function _requireDebt(Context memory c, int256 cashE18) private pure {
        uint256 limitE18 = c.global.get(Fields.MAX_DEBT_USD) * UNIT;
        if (cashE18 < 0 && cashE18.abs() > limitE18) {
            revert OwesTooMuch(c.account, cashE18.abs(), limitE18);
        }
    }

    /// @dev Revert if the position, or its side of the market, is too large.
    function _requireLimits(Context memory c, uint256 priceE18) private view {
        bool long = c.position.sizeE18 > 0;
        uint256 openedE18 = c.openedE18.abs();
        uint256 sideE18 = (long ? c.state.longE18 : c.state.shortE18) + openedE18;
        if (priceE18 > MAX_PRICE_E18 || sideE18 > MAX_SIZE_E18) {
            revert OutOfRange(priceE18, sideE18);
        }
        _requireSize(c, c.position.sizeE18, priceE18);

        uint256 limitE18 = _openInterestLimit(c);
        uint256 givenE18 = SignedMath.mulDiv(sideE18, priceE18, UNIT, true);
        if (givenE18 > limitE18) revert OpenInterestCap(c.market, givenE18, limitE18);
    }

    function _requireSize(Context memory c, int256 sizeE18, uint256 priceE18) private pure {
        uint256 limitE18 = Tiers.capE18(c.risk.tiers);
        uint256 givenE18 = _notional(sizeE18, priceE18);
        if (givenE18 > limitE18) revert PositionTooLarge(c.market, givenE18, limitE18);
    }

    /// @dev The least of the market's own cap, its depth's, and its share of the pool.
    function _openInterestLimit(Context memory c) private view returns (uint256 limitE18) {
        uint256 depth = Fields.DEPTH_0_USD + ((DEPTH_BITS * c.risk.get(Fields.DEPTH)) << 8);
        uint256 capUsd = Math.min(c.risk.get(Fields.OPEN_INTEREST_CAP_USD), c.global.get(depth));
        int256 poolE18 = VAULT.cashOf(Accounts.POOL);
        uint256 shareE18 =
            poolE18 > 0 ? poolE18.toUint256() * c.risk.get(Fields.POOL_SHARE_BPS) / BPS : 0;
        return Math.min(capUsd * UNIT, shareE18);
    }
}
