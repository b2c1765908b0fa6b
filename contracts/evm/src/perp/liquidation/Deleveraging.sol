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
        /// @dev The traders' profit has passed the start, and not come down to the stop since.
        bool byRatio;
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
        uint256 windowS;
        Deficit deficit;
        Window window;
        /// @dev The window is open, or over and its best not closed yet.
        bool running;
        /// @dev The traders' profit is to be brought down to the stop.
        bool above;
    }

    mapping(uint256 market => Window) private _windows;

    /// @inheritdoc ILiquidator
    function nominate(uint256 market, uint256 account) external {
        ENGINE.accrue(market);
        Standing memory s = _standing(market);
        if (_scoreE18(s, account) == 0) revert NotInProfit(account, market);
        uint256 scoreE18_ = _dueScoreE18(s, account);
        if (scoreE18_ == 0) revert NotInAdl(market);
        uint256 bestE18 = s.running ? _dueScoreE18(s, s.window.candidate) : 0;
        if (scoreE18_ <= bestE18) revert ScoreTooLow(scoreE18_, bestE18);
        // A window whose best has left by its end found nobody: who is named then has rivals again.
        bool over = block.timestamp >= s.window.startS + s.windowS;
        if (!s.running || (bestE18 == 0 && over)) {
            s.window.startS = uint40(block.timestamp);
            uint256 ratioBps =
                s.poolE18 == 0 ? type(uint256).max : Math.mulDiv(s.profitE18, BPS, s.poolE18);
            emit AdlStarted(market, ratioBps, _owedE18(s.deficit));
        }
        (s.window.byRatio, s.window.candidate) = (s.above, account);
        _windows[market] = s.window;
        emit AdlNominated(market, account, scoreE18_, msg.sender);
    }

    /// @inheritdoc ILiquidator
    function deleverage(uint256 market) external {
        ENGINE.accrue(market);
        Standing memory s = _standing(market);
        uint256 account = s.window.candidate;
        if (account == 0 || !s.running) revert NotInAdl(market);
        uint256 endS = s.window.startS + s.windowS;
        if (block.timestamp < endS) revert TooEarly(block.timestamp, endS);
        if (_dueScoreE18(s, account) == 0) revert NotInProfit(account, market);
        _deleverage(s, account);
        _continue(market);
    }

    /// @inheritdoc ILiquidator
    function scoreE18(uint256 account, uint256 market) external view returns (uint256) {
        return _scoreE18(_standing(market), account);
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
        (w.startS, w.byRatio, w.candidate) = (uint40(block.timestamp), false, 0);
        emit AdlStarted(market, 0, _owedE18(_deficits[market]));
    }

    function _standing(uint256 market) internal view returns (Standing memory s) {
        MarketRisk memory risk = RISK.marketRisk(market);
        s.market = market;
        s.priceE18 = ENGINE.priceFor(market, Action.LIQUIDATE);
        int256 profitE18 = ENGINE.tradersPnlE18(market, s.priceE18);
        if (profitE18 > 0) s.profitE18 = uint256(profitE18);
        s.poolE18 = _cash(Accounts.POOL);
        s.stopBps = risk.get(Fields.ADL_STOP_BPS);
        s.windowS = _windowS();
        s.deficit = _deficits[market];
        s.window = _windows[market];
        // Without a deficit a window that nobody ended lapses: its best would be none any more.
        s.running = s.window.startS != 0
            && (_owedE18(s.deficit) != 0 || block.timestamp < s.window.startS + 2 * s.windowS);
        uint256 limitBps =
            s.running && s.window.byRatio ? s.stopBps : risk.get(Fields.ADL_START_BPS);
        s.above = s.profitE18 * BPS > s.poolE18 * limitBps;
    }

    function _windowS() private view returns (uint256) {
        return RISK.globalRisk().get(Fields.ADL_WINDOW_S);
    }

    /// @dev The score of an account if closing it helps now; else 0.
    function _dueScoreE18(Standing memory s, uint256 account) internal view returns (uint256) {
        bool long = ENGINE.position(account, s.market).sizeE18 > 0;
        return s.above || _deficitFor(s, long) != 0 ? _scoreE18(s, account) : 0;
    }

    /// @dev The deficit that winners of a side pay: what the other side lost.
    function _deficitFor(Standing memory s, bool long) internal pure returns (uint256) {
        return long ? s.deficit.ofShortsE18 : s.deficit.ofLongsE18;
    }

    /// @dev Close of a winner what is needed, and take of the profit what the deficit is.
    function _deleverage(Standing memory s, uint256 account) private {
        Position memory position = ENGINE.position(account, s.market);
        uint256 deficitE18 = _deficitFor(s, position.sizeE18 > 0);
        uint256 spareE18 = _spareE18(_marginOf(account));
        uint256 sizeE18 = _sizeFor(s, position, Math.max(deficitE18, _excessE18(s)));
        int256 gainedE18 = ENGINE.close(account, s.market, sizeE18, s.priceE18);
        uint256 leviedE18 =
            gainedE18 > 0 ? Math.min(Math.min(deficitE18, uint256(gainedE18)), spareE18) : 0;
        if (leviedE18 != 0) {
            _reduceDeficit(s.market, position.sizeE18 < 0, leviedE18);
            VAULT.move(account, Accounts.DEFICIT, leviedE18);
        }
        emit Deleveraged(account, s.market, sizeE18, s.priceE18, leviedE18);
    }

    /// @dev Profit to realise until the ratio is at its stop: what is paid out leaves the pool too.
    function _excessE18(Standing memory s) private pure returns (uint256) {
        if (!s.above) return 0;
        uint256 allowedE18 = s.poolE18 * s.stopBps;
        return Math.ceilDiv(s.profitE18 * BPS - allowedE18, BPS - s.stopBps);
    }

    /// @dev Begin the next window, or end where nothing is to be done any more.
    function _continue(uint256 market) internal {
        Standing memory s = _standing(market);
        bool owing = _owedE18(s.deficit) != 0;
        s.window.candidate = 0;
        s.window.byRatio = s.above;
        s.window.startS = owing || s.above ? uint40(block.timestamp) : 0;
        if (!owing) s.window.deficitSinceS = 0;
        _windows[market] = s.window;
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
