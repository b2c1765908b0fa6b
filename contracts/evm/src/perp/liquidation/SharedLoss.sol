// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILiquidator} from "../interfaces/ILiquidator.sol";
import {MarketState} from "../interfaces/IPerpEngine.sol";
import {Accounts} from "../lib/Accounts.sol";
import {Fields, GlobalRisk, MarketRisk} from "../lib/Fields.sol";
import {Deleveraging} from "./Deleveraging.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title SharedLoss
/// @notice Ends a deficit that auto-deleveraging did not: the side that won bears it by size, within
/// a limit; and the pool the rest.
abstract contract SharedLoss is Deleveraging {
    using Fields for GlobalRisk;
    using Fields for MarketRisk;
    using SafeCast for uint256;

    /// @dev Charged to each side since `startS`.
    struct Charged {
        uint40 startS;
        uint104 longsE18;
        uint104 shortsE18;
    }

    /// @dev A share takes at most this part of the least maintenance margin: an account that stands at
    /// it keeps half, and so leaves no bad debt of its own.
    uint256 private constant MARGIN_DIVISOR = 2;
    /// @dev A deficit that candidates could not end in so many windows is shared all the same.
    uint256 private constant MOST_WINDOWS = 8;

    mapping(uint256 market => Charged) private _charged;

    /// @inheritdoc ILiquidator
    function shareDeficit(uint256 market) external {
        if (_owedE18(_deficits[market]) == 0) revert NotInAdl(market);
        if (market == NO_MARKET) {
            uint256 paidE18 = _payDeficit(market);
            emit DeficitShared(market, paidE18, paidE18);
            return;
        }
        ENGINE.accrue(market);
        Standing memory s = _standing(market);
        _requireUnanswered(s);
        uint256 sharedE18 = _share(s, true) + _share(s, false);
        uint256 poolE18 = _payDeficit(market);
        emit DeficitShared(market, sharedE18 + poolE18, poolE18);
        _continue(market);
    }

    /// @dev Revert while auto-deleveraging may still end the deficit: its window is open, or somebody
    /// stands to be closed, and not for too long already.
    function _requireUnanswered(Standing memory s) private view {
        uint256 atS = s.window.startS + s.windowS;
        if (block.timestamp < atS) revert TooEarly(block.timestamp, atS);
        uint256 candidate = s.window.candidate;
        if (candidate == 0 || _dueScoreE18(s, candidate) == 0) return;
        atS = s.window.deficitSinceS + MOST_WINDOWS * s.windowS;
        if (block.timestamp < atS) revert TooEarly(block.timestamp, atS);
    }

    /// @dev Charge the winners of a side. The pool advances it, and gets it as they settle their funding.
    function _share(Standing memory s, bool longs) private returns (uint256 sharedE18) {
        uint256 deficitE18 = _deficitFor(s, longs);
        if (deficitE18 == 0) return 0;
        Charged memory charged = _charged[s.market];
        if (block.timestamp >= charged.startS + RISK.globalRisk().get(Fields.DRAWDOWN_PERIOD_S)) {
            charged = Charged(uint40(block.timestamp), 0, 0);
        }
        uint256 limitE18 = _mostShared(s, longs);
        uint256 usedE18 = longs ? charged.longsE18 : charged.shortsE18;
        if (limitE18 <= usedE18) return 0;
        sharedE18 = Math.min(Math.min(deficitE18, limitE18 - usedE18), _cash(Accounts.POOL));
        if (sharedE18 == 0) return 0;
        if (longs) charged.longsE18 += sharedE18.toUint104();
        else charged.shortsE18 += sharedE18.toUint104();
        _charged[s.market] = charged;
        _reduceDeficit(s.market, !longs, sharedE18);
        ENGINE.shareLoss(s.market, longs, sharedE18);
        VAULT.move(Accounts.POOL, Accounts.DEFICIT, sharedE18);
    }

    /// @dev What a side may be charged in a period.
    function _mostShared(Standing memory s, bool longs) private view returns (uint256) {
        MarketState memory state = ENGINE.marketState(s.market);
        uint256 valueE18 = Math.mulDiv(longs ? state.longE18 : state.shortE18, s.priceE18, UNIT);
        uint256 shareBps = RISK.marketRisk(s.market).get(Fields.MAINTENANCE_0_BPS);
        return valueE18 * shareBps / (BPS * MARGIN_DIVISOR);
    }

    /// @dev Have the pool pay what is left of a market's deficit, as far as its cash goes.
    function _payDeficit(uint256 market) private returns (uint256 paidE18) {
        Deficit memory deficit = _deficits[market];
        paidE18 = _moveUpTo(Accounts.POOL, Accounts.DEFICIT, _owedE18(deficit));
        uint256 ofLongsE18 = Math.min(paidE18, deficit.ofLongsE18);
        _reduceDeficit(market, true, ofLongsE18);
        _reduceDeficit(market, false, paidE18 - ofLongsE18);
    }
}
