// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GroupWord} from "../../report/GroupWord.sol";
import {Marks} from "../MarkGate.sol";
import {IPerpEngine, MarketState} from "../interfaces/IPerpEngine.sol";
import {Module} from "../interfaces/IVault.sol";
import {Accounts} from "../lib/Accounts.sol";
import {Action, Fields, GlobalRisk, MarketRisk} from "../lib/Fields.sol";
import {Funding} from "../lib/Funding.sol";
import {SignedMath} from "../lib/SignedMath.sol";
import {EngineState} from "./EngineState.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Accrual
/// @notice Funding, and losses shared by size: what a side of a market pays by its index.
abstract contract Accrual is EngineState {
    using Fields for MarketRisk;
    using GroupWord for uint256;
    using SafeCast for int256;
    using SignedMath for int256;

    /// @dev Above it nothing is opened and no funding accrues: so that no index and no cost comes near
    /// the end of its type.
    uint256 internal constant MAX_PRICE_E18 = 1e30;

    /// @inheritdoc IPerpEngine
    function accrue(uint256 market) external {
        Marks memory marks;
        MarketRisk memory risk = RISK.marketRisk(market);
        if (risk.get(Fields.MARKET_STATE) == Fields.UNLISTED) revert MarketNotOpen(market, 0);
        MarketState memory state = _markets[market];
        _accrue(marks, RISK.globalRisk(), risk, market, state);
        _markets[market] = state;
        _payInsurance(market, state.insuredE18);
    }

    /// @inheritdoc IPerpEngine
    function shareLoss(uint256 market, bool longs, uint256 amountE18) external {
        _requireModule(Module.LIQUIDATOR);
        Marks memory marks;
        MarketState memory state = _markets[market];
        _accrue(marks, RISK.globalRisk(), RISK.marketRisk(market), market, state);
        uint256 side = longs ? state.longE18 : state.shortE18;
        uint256 limitE18 = side * _entryOf(marks, market).priceE18() / UNIT;
        if (amountE18 > limitE18) revert LossTooLarge(market, amountE18, limitE18);
        if (amountE18 != 0) {
            int256 stepE18 = SafeCast.toInt256(amountE18).mulDivCeil(UNIT, side);
            if (longs) state.longIndexE18 = (state.longIndexE18 + stepE18).toInt128();
            else state.shortIndexE18 = (state.shortIndexE18 + stepE18).toInt128();
        }
        _markets[market] = state;
        emit LossShared(market, longs, amountE18);
    }

    /// @inheritdoc IPerpEngine
    function tradersPnlE18(uint256 market, uint256 priceE18) external view returns (int256) {
        Marks memory marks;
        MarketState memory state = _markets[market];
        _accrueView(marks, RISK.globalRisk(), RISK.marketRisk(market), market, state);
        int256 worthE18 = _skew(state).mulCeil(priceE18) - state.costE18;
        int256 paidE18 = int256(state.longIndexE18).mulFloor(state.longE18)
            + int256(state.shortIndexE18).mulFloor(state.shortE18);
        return worthE18 - paidE18 + state.fundingBasisE18;
    }

    /// @inheritdoc IPerpEngine
    function priceFor(uint256 market, Action action) external view returns (uint256 priceE18) {
        Marks memory marks;
        uint256 maxAgeMs = RISK.marketRisk(market).get(Fields.MAX_AGE_MS);
        return _requirePrice(marks, RISK.globalRisk(), market, maxAgeMs, action);
    }

    /// @dev Pay the insurance its share of a stored market's fees.
    function _payInsurance(uint256 market, uint256 insuredE18) internal {
        if (insuredE18 == 0) return;
        _markets[market].insuredE18 = 0;
        VAULT.move(Accounts.POOL, Accounts.INSURANCE, insuredE18);
    }

    /// @dev Accrue a market that is in memory, and say so. The caller stores it.
    function _accrue(
        Marks memory marks,
        GlobalRisk memory global,
        MarketRisk memory risk,
        uint256 market,
        MarketState memory state
    ) internal {
        (bool accrued, int256 rateE18) = _accrueView(marks, global, risk, market, state);
        if (accrued) {
            emit FundingAccrued(market, rateE18, state.longIndexE18, state.shortIndexE18);
        }
    }

    /// @dev Accrue a market that is in memory. A time in which the mark as it is now allows no funding
    /// passes without any.
    function _accrueView(
        Marks memory marks,
        GlobalRisk memory global,
        MarketRisk memory risk,
        uint256 market,
        MarketState memory state
    ) internal view returns (bool accrued, int256 rateE18) {
        uint256 dtS = block.timestamp - state.accruedAtS;
        if (dtS == 0) return (false, 0);
        state.accruedAtS = uint40(block.timestamp);
        (bool usable, uint256 priceE18) =
            _priceIf(marks, global, market, risk.get(Fields.MAX_AGE_MS), Action.FUND);
        if (!usable || priceE18 > MAX_PRICE_E18) return (false, 0);

        (, int32 premiumBpsE2) = _entryOf(marks, market).premiumBpsE2();
        return (true, _step(risk, state, priceE18, premiumBpsE2, dtS));
    }

    function _step(
        MarketRisk memory risk,
        MarketState memory state,
        uint256 priceE18,
        int256 premiumBpsE2,
        uint256 dtS
    ) private pure returns (int256 rateE18) {
        int256 builtE18 = state.velocityRateE18;
        int256 deltaE18;
        (builtE18, rateE18, deltaE18) =
            Funding.step(builtE18, _skew(state), priceE18, premiumBpsE2, dtS, risk);
        state.velocityRateE18 = builtE18.toInt64();
        state.longIndexE18 = (state.longIndexE18 + deltaE18).toInt128();
        state.shortIndexE18 = (state.shortIndexE18 - deltaE18).toInt128();
    }
}
