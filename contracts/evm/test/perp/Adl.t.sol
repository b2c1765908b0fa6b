// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Validity} from "../../src/interfaces/IMarkOracle.sol";
import {ILiquidator} from "../../src/perp/interfaces/ILiquidator.sol";
import {IPerpEngine} from "../../src/perp/interfaces/IPerpEngine.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {Action} from "../../src/perp/lib/Fields.sol";
import {AdlFixture} from "./AdlFixture.sol";

/// @notice Auto-deleveraging: who may be nominated, who is closed, how much of him, and what he pays.
contract AdlTest is AdlFixture {
    /// @dev A second winner, smaller and less leveraged.
    uint256 private lesser;

    function setUp() public override {
        super.setUp();
        lesser = cross(carol);
        fund(lesser, 100_000);
        trade(lesser, BTC, -2e18);
    }

    function expectNotInAdl() private {
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.NotInAdl.selector, BTC));
    }

    function expectNotInProfit(uint256 account) private {
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.NotInProfit.selector, account, BTC));
    }

    function test_absorb_OpensTheWindow() public {
        uint256 deficitE18 = makeDeficit();
        assertEq(windowStartS(), block.timestamp);
        assertEq(candidate(), 0);
        assertGt(deficitE18, 200_000e18);
        assertDeficitsAreTheRow();
    }

    function test_nominate_RevertIf_NothingIsTheMatter() public {
        moveTo(BTC, 50_000e18);
        expectNotInAdl();
        nominate(winner);
    }

    function test_nominate_RevertIf_NotInProfit() public {
        makeDeficit();
        uint256 late = isolated(alice, 3);
        fund(late, 10_000);
        trade(late, BTC, -0.1e18);
        expectNotInProfit(late);
        nominate(late);
        expectNotInProfit(loser);
        nominate(loser);
        expectNotInProfit(Accounts.POOL);
        nominate(Accounts.POOL);
    }

    /// @dev A long in profit did not win what the longs lost.
    function test_nominate_RevertIf_OfTheSideThatLost() public {
        makeDeficit();
        uint256 late = isolated(alice, 3);
        fund(late, 10_000);
        trade(late, BTC, 0.1e18);
        moveTo(BTC, 31_000e18);
        assertGt(liquidator.scoreE18(late, BTC), 0);
        expectNotInAdl();
        nominate(late);
    }

    function test_nominate_RevertIf_OfAnotherMarket() public {
        makeDeficit();
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.NotInProfit.selector, winner, ETH));
        liquidator.nominate(ETH, winner);
        uint256 other = isolated(alice, 3);
        fund(other, 10_000);
        trade(other, ETH, -1e18);
        moveTo(ETH, 2500e18);
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.NotInAdl.selector, ETH));
        liquidator.nominate(ETH, other);
        expectNotInProfit(other);
        nominate(other);
    }

    function test_nominate_TakesTheHigherScore() public {
        makeDeficit();
        nominate(lesser);
        uint256 bestE18 = liquidator.scoreE18(winner, BTC);
        uint256 lesserE18 = liquidator.scoreE18(lesser, BTC);
        assertGt(bestE18, lesserE18);
        nominate(winner);
        assertEq(candidate(), winner);
        vm.expectRevert(
            abi.encodeWithSelector(ILiquidator.ScoreTooLow.selector, lesserE18, bestE18)
        );
        nominate(lesser);
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.ScoreTooLow.selector, bestE18, bestE18));
        nominate(winner);
    }

    /// @dev Profit × notional ÷ equity.
    function test_scoreE18_IsProfitByLeverage() public {
        moveTo(BTC, 50_000e18);
        uint256 profitE18 = uint256(equityOf(winner)) - uint256(cash(winner));
        uint256 scoreE18 = profitE18 * 500_000e18 / uint256(equityOf(winner));
        assertApproxEqRel(liquidator.scoreE18(winner, BTC), scoreE18, 1e6);
        assertEq(liquidator.scoreE18(loser, BTC), 0);
    }

    function test_deleverage_RevertIf_TooEarlyOrNobody() public {
        expectNotInAdl();
        deleverage();
        makeDeficit();
        expectNotInAdl();
        deleverage();
        nominate(winner);
        uint256 atS = block.timestamp + WINDOW_S;
        passS(WINDOW_S - 1);
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.TooEarly.selector, block.timestamp, atS));
        deleverage();
    }

    /// @dev As much of the winner is closed as fills the deficit, to the unit.
    function test_deleverage_FillsTheDeficitToTheUnit() public {
        uint256 deficitE18 = makeDeficit();
        nominate(winner);
        passS(WINDOW_S);
        int256 equityE18 = equityOf(winner);
        int256 poolE18 = cash(Accounts.POOL);
        deleverage();
        assertEq(deficitOf(BTC), 0);
        assertEq(cash(Accounts.DEFICIT), 0);
        assertApproxEqAbs(equityE18 - equityOf(winner), int256(deficitE18), 100);
        assertApproxEqAbs(poolE18 - cash(Accounts.POOL), int256(deficitE18), 1e6);
        int256 leftE18 = -sizeOf(winner, BTC);
        assertApproxEqRel(uint256(10e18 - leftE18), deficitE18 * 10 / 300_000, 0.01e18);
        assertEq(windowStartS(), 0);
        assertConserved(everyone());
        expectNotInAdl();
        nominate(winner);
    }

    /// @dev The first winner is not enough: closed whole, he pays what he won; then the next.
    function test_deleverage_GoesOnWithTheNext() public {
        uint256 deficitE18 = makeDeficit();
        nominate(lesser);
        passS(WINDOW_S);
        deleverage();
        assertEq(sizeOf(lesser, BTC), 0);
        uint256 leftE18 = deficitOf(BTC);
        assertApproxEqRel(deficitE18 - leftE18, 60_000e18, 0.01e18);
        assertDeficitsAreTheRow();
        assertEq(candidate(), 0);
        assertEq(windowStartS(), block.timestamp);
        nominate(winner);
        vm.expectRevert();
        deleverage();
        passS(WINDOW_S);
        deleverage();
        assertEq(deficitOf(BTC), 0);
        assertGt(-sizeOf(winner, BTC), 0);
    }

    /// @dev Who has the best score and leaves makes room for the next, who has his own window.
    function test_nominate_AfterTheBestLeft() public {
        makeDeficit();
        nominate(winner);
        expectScoreTooLow();
        nominate(lesser);
        reduce(winner, BTC, 10e18);
        nominate(lesser);
        assertEq(candidate(), lesser);
        uint256 startS = windowStartS();
        reduce(lesser, BTC, 2e18);
        passS(WINDOW_S);
        expectNotInProfit(lesser);
        deleverage();
        uint256 third = isolated(alice, 3);
        fund(third, 10_000);
        trade(third, BTC, -0.1e18);
        moveTo(BTC, 29_000e18);
        nominate(third);
        assertGt(windowStartS(), startS);
        vm.expectRevert();
        deleverage();
    }

    function expectScoreTooLow() private {
        vm.expectPartialRevert(ILiquidator.ScoreTooLow.selector);
    }

    /// @dev After the window too, who ranks higher goes first: there is nothing to gain by waiting.
    function test_nominate_AfterTheWindow_StillTakesTheHigherScore() public {
        makeDeficit();
        nominate(lesser);
        passS(WINDOW_S);
        nominate(winner);
        deleverage();
        assertEq(sizeOf(lesser, BTC), -2e18);
        assertEq(deficitOf(BTC), 0);
    }

    /// @dev The levy leaves a winner who loses elsewhere at his maintenance.
    function test_deleverage_LeavesTheWinnerHisMaintenance() public {
        trade(winner, ETH, 200e18);
        setPrice(ETH, 1250e18);
        makeDeficit();
        nominate(winner);
        passS(WINDOW_S);
        assertLt(equityOf(winner), 80_000e18);
        deleverage();
        assertGe(equityOf(winner), maintenanceOf(winner));
        assertGt(deficitOf(BTC), 0);
    }

    function test_nominate_RevertIf_TheMarketIsHalted() public {
        makeDeficit();
        skipS(2);
        setEntry(BTC, bareEntry(uint256(Validity.HALTED)));
        store();
        bytes memory reason = abi.encodeWithSelector(
            IPerpEngine.NotAllowed.selector, BTC, Action.LIQUIDATE, Validity.HALTED, 0
        );
        vm.expectRevert(reason);
        nominate(winner);
        vm.expectRevert(reason);
        deleverage();
        vm.expectRevert(reason);
        liquidator.shareDeficit(BTC);
    }

    /// @dev No deficit: the traders are up more than half of what the pool has.
    function test_deleverage_BringsTheRatioToItsStop() public {
        moveTo(BTC, 30_000e18);
        liquidate(loser, BTC);
        setRow(Accounts.POOL, 600_000e18);
        nominate(winner);
        passS(WINDOW_S);
        int256 equityE18 = equityOf(winner);
        deleverage();
        assertApproxEqAbs(equityE18, equityOf(winner), 1e6);
        int256 upE18 = engine.tradersPnlE18(BTC, 30_000e18);
        assertLe(upE18 * 10_000, cash(Accounts.POOL) * 4000 + 1e18);
        assertApproxEqRel(upE18 * 10_000, cash(Accounts.POOL) * 4000, 0.001e18);
        assertEq(windowStartS(), 0);
        assertGt(-sizeOf(winner, BTC), 0);
        expectNotInAdl();
        nominate(winner);
    }

    /// @dev A pool with nothing: everyone in profit can be closed.
    function test_deleverage_ClosesWhole_IfThePoolHasNothing() public {
        moveTo(BTC, 30_000e18);
        liquidate(loser, BTC);
        setRow(Accounts.POOL, 0);
        nominate(winner);
        passS(WINDOW_S);
        deleverage();
        assertEq(sizeOf(winner, BTC), 0);
    }

    /// @dev A window that nobody ended, and that is needed no more, is none: it begins anew.
    function test_nominate_BeginsAnew_AfterAWindowThatLapsed() public {
        moveTo(BTC, 30_000e18);
        liquidate(loser, BTC);
        setRow(Accounts.POOL, 600_000e18);
        nominate(lesser);
        passS(2 * WINDOW_S);
        expectNotInAdl();
        deleverage();
        nominate(lesser);
        assertEq(windowStartS(), block.timestamp);
    }

    /// @dev Between start and stop a window goes on, but none begins.
    function test_nominate_HasHysteresis() public {
        moveTo(BTC, 30_000e18);
        liquidate(loser, BTC);
        setRow(Accounts.POOL, 800_000e18);
        expectNotInAdl();
        nominate(winner);
        setRow(Accounts.POOL, 700_000e18);
        nominate(winner);
        setRow(Accounts.POOL, 800_000e18);
        passS(WINDOW_S);
        deleverage();
        assertGt(-sizeOf(winner, BTC), 0);
        assertLt(-sizeOf(winner, BTC), 10e18);
    }

    /// @dev A deficit alone lets nobody be closed for a ratio between stop and start.
    function test_nominate_RevertIf_OnlyADeficitOfTheOtherSide_BelowTheStart() public {
        makeDeficit();
        setRow(Accounts.POOL, 800_000e18);
        uint256 late = isolated(alice, 3);
        fund(late, 10_000);
        trade(late, BTC, 0.1e18);
        moveTo(BTC, 30_100e18);
        int256 upE18 = engine.tradersPnlE18(BTC, 30_100e18);
        assertGt(upE18 * 10_000, cash(Accounts.POOL) * 4000);
        expectNotInAdl();
        nominate(late);
        nominate(winner);
    }

    /// @dev Whatever was won and lost, the levy is never more than the profit, the deficit or the spare.
    function testFuzz_deleverage_LeviesWithinItsBounds(uint256 price, uint256 pool) public {
        price = bound(price, 5000, 50_000);
        moveTo(BTC, price * 1e18);
        liquidate(loser, BTC);
        vm.roll(block.number + 1);
        if (sizeOf(loser, BTC) != 0) liquidate(loser, BTC);
        setRow(Accounts.RESERVE, 0);
        setRow(Accounts.INSURANCE, 0);
        setRow(Accounts.POOL, bound(pool, 0, 900_000) * 1e18);
        liquidator.absorb(loser);
        uint256 beforeE18 = deficitOf(BTC);
        if (beforeE18 == 0) return;
        nominate(winner);
        passS(WINDOW_S);
        int256 equityE18 = equityOf(winner);
        int256 profitE18 = equityE18 - cash(winner);
        deleverage();
        uint256 leviedE18 = beforeE18 - deficitOf(BTC);
        assertLe(int256(leviedE18), profitE18);
        assertApproxEqAbs(equityE18 - equityOf(winner), int256(leviedE18), 1e3);
        assertGe(equityOf(winner), maintenanceOf(winner));
        assertDeficitsAreTheRow();
        assertConserved(everyone());
    }
}
