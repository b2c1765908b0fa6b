// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILiquidator} from "../interfaces/ILiquidator.sol";
import {Purpose} from "../interfaces/IVault.sol";
import {Accounts} from "../lib/Accounts.sol";
import {Fields, GlobalRisk} from "../lib/Fields.sol";
import {Seizures} from "./Seizures.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Waterfall
/// @notice Who bears a debt that nothing is left to pay: reserve, insurance, the pool up to its
/// drawdown cap; the rest is a deficit of the market, until winners, or the pool, have paid it.
abstract contract Waterfall is Seizures {
    using Fields for GlobalRisk;
    using SafeCast for uint256;

    /// @dev What the pool has borne of its cap since `startS`.
    struct Drawdown {
        uint40 startS;
        uint104 limitE18;
        uint104 usedE18;
    }

    /// @dev A market's losses that nobody has borne yet, by the side that lost: the other one won.
    struct Deficit {
        uint128 ofLongsE18;
        uint128 ofShortsE18;
    }

    /// @dev Where the deficit of an account belongs that no liquidation left without equity.
    uint256 public constant NO_MARKET = type(uint16).max;

    Drawdown private _drawdown;
    mapping(uint256 market => Deficit) internal _deficits;

    /// @inheritdoc ILiquidator
    function absorb(uint256 account) external {
        if (_holdsPositions(account)) revert StillHolds(account);
        uint256 debtE18 = _debtOf(account);
        if (debtE18 == 0) revert NoDebt(account);
        _takeRest(account, debtE18);
        uint256 reserveE18 = _moveUpTo(Accounts.RESERVE, account, debtE18);
        uint256 insuranceE18 = _moveUpTo(Accounts.INSURANCE, account, debtE18 - reserveE18);
        uint256 restE18 = debtE18 - reserveE18 - insuranceE18;
        uint256 poolE18 = _moveUpTo(Accounts.POOL, account, _drawnUpTo(restE18));
        restE18 -= poolE18;
        Record memory record = _records[account];
        uint256 market = record.liquidated ? record.market : NO_MARKET;
        delete _records[account];
        if (restE18 != 0) {
            VAULT.move(Accounts.DEFICIT, account, restE18);
            _addDeficit(market, record.long, restE18);
        }
        emit BadDebt(account, market, reserveE18, insuranceE18, poolE18, restE18);
    }

    /// @inheritdoc ILiquidator
    function deficitOf(uint256 market)
        external
        view
        returns (uint256 ofLongsE18, uint256 ofShortsE18)
    {
        Deficit memory deficit = _deficits[market];
        return (deficit.ofLongsE18, deficit.ofShortsE18);
    }

    /// @dev Called when a market's deficit has grown.
    function _onDeficit(uint256 market) internal virtual;

    function _addDeficit(uint256 market, bool ofLongs, uint256 amountE18) private {
        Deficit storage deficit = _deficits[market];
        if (ofLongs) deficit.ofLongsE18 += amountE18.toUint128();
        else deficit.ofShortsE18 += amountE18.toUint128();
        _onDeficit(market);
    }

    function _owedE18(Deficit memory deficit) internal pure returns (uint256) {
        return uint256(deficit.ofLongsE18) + deficit.ofShortsE18;
    }

    /// @dev Pay off part of a market's deficit.
    function _reduceDeficit(uint256 market, bool ofLongs, uint256 amountE18) internal {
        Deficit storage deficit = _deficits[market];
        if (ofLongs) deficit.ofLongsE18 -= amountE18.toUint128();
        else deficit.ofShortsE18 -= amountE18.toUint128();
    }

    /// @dev Everything an account has goes first. What is worth nothing is taken at once; what nobody
    /// could price for long, by as much as the debt was of its last known worth. Anything else must
    /// be sold before: revert.
    function _takeRest(uint256 account, uint256 debtE18) private {
        uint256 held = VAULT.heldBy(account);
        if (held == 0) return;
        (, uint256 worthE18) = VAULT.holdings(account, Purpose.LIQUIDATE);
        bool abandoned = _isAbandoned(account);
        for (uint256 collateral; held != 0; ++collateral) {
            bool holds = held & 1 != 0;
            held >>= 1;
            if (!holds) continue;
            uint256 sharesE18 = VAULT.sharesOf(account, collateral);
            (bool priced, uint256 priceE18) = _priceOf(collateral);
            bool worthless = priced
                ? Math.mulDiv(sharesE18, priceE18, UNIT) == 0
                : VAULT.rateE18(collateral) == 0;
            if (!worthless) {
                if (priced || !abandoned) revert StillHolds(account);
                if (debtE18 < worthE18) {
                    sharesE18 = Math.mulDiv(sharesE18, debtE18, worthE18, Math.Rounding.Ceil);
                }
            }
            VAULT.moveCollateral(account, Accounts.INSURANCE, collateral, sharesE18);
            emit Seized(account, collateral, Accounts.INSURANCE, 0, sharesE18);
        }
    }

    /// @dev What the pool bears of an amount: its cap is a share of the cash it had when the period
    /// began, so that who deposits or redeems within it changes nothing.
    function _drawnUpTo(uint256 amountE18) private returns (uint256 drawnE18) {
        if (amountE18 == 0) return 0;
        GlobalRisk memory global = RISK.globalRisk();
        uint256 cashE18 = _cash(Accounts.POOL);
        Drawdown memory d = _drawdown;
        if (block.timestamp >= d.startS + global.get(Fields.DRAWDOWN_PERIOD_S)) {
            uint256 limitE18 = cashE18 * global.get(Fields.DRAWDOWN_BPS) / BPS;
            d = Drawdown(uint40(block.timestamp), limitE18.toUint104(), 0);
        }
        drawnE18 = Math.min(Math.min(amountE18, d.limitE18 - d.usedE18), cashE18);
        d.usedE18 += drawnE18.toUint104();
        _drawdown = d;
    }
}
