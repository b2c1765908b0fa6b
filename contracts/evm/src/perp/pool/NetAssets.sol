// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle, Mark, Validity} from "../../interfaces/IMarkOracle.sol";
import {ILiquidityPool} from "../interfaces/ILiquidityPool.sol";
import {IPerpEngine, MarketState} from "../interfaces/IPerpEngine.sol";
import {IRiskParameters} from "../interfaces/IRiskParameters.sol";
import {IVault} from "../interfaces/IVault.sol";
import {Accounts} from "../lib/Accounts.sol";
import {Action, Fields, MarketRisk} from "../lib/Fields.sol";
import {Impact} from "../lib/Impact.sol";
import {SignedMath} from "../lib/SignedMath.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice What the pool is worth, and what of it is spoken for, in settlement tokens × 10^18.
struct Worth {
    /// @dev Its cash, the deficit, and what traders would lose.
    int256 navE18;
    /// @dev Its cash beyond what is owed to it, the deficit, and what traders are up.
    int256 freeE18;
    /// @dev Cash that open interest must have beside it.
    int256 boundE18;
}

/// @title NetAssets
/// @notice What the pool is worth by the marks.
/// @dev The loops are over markets with open interest: governance lists them, and anyone may price
/// an epoch with as much gas as a block has.
abstract contract NetAssets {
    using Fields for MarketRisk;
    using SafeCast for int256;
    using SafeCast for uint256;
    using SignedMath for int256;

    uint256 private constant UNIT = 1e18;
    uint256 private constant BPS = 10_000;

    IVault public immutable VAULT;
    IMarkOracle public immutable ORACLE;
    IRiskParameters public immutable RISK;
    IPerpEngine public immutable ENGINE;

    constructor(IMarkOracle oracle, IRiskParameters risk, IVault vault, IPerpEngine engine) {
        (ORACLE, RISK, VAULT, ENGINE) = (oracle, risk, vault, engine);
    }

    /// @dev By the last stored marks, whatever they are good for.
    function _navE18() internal view returns (int256 navE18) {
        (navE18,) = _cash();
        uint256[] memory markets = ENGINE.openMarkets();
        for (uint256 i; i < markets.length; ++i) {
            navE18 -= uint256(ENGINE.marketState(markets[i]).insuredE18).toInt256();
            uint256 priceE18 = ORACLE.readMark(markets[i]).priceE18;
            navE18 -= _tradersE18(markets[i], priceE18);
        }
    }

    /// @dev By marks that may be settled by, are VALID, and were signed at `leastMs` or after; reverts
    /// if one is not.
    function _requireWorth(uint256 leastMs) internal returns (Worth memory worth) {
        uint256[] memory markets = ENGINE.openMarkets();
        // First: accruing pays the insurance out of the pool's cash.
        for (uint256 i; i < markets.length; ++i) {
            ENGINE.accrue(markets[i]);
        }
        (worth.navE18, worth.freeE18) = _cash();
        for (uint256 i; i < markets.length; ++i) {
            uint256 market = markets[i];
            uint256 priceE18 = _requirePrice(market, leastMs);
            int256 pnlE18 = _tradersE18(market, priceE18);
            worth.navE18 -= pnlE18;
            if (pnlE18 > 0) worth.freeE18 -= pnlE18;
            int256 boundE18 = _boundE18(market, priceE18).toInt256();
            if (boundE18 > worth.boundE18) worth.boundE18 = boundE18;
        }
    }

    /// @dev What a market's traders are up, with the impact that they get back by closing its skew: the
    /// pool has that only until then, and who holds the skew chooses when.
    function _tradersE18(uint256 market, uint256 priceE18) private view returns (int256) {
        int256 pnlE18 = ENGINE.tradersPnlE18(market, priceE18);
        MarketState memory state = ENGINE.marketState(market);
        int256 skewE18 = uint256(state.longE18).toInt256() - uint256(state.shortE18).toInt256();
        if (skewE18 == 0) return pnlE18;
        MarketRisk memory risk = RISK.marketRisk(market);
        uint256 fillE18 = Impact.fillPrice(
            priceE18,
            skewE18,
            -skewE18,
            risk.get(Fields.SKEW_SCALE_USD),
            risk.get(Fields.MAX_IMPACT_E6)
        );
        return pnlE18 + skewE18.mulCeil(fillE18) - skewE18.mulFloor(priceE18);
    }

    /// @dev The pool's cash with the deficit, and without what accounts owe it.
    function _cash() private view returns (int256 cashE18, int256 heldE18) {
        cashE18 = VAULT.cashOf(Accounts.POOL) + VAULT.cashOf(Accounts.DEFICIT);
        heldE18 = cashE18 - VAULT.totalDebtE18().toInt256();
    }

    function _requirePrice(uint256 market, uint256 leastMs) private view returns (uint256) {
        Mark memory mark = ORACLE.readMark(market);
        if (mark.validity != Validity.VALID || mark.priceTimeMs < leastMs) {
            revert ILiquidityPool.MarkNotReady(market, mark.validity, mark.priceTimeMs, leastMs);
        }
        return ENGINE.priceFor(market, Action.SETTLE);
    }

    /// @dev So much cash that the market's larger side stays within its share of the pool: who leaves
    /// is held to the rule by which positions opened.
    function _boundE18(uint256 market, uint256 priceE18) private view returns (uint256) {
        MarketState memory state = ENGINE.marketState(market);
        uint256 shareBps = RISK.marketRisk(market).get(Fields.POOL_SHARE_BPS);
        uint256 sideE18 = Math.max(state.longE18, state.shortE18);
        uint256 valueE18 = Math.mulDiv(sideE18, priceE18, UNIT, Math.Rounding.Ceil);
        if (shareBps == 0) return valueE18;
        return Math.mulDiv(valueE18, BPS, shareBps, Math.Rounding.Ceil);
    }
}
