// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILiquidator} from "../interfaces/ILiquidator.sol";
import {Margin, MarketState, Position} from "../interfaces/IPerpEngine.sol";
import {Accounts} from "../lib/Accounts.sol";
import {Action, Fields, GlobalRisk, MarketRisk} from "../lib/Fields.sol";
import {SignedMath} from "../lib/SignedMath.sol";
import {Waterfall} from "./Waterfall.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Deleveraging
/// @notice Closes winners where the losers or the pool cannot pay: who ranks first among those
/// nominated in a window.
abstract contract Deleveraging is Waterfall {
    using Fields for GlobalRisk;
    using Fields for MarketRisk;
    using SafeCast for uint256;
    using SafeCast for int256;
    using SignedMath for int256;

    /// @dev What closing may round away, in the least unit.
    int256 private constant ROUNDING = 2;

    /// @dev A market's auto-deleveraging.
    struct Window {
        uint40 startS;
        /// @dev Since when there is a deficit; 0 for none.
        uint40 deficitSinceS;
        uint256 candidate;
    }

    /// @dev What a market stands at.
    struct Standing {
        uint256 market;
        uint256 priceE18;
        /// @dev What the traders are up; 0 if they are down.
        uint256 profitE18;
        uint256 poolE18;
        uint256 stopBps;
        Deficit deficit;
    }

    mapping(uint256 market => Window) internal _windows;

    /// @inheritdoc ILiquidator
    function nominate(uint256 market, uint256 account) external {
        ENGINE.accrue(market);
        (Standing memory s, uint256 startBps) = _standing(market);
        Window memory w = _windows[market];
        uint256 windowS = _windowS();
        bool running = _isRunning(w, s.deficit, windowS);
        if (_scoreE18(s, account) == 0) revert NotInProfit(account, market);
        uint256 scoreE18_ = _dueScoreE18(s, account, running ? s.stopBps : startBps);
        if (scoreE18_ == 0) revert NotInAdl(market);
        uint256 bestE18 = running && w.candidate != 0 ? _dueScoreE18(s, w.candidate, s.stopBps) : 0;
        if (scoreE18_ <= bestE18) revert ScoreTooLow(scoreE18_, bestE18);
        // A window whose best has left by its end found nobody: who is named then has rivals again.
        if (!running || (bestE18 == 0 && block.timestamp >= w.startS + windowS)) _start(s);
        _windows[market].candidate = account;
        emit AdlNominated(market, account, scoreE18_, msg.sender);
    }

    /// @inheritdoc ILiquidator
    function deleverage(uint256 market) external {
        ENGINE.accrue(market);
        (Standing memory s,) = _standing(market);
        Window memory w = _windows[market];
        uint256 windowS = _windowS();
        if (w.candidate == 0 || !_isRunning(w, s.deficit, windowS)) revert NotInAdl(market);
        if (block.timestamp < w.startS + windowS) {
            revert TooEarly(block.timestamp, w.startS + windowS);
        }
        if (_dueScoreE18(s, w.candidate, s.stopBps) == 0) revert NotInProfit(w.candidate, market);
        _deleverage(s, w.candidate);
        (s,) = _standing(market);
        _continue(s);
    }

    /// @inheritdoc ILiquidator
    function scoreE18(uint256 account, uint256 market) external view returns (uint256) {
        (Standing memory s,) = _standing(market);
        return _scoreE18(s, account);
    }

    /// @inheritdoc ILiquidator
    function windowOf(uint256 market)
        external
        view
        returns (uint256 startS, uint256 deficitSinceS, uint256 candidate)
    {
        Window memory w = _windows[market];
        return (w.startS, w.deficitSinceS, w.candidate);
    }

    /// @inheritdoc Waterfall
    function _onDeficit(uint256 market) internal override {
        if (market == NO_MARKET) return;
        Window storage w = _windows[market];
        if (w.deficitSinceS != 0) return;
        w.deficitSinceS = uint40(block.timestamp);
        if (block.timestamp < w.startS + 2 * _windowS()) return;
        Deficit memory deficit = _deficits[market];
        (w.startS, w.candidate) = (uint40(block.timestamp), 0);
        emit AdlStarted(market, 0, uint256(deficit.ofLongsE18) + deficit.ofShortsE18);
    }

    function _standing(uint256 market) internal view returns (Standing memory s, uint256 startBps) {
        MarketRisk memory risk = RISK.marketRisk(market);
        s.market = market;
        s.priceE18 = ENGINE.priceFor(market, Action.LIQUIDATE);
        int256 profitE18 = ENGINE.tradersPnlE18(market, s.priceE18);
        if (profitE18 > 0) s.profitE18 = uint256(profitE18);
        s.poolE18 = _cash(Accounts.POOL);
        s.stopBps = risk.get(Fields.ADL_STOP_BPS);
        s.deficit = _deficits[market];
        startBps = risk.get(Fields.ADL_START_BPS);
    }

    function _windowS() internal view returns (uint256) {
        return RISK.globalRisk().get(Fields.ADL_WINDOW_S);
    }

    /// @dev Whether a window is open, or over and its best not closed yet. Without a deficit it lapses:
    /// its best would be none any more.
    function _isRunning(Window memory w, Deficit memory deficit, uint256 windowS)
        internal
        view
        returns (bool)
    {
        if (w.startS == 0) return false;
        bool owing = deficit.ofLongsE18 != 0 || deficit.ofShortsE18 != 0;
        return owing || block.timestamp < w.startS + 2 * windowS;
    }

    /// @dev The score of an account if closing it helps now; else 0.
    function _dueScoreE18(Standing memory s, uint256 account, uint256 limitBps)
        internal
        view
        returns (uint256)
    {
        if (s.profitE18 * BPS > s.poolE18 * limitBps) return _scoreE18(s, account);
        bool long = ENGINE.position(account, s.market).sizeE18 > 0;
        return _deficitFor(s, long) == 0 ? 0 : _scoreE18(s, account);
    }

    /// @dev The deficit that winners of a side pay: what the other side lost.
    function _deficitFor(Standing memory s, bool long) internal pure returns (uint256) {
        return long ? s.deficit.ofShortsE18 : s.deficit.ofLongsE18;
    }

    function _start(Standing memory s) private {
        Window storage w = _windows[s.market];
        w.startS = uint40(block.timestamp);
        uint256 ratioBps =
            s.poolE18 == 0 ? type(uint256).max : Math.mulDiv(s.profitE18, BPS, s.poolE18);
        emit AdlStarted(s.market, ratioBps, uint256(s.deficit.ofLongsE18) + s.deficit.ofShortsE18);
    }

    /// @dev Close of a winner what is needed, and take of the profit what the deficit is.
    function _deleverage(Standing memory s, uint256 account) private {
        Position memory position = ENGINE.position(account, s.market);
        uint256 deficitE18 = _deficitFor(s, position.sizeE18 > 0);
        uint256 spareE18 = _spareE18(_marginOf(account));
        uint256 sizeE18 = _sizeFor(s, position, Math.max(deficitE18, _excessE18(s)));
        int256 gainedE18 = ENGINE.close(account, s.market, sizeE18, s.priceE18);
        uint256 leviedE18;
        if (gainedE18 > 0) {
            leviedE18 = Math.min(Math.min(deficitE18, uint256(gainedE18)), spareE18);
        }
        if (leviedE18 != 0) {
            VAULT.move(account, Accounts.DEFICIT, leviedE18);
            _reduceDeficit(s.market, position.sizeE18 < 0, leviedE18);
        }
        emit Deleveraged(account, s.market, sizeE18, s.priceE18, leviedE18);
    }

    /// @dev Profit to realise until the ratio is at its stop: what is paid out leaves the pool too.
    function _excessE18(Standing memory s) private pure returns (uint256) {
        uint256 allowedE18 = s.poolE18 * s.stopBps;
        if (s.profitE18 * BPS <= allowedE18 || s.stopBps >= BPS) return 0;
        return Math.ceilDiv(s.profitE18 * BPS - allowedE18, BPS - s.stopBps);
    }

    /// @dev Begin the next window, or end where nothing is to be done any more.
    function _continue(Standing memory s) internal {
        Window storage w = _windows[s.market];
        bool owing = s.deficit.ofLongsE18 != 0 || s.deficit.ofShortsE18 != 0;
        bool above = s.profitE18 * BPS > s.poolE18 * s.stopBps;
        w.candidate = 0;
        w.startS = owing || above ? uint40(block.timestamp) : 0;
        if (!owing) w.deficitSinceS = 0;
    }

    /// @dev Profit × leverage, of an account that is above maintenance; 0 for any other. By the whole
    /// profit and not by the return on it: then nobody stands first with a position of no size.
    function _scoreE18(Standing memory s, uint256 account) internal view returns (uint256) {
        Position memory position = ENGINE.position(account, s.market);
        uint256 profitE18 = _profitE18(s, position);
        if (profitE18 == 0) return 0;
        Margin memory m = _marginOf(account);
        uint256 spareE18 = _spareE18(m);
        if (spareE18 == 0) return 0;
        uint256 notionalE18 = Math.mulDiv(int256(position.sizeE18).abs(), s.priceE18, UNIT);
        return Math.mulDiv(Math.min(profitE18, spareE18), notionalE18, uint256(m.equityE18));
    }

    /// @dev How much to close so that it realises an amount: any closing settles all of the funding,
    /// and rounds down by a unit or two.
    function _sizeFor(Standing memory s, Position memory position, uint256 amountE18)
        private
        view
        returns (uint256)
    {
        uint256 heldE18 = int256(position.sizeE18).abs();
        (int256 pnlE18, int256 fundingE18) = _gainE18(s, position);
        int256 wantedE18 = amountE18.toInt256() + fundingE18 + ROUNDING;
        if (wantedE18 >= pnlE18) return heldE18;
        if (wantedE18 <= 0) return 1;
        return Math.mulDiv(heldE18, uint256(wantedE18), uint256(pnlE18), Math.Rounding.Ceil);
    }

    /// @dev What a position is up, less the funding it owes; 0 if it is down, or there is none.
    function _profitE18(Standing memory s, Position memory position)
        private
        view
        returns (uint256)
    {
        (int256 pnlE18, int256 fundingE18) = _gainE18(s, position);
        return pnlE18 > 0 && pnlE18 > fundingE18 ? uint256(pnlE18 - fundingE18) : 0;
    }

    function _gainE18(Standing memory s, Position memory position)
        private
        view
        returns (int256 pnlE18, int256 fundingE18)
    {
        int256 sizeE18 = position.sizeE18;
        if (sizeE18 == 0) return (0, 0);
        MarketState memory state = ENGINE.marketState(s.market);
        int256 indexE18 = sizeE18 > 0 ? state.longIndexE18 : state.shortIndexE18;
        fundingE18 = (indexE18 - position.fundingIndexE18).mulCeil(sizeE18.abs());
        pnlE18 = sizeE18.mulFloor(s.priceE18) - position.costE18;
    }

    /// @dev What may be taken of an account so that it stays at maintenance.
    function _spareE18(Margin memory m) private pure returns (uint256) {
        int256 spareE18 = m.equityE18 - m.maintenanceE18.toInt256();
        return spareE18 > 0 ? uint256(spareE18) : 0;
    }
}
