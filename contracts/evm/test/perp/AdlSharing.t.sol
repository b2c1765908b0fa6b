// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILiquidator} from "../../src/perp/interfaces/ILiquidator.sol";
import {IPerpEngine} from "../../src/perp/interfaces/IPerpEngine.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {AdlFixture} from "./AdlFixture.sol";

/// @notice What is left of a deficit: shared by the side that won, within a limit, and by the pool.
contract AdlSharingTest is AdlFixture {
    /// @dev Half of the least maintenance share, of ten bitcoins at 30,000.
    uint256 private constant MOST_E18 = 3000e18;

    function share() private {
        vm.prank(hunter);
        liquidator.shareDeficit(BTC);
    }

    function expectTooEarly(uint256 atS) private {
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.TooEarly.selector, block.timestamp, atS));
    }

    function test_shareDeficit_RevertIf_ThereIsNone() public {
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.NotInAdl.selector, BTC));
        share();
    }

    function test_shareDeficit_RevertIf_TheWindowIsOpen() public {
        makeDeficit();
        uint256 atS = block.timestamp + WINDOW_S;
        passS(WINDOW_S - 1);
        expectTooEarly(atS);
        share();
    }

    /// @dev Nobody nominated: the shorts bear what they can, the pool the rest.
    function test_shareDeficit_ChargesTheSideThatWon_AndThePool() public {
        uint256 deficitE18 = makeDeficit();
        passS(WINDOW_S);
        int256 equityE18 = equityOf(winner);
        int256 poolE18 = cash(Accounts.POOL);
        int256 netE18 = poolsNet();
        vm.expectEmit(address(engine));
        emit IPerpEngine.LossShared(BTC, false, MOST_E18);
        vm.expectEmit(address(liquidator));
        emit ILiquidator.DeficitShared(BTC, deficitE18, deficitE18 - MOST_E18);
        share();
        assertEq(deficitOf(BTC), 0);
        assertEq(cash(Accounts.DEFICIT), 0);
        assertApproxEqAbs(equityE18 - equityOf(winner), int256(MOST_E18), 10);
        assertEq(poolE18 - cash(Accounts.POOL), int256(deficitE18));
        assertEq(windowStartS(), 0);
        // The pool has advanced what the winner pays as he settles: it is worth that more.
        assertApproxEqAbs(poolsNet(), netE18 + int256(MOST_E18), 10);
        assertConserved(everyone());
    }

    function poolsNet() private view returns (int256) {
        int256 upE18 = engine.tradersPnlE18(BTC, 30_000e18);
        return cash(Accounts.POOL) - upE18 + cash(Accounts.DEFICIT);
    }

    /// @dev By size: who holds twice as much bears twice as much, whatever he won.
    function test_shareDeficit_ChargesBySize() public {
        uint256 second = cross(carol);
        fund(second, 100_000);
        moveTo(BTC, 50_000e18);
        fund(loser, 200_000);
        trade(second, BTC, -5e18);
        moveTo(BTC, 30_000e18);
        int256 firstE18 = equityOf(winner);
        int256 secondE18 = equityOf(second);
        makeDeficitOf(100_000e18);
        passS(WINDOW_S);
        share();
        assertApproxEqRel(firstE18 - equityOf(winner), 2 * (secondE18 - equityOf(second)), 0.01e18);
    }

    /// @dev Until the debt is so much, and then absorbed by nobody.
    function makeDeficitOf(uint256 amountE18) private {
        liquidate(loser, BTC);
        giveFrom(sink, loser, uint256(int256(amountE18) + cash(loser)));
        setRow(Accounts.RESERVE, 0);
        setRow(Accounts.INSURANCE, 0);
        setRow(Accounts.POOL, 0);
        liquidator.absorb(loser);
        setRow(Accounts.POOL, 1_000_000e18);
        assertEq(deficitOf(BTC), amountE18);
    }

    /// @dev Who stood at maintenance when a loss was shared still has half of it: no debt follows.
    function test_shareDeficit_MakesNoDebtOfItsOwn() public {
        makeDeficit();
        uint256 late = isolated(alice, 3);
        fund(late, 2500);
        trade(late, BTC, -2e18);
        moveTo(BTC, 30_600e18);
        assertApproxEqRel(uint256(equityOf(late)), uint256(maintenanceOf(late)), 0.1e18);
        passS(WINDOW_S);
        share();
        assertGe(equityOf(late), maintenanceOf(late) * 35 / 100);
        liquidate(late, BTC);
        assertGe(equityOf(late), 0);
    }

    /// @dev What a side bears in a period is limited, however many deficits there are.
    function test_shareDeficit_LimitsWhatASideBearsInAPeriod() public {
        makeDeficit();
        passS(WINDOW_S);
        share();
        uint256 second = makeSecondDeficit();
        passS(WINDOW_S);
        int256 equityE18 = equityOf(winner);
        vm.expectEmit(address(liquidator));
        emit ILiquidator.DeficitShared(BTC, second, second);
        share();
        assertApproxEqAbs(equityOf(winner), equityE18, 1e18);
    }

    function test_shareDeficit_ChargesAgain_InTheNextPeriod() public {
        makeDeficit();
        passS(WINDOW_S);
        share();
        passS(1 days);
        makeSecondDeficit();
        passS(WINDOW_S);
        int256 equityE18 = equityOf(winner);
        share();
        assertLt(equityOf(winner), equityE18 - 1000e18);
    }

    function makeSecondDeficit() private returns (uint256 deficitE18) {
        uint256 second = cross(carol);
        fund(second, 20_000);
        trade(second, BTC, 10e18);
        moveTo(BTC, 20_000e18);
        liquidate(second, BTC);
        setRow(Accounts.RESERVE, 0);
        setRow(Accounts.INSURANCE, 0);
        setRow(Accounts.POOL, 0);
        liquidator.absorb(second);
        setRow(Accounts.POOL, 1_000_000e18);
        return deficitOf(BTC);
    }

    /// @dev While somebody stands to be closed his profit goes first; but not for ever.
    function test_shareDeficit_WaitsForACandidate_ButNotForEver() public {
        makeDeficit();
        uint256 sinceS = block.timestamp;
        nominate(winner);
        passS(WINDOW_S);
        expectTooEarly(sinceS + 8 * WINDOW_S);
        share();
        passS(7 * WINDOW_S);
        share();
        assertEq(deficitOf(BTC), 0);
    }

    function test_shareDeficit_NeedNotWaitForACandidateWhoLeft() public {
        makeDeficit();
        nominate(winner);
        reduce(winner, BTC, 10e18);
        passS(WINDOW_S);
        setRow(Accounts.POOL, 1_000_000e18);
        share();
        assertEq(deficitOf(BTC), 0);
    }

    /// @dev Nobody is left on the other side: the pool bears it all.
    function test_shareDeficit_IsThePools_IfNobodyIsThere() public {
        uint256 deficitE18 = makeDeficit();
        reduce(winner, BTC, 10e18);
        passS(WINDOW_S);
        setRow(Accounts.POOL, 1_000_000e18);
        vm.expectEmit(address(liquidator));
        emit ILiquidator.DeficitShared(BTC, deficitE18, deficitE18);
        share();
        assertEq(cash(Accounts.POOL), int256(1_000_000e18 - deficitE18));
    }

    /// @dev A pool that cannot pay all of it pays what it has; the rest waits for its next cash.
    function test_shareDeficit_TakesNoMoreThanThePoolHas() public {
        uint256 deficitE18 = makeDeficit();
        passS(WINDOW_S);
        setRow(Accounts.POOL, 1000e18);
        share();
        assertEq(cash(Accounts.POOL), 0);
        assertEq(deficitOf(BTC), deficitE18 - 1000e18);
        assertEq(windowStartS(), block.timestamp);
        assertDeficitsAreTheRow();
        passS(WINDOW_S);
        setRow(Accounts.POOL, 1_000_000e18);
        share();
        assertEq(deficitOf(BTC), 0);
    }

    /// @dev Another market's traders bear nothing of it.
    function test_shareDeficit_LeavesOtherMarketsAlone() public {
        uint256 other = isolated(alice, 3);
        fund(other, 10_000);
        trade(other, ETH, -1e18);
        makeDeficit();
        passS(WINDOW_S);
        int256 equityE18 = equityOf(other);
        share();
        assertEq(equityOf(other), equityE18);
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.NotInAdl.selector, ETH));
        liquidator.shareDeficit(ETH);
    }

    /// @dev However far the price fell: what is charged is within the limit, and the deficit ends.
    function testFuzz_shareDeficit_EndsTheDeficit(uint256 price, uint256 pool) public {
        price = bound(price, 5000, 45_000);
        moveTo(BTC, price * 1e18);
        liquidate(loser, BTC);
        engine.accrue(BTC);
        setRow(Accounts.RESERVE, 0);
        setRow(Accounts.INSURANCE, 0);
        setRow(Accounts.POOL, 0);
        liquidator.absorb(loser);
        uint256 deficitE18 = deficitOf(BTC);
        passS(WINDOW_S);
        uint256 poolE18 = bound(pool, 1, 900_000e18);
        setRow(Accounts.POOL, poolE18);
        int256 equityE18 = equityOf(winner);
        share();
        int256 chargedE18 = equityE18 - equityOf(winner);
        assertLe(chargedE18, int256(10 * price * 1e16) + 10);
        uint256 paidE18 = poolE18 < deficitE18 ? poolE18 : deficitE18;
        assertEq(deficitOf(BTC), deficitE18 - paidE18);
        assertDeficitsAreTheRow();
        assertConserved(everyone());
    }
}
