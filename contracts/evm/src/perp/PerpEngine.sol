// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AggregatorV3Interface} from "../adapters/interfaces/AggregatorV3Interface.sol";
import {IMarkOracle} from "../interfaces/IMarkOracle.sol";
import {Marks} from "./MarkGate.sol";
import {Accrual} from "./engine/Accrual.sol";
import {EngineState} from "./engine/EngineState.sol";
import {Pricing} from "./engine/Pricing.sol";
import {Context, TradeRules} from "./engine/TradeRules.sol";
import {IPerpEngine, Position, Trade} from "./interfaces/IPerpEngine.sol";
import {IRiskParameters} from "./interfaces/IRiskParameters.sol";
import {IVault, Module} from "./interfaces/IVault.sol";
import {Accounts} from "./lib/Accounts.sol";
import {Fields, GlobalRisk} from "./lib/Fields.sol";
import {SignedMath} from "./lib/SignedMath.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title PerpEngine
/// @notice Positions, funding and margin. Calls none but the oracle, the parameters and the vault, none
/// of which calls a contract that a trader chooses.
contract PerpEngine is TradeRules {
    using Fields for GlobalRisk;
    using SafeCast for int256;
    using SafeCast for uint256;
    using SignedMath for int256;

    constructor(
        IMarkOracle oracle,
        IRiskParameters risk,
        IVault vault,
        AggregatorV3Interface sequencerFeed,
        uint256 graceS
    ) EngineState(oracle, risk, vault, sequencerFeed, graceS) {}

    /// @inheritdoc IPerpEngine
    function fill(Trade calldata trade) external returns (int256 sizeDeltaE18, uint256 priceE18) {
        _requireModule(Module.ORDERS);
        Context memory c = _load(trade.account, trade.market);
        (c.reducedE18, c.openedE18) = _cut(c, trade);
        sizeDeltaE18 = c.reducedE18 + c.openedE18;
        _requireTradable(c, trade);

        int256 skewE18 = _skew(c.state);
        priceE18 = Pricing.fillPrice(trade.quote, c.risk, skewE18, sizeDeltaE18);
        _requireAcceptable(trade.acceptablePriceE18, sizeDeltaE18, priceE18);
        c.feeE18 = Pricing.fee(c.risk, skewE18, sizeDeltaE18, priceE18);

        Position memory from = c.position;
        _settle(c, priceE18);
        if (c.openedE18 == 0) _requireRatio(c, trade, from);
        else _requireOpening(c, trade, from);

        c.state.insuredE18 += _insured(c);
        _replace(c.account, c.market, c.state, from, c.position);
        emit Filled(
            c.account, c.market, sizeDeltaE18, priceE18, c.feeE18, c.pnlE18, c.position.sizeE18
        );
        _pay(c);
    }

    /// @inheritdoc IPerpEngine
    function close(uint256 account, uint256 market, uint256 sizeE18, uint256 priceE18)
        external
        returns (int256 pnlE18)
    {
        _requireModule(Module.LIQUIDATOR);
        Context memory c = _load(account, market);
        Position memory from = c.position;
        int256 heldE18 = from.sizeE18;
        if (sizeE18 == 0 || sizeE18 > heldE18.abs()) revert NothingToReduce(account, market);
        c.reducedE18 = heldE18 > 0 ? -sizeE18.toInt256() : sizeE18.toInt256();
        _settle(c, priceE18);
        _replace(account, market, c.state, from, c.position);
        emit Filled(account, market, c.reducedE18, priceE18, 0, c.pnlE18, c.position.sizeE18);
        _pay(c);
        return c.pnlE18 - c.fundingE18;
    }

    /// @dev Read a market and an account's position in it, and accrue the market.
    function _load(uint256 account, uint256 market) private returns (Context memory c) {
        (c.account, c.market) = (account, market);
        c.global = RISK.globalRisk();
        c.risk = RISK.marketRisk(market);
        c.state = _markets[market];
        c.position = _positions[account][market];
        _accrue(c.marks, c.global, c.risk, market, c.state);
    }

    /// @dev Turn the position in memory into what it is after the trade, at this price: funding is
    /// settled, profit and loss of what is reduced is realised.
    function _settle(Context memory c, uint256 priceE18) private pure {
        Position memory from = c.position;
        int256 sizeE18 = from.sizeE18;
        int256 costE18 = from.costE18;
        c.fundingE18 = _fundingOwed(c.state, from);
        if (c.reducedE18 != 0) {
            bool whole = c.reducedE18 == -sizeE18;
            int256 closedE18 =
                whole ? costE18 : costE18.mulDivCeil(c.reducedE18.abs(), sizeE18.abs());
            c.pnlE18 = (-c.reducedE18).mulFloor(priceE18) - closedE18;
            costE18 -= closedE18;
        }
        costE18 += c.openedE18.mulCeil(priceE18);
        sizeE18 += c.reducedE18 + c.openedE18;
        int128 indexE18 = sizeE18 == 0 ? int128(0) : _index(c.state, sizeE18);
        c.position = Position(sizeE18.toInt128(), costE18.toInt128(), indexE18);
    }

    /// @dev The insurance's share of the fee.
    function _insured(Context memory c) private pure returns (uint128) {
        return (c.feeE18 * c.global.get(Fields.INSURANCE_FEE_BPS) / BPS).toUint128();
    }

    /// @dev Move what a trade realised between the account and the pool. With its last position a
    /// market owes the insurance nothing either: whoever adds up open markets has it all.
    function _pay(Context memory c) private {
        if (c.fundingE18 != 0) emit FundingSettled(c.account, c.market, c.fundingE18);
        int256 netE18 = _net(c);
        if (netE18 < 0) VAULT.move(c.account, Accounts.POOL, netE18.abs());
        if (netE18 > 0) VAULT.move(Accounts.POOL, c.account, netE18.toUint256());
        if (c.state.longE18 | c.state.shortE18 == 0) _payInsurance(c.market, c.state.insuredE18);
    }
}
