// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle, Validity} from "../../src/interfaces/IMarkOracle.sol";
import {ILiquidityPool} from "../../src/perp/interfaces/ILiquidityPool.sol";
import {IPerpEngine} from "../../src/perp/interfaces/IPerpEngine.sol";
import {Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {Module} from "../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {LiquidityPoolFixture} from "./LiquidityPoolFixture.sol";

/// @notice When an epoch is priced, and at what.
contract LiquidityPoolTest is LiquidityPoolFixture {
    /// @dev What nobody owns, in the token's units: the most that a deposit loses to it.
    uint256 private constant EPSILON = 0.001e6;

    // When.

    function test_process_RevertIf_NothingRequested() public {
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.NothingRequested.selector, 1));
        pool.process();
    }

    function test_process_RevertIf_TooEarly() public {
        askDeposit(lp, 100);
        skipS(DELAY_S - 1);
        store();
        vm.expectRevert(
            abi.encodeWithSelector(
                ILiquidityPool.TooEarly.selector, block.timestamp, block.timestamp + 1
            )
        );
        pool.process();
        skipS(1);
        vm.prank(other);
        assertEq(pool.process(), 1);
    }

    /// @dev Half the delay after the first request an epoch closes: nobody asks knowing the price.
    function test_requestDeposit_GoesToTheNextEpochOnceThisIsClosed() public {
        uint256 asked = block.timestamp;
        assertEq(askDeposit(lp, 100), 1);
        skipS(DELAY_S / 2 - 1);
        assertEq(askDeposit(other, 100), 1);
        skipS(1);
        assertEq(askDeposit(other, 70), 2);
        (uint256 closesAtS, uint256 dueS) = pool.timesOf(1);
        assertEq(closesAtS, asked + DELAY_S / 2);
        assertEq(dueS, asked + DELAY_S);
        (closesAtS, dueS) = pool.timesOf(2);
        assertEq(closesAtS, asked + DELAY_S);
        assertEq(dueS, asked + 3 * DELAY_S / 2);
        skipS(DELAY_S / 2);
        store();
        pool.process();
        assertEq(pool.oldestEpoch(), 2);
        assertEq(pool.maxDeposit(other), 100e6);
        assertEq(pool.pendingDepositRequest(2, other), 70e6);
        vm.expectPartialRevert(ILiquidityPool.TooEarly.selector);
        pool.process();
    }

    /// @dev An epoch that waited for the one before took requests all the while: it waits anew.
    function test_process_ClosesTheNextEpochThatWaited() public {
        askDeposit(lp, 100);
        skipS(DELAY_S / 2);
        askDeposit(lp, 100);
        skipS(10 * DELAY_S);
        assertEq(askDeposit(other, 100), 2);
        store();
        pool.process();
        (uint256 closesAtS, uint256 dueS) = pool.timesOf(2);
        assertEq(closesAtS, block.timestamp);
        assertEq(dueS, block.timestamp + DELAY_S / 2);
        assertEq(askDeposit(other, 100), 3);
        vm.expectPartialRevert(ILiquidityPool.TooEarly.selector);
        pool.process();
    }

    function test_process_RevertIf_AMarkIsNotValid() public {
        _openInterest(1e18);
        askDeposit(other, 100);
        skipS(DELAY_S);
        setMark(BTC, BTC_PRICE_E18, Validity.GUARDED);
        store();
        vm.expectRevert(
            abi.encodeWithSelector(
                ILiquidityPool.MarkNotReady.selector,
                BTC,
                Validity.GUARDED,
                block.timestamp * 1000,
                (block.timestamp - DELAY_S / 2) * 1000
            )
        );
        pool.process();
        setMark(BTC, BTC_PRICE_E18, Validity.VALID);
        skipS(2);
        store();
        pool.process();
    }

    /// @dev Markets in which nothing is open do not matter.
    function test_process_WhateverAnUnusedMarketSays() public {
        _openInterest(1e18);
        askDeposit(other, 100);
        setMark(ETH, ETH_PRICE_E18, Validity.TOO_VOLATILE);
        process();
    }

    function test_process_RevertIf_AMarkIsOld() public {
        _openInterest(1e18);
        askDeposit(other, 100);
        skipS(DELAY_S);
        store();
        skipS(61);
        vm.expectPartialRevert(IPerpEngine.NotAllowed.selector);
        pool.process();
    }

    function test_process_RevertIf_AMarketIsPaused() public {
        _openInterest(1e18);
        askDeposit(other, 100);
        skipS(DELAY_S);
        store();
        vm.prank(guardian);
        oracle.pauseMarket(BTC, "test");
        vm.expectPartialRevert(IPerpEngine.NotAllowed.selector);
        pool.process();
    }

    /// @dev Even a mark within its age must be of after the epoch closed.
    function test_process_RevertIf_TheMarkIsFromBeforeTheClose() public {
        _openInterest(1e18);
        vm.prank(owner);
        params.change(one(Scope.GLOBAL, 0, Fields.POOL_DELAY_S, 1800));
        askDeposit(other, 100);
        skipS(1800);
        bytes memory early = reportAt((block.timestamp - 901) * 1000);
        oracle.update(early);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILiquidityPool.MarkNotReady.selector,
                BTC,
                Validity.VALID,
                (block.timestamp - 901) * 1000,
                (block.timestamp - 900) * 1000
            )
        );
        pool.process();
    }

    function test_process_RevertIf_ThePoolWasReplaced() public {
        askDeposit(lp, 100);
        vm.startPrank(owner);
        vault.setModule(address(pool), Module.NONE);
        vm.stopPrank();
        skipS(DELAY_S);
        store();
        vm.expectRevert();
        pool.process();
    }

    // At what.

    function test_process_FirstDepositIsOneShareAUnit() public {
        assertEq(join(lp, 1000), 1000e18);
        assertEq(pool.navE18(), 1000e18);
        assertEq(pool.totalAssets(), 1000e6);
        assertEq(vault.cashOf(Accounts.POOL), 1000e18);
        assertEq(vault.cashOf(Accounts.REQUESTS), 0);
    }

    function test_navE18_IsCashLessTradersProfitAndDeficit() public {
        _openInterest(10e18);
        // The insurance's share of fees is the pool's only until the market is accrued.
        int256 cash =
            vault.cashOf(Accounts.POOL) - int256(uint256(engine.marketState(BTC).insuredE18));
        moveTo(BTC, 61_000e18);
        int256 pnl = engine.tradersPnlE18(BTC, 61_000e18);
        assertGt(pnl, 0);
        // With what closing the skew gets back of the impact: half of 610,000² ÷ 2 billion.
        pnl += 93.025e18;
        assertEq(pool.navE18(), cash - pnl);
        vm.startPrank(owner);
        vault.setModule(address(this), Module.LIQUIDATOR);
        vm.stopPrank();
        vault.move(Accounts.DEFICIT, Accounts.POOL, 5e18);
        assertEq(pool.navE18(), cash - pnl);
        vault.move(Accounts.DEFICIT, cross(bob), 7e18);
        assertEq(pool.navE18(), cash - pnl - 7e18);
    }

    /// @dev Else who leaves the pool while he holds the skew takes what the rest pays back for it.
    function test_navE18_HasNoImpactThatIsPaidBackForClosing() public {
        join(lp, 20_000_000);
        uint256 account = cross(alice);
        fund(account, 2_000_000);
        trade(account, BTC, 100e18);
        engine.accrue(BTC);
        int256 opened = pool.navE18();
        assertLt(opened, 20_003_000e18);
        reduce(account, BTC, -100e18);
        assertGe(pool.navE18(), opened);
    }

    /// @dev What a late depositor knows of traders' losses is in the price already.
    function testFuzz_process_KnownPnlIsPricedIn(uint256 price) public {
        join(lp, 10_000_000);
        _openInterest(10e18);
        moveTo(BTC, bound(price, 50_000, 70_000) * 1e18);
        uint256 before = pool.convertToAssets(pool.balanceOf(lp));
        uint256 shares = join(other, 1_000_000);
        assertLe(pool.convertToAssets(shares), 1_000_000e6);
        assertApproxEqAbs(pool.convertToAssets(shares), 1_000_000e6, EPSILON + 1);
        // Only funding passed since.
        assertApproxEqRel(pool.convertToAssets(pool.balanceOf(lp)), before, 0.001e18);
        askRedeem(other, shares);
        process();
        assertApproxEqRel(claimAssets(other), 1_000_000e6, 0.001e18);
    }

    function test_process_RevertIf_ThePoolIsWorthNothing() public {
        join(lp, 1000);
        realise(1000e18, bob);
        askDeposit(other, 100);
        skipS(DELAY_S);
        store();
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.Insolvent.selector, 0, 1e15));
        pool.process();
        realise(1e18, bob);
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.Insolvent.selector, -1e18, 1e15));
        pool.process();
        assertEq(pool.totalAssets(), 0);
        assertEq(pool.convertToAssets(1e18), 0);
        realise(-1.01e18, bob);
        pool.process();
        assertGt(pool.maxMint(other), 100e18);
    }

    function test_process_RevertIf_AnEmptyPoolOwes() public {
        realise(1, bob);
        askDeposit(lp, 100);
        skipS(DELAY_S);
        store();
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.Insolvent.selector, -1, 0));
        pool.process();
    }

    // How much of redemptions.

    function test_process_FillsWhatIsFreeForAllAlike() public {
        uint256 mine = join(lp, 3000);
        uint256 theirs = join(other, 1000);
        // Half of what there is is owed to the pool, not held.
        realise(2000e18, alice);
        realise(-2000e18, bob);
        askRedeem(lp, mine);
        askRedeem(other, theirs);
        process();
        assertApproxEqAbs(pool.maxRedeem(lp), 1500e18, 1e15);
        assertApproxEqAbs(pool.maxRedeem(other), 500e18, 1e15);
        assertApproxEqAbs(claimAssets(lp), 1500e6, 1);
        assertApproxEqAbs(claimAssets(other), 500e6, 1);
        assertApproxEqAbs(pool.balanceOf(lp), 1500e18, 1e15);
        assertApproxEqAbs(pool.balanceOf(other), 500e18, 1e15);
        assertEq(vault.totalDebtE18(), 2000e18);
        assertGe(vault.cashOf(Accounts.POOL), 2000e18);
    }

    function test_process_FillsNothingIf_NothingIsFree() public {
        uint256 shares = join(lp, 3000);
        realise(3000e18, alice);
        realise(-3000e18, bob);
        askRedeem(lp, shares);
        process();
        assertEq(pool.maxRedeem(lp), 0);
        vm.expectEmit(address(pool));
        emit ILiquidityPool.SharesReturned(lp, 2, shares);
        pool.returnUnfilled(lp);
        assertEq(pool.balanceOf(lp), shares);
        pool.returnUnfilled(lp);
        assertEq(pool.balanceOf(lp), shares);
    }

    /// @dev An epoch's deposits pay its redemptions.
    function test_process_DepositsPayRedemptions() public {
        uint256 shares = join(lp, 3000);
        realise(3000e18, alice);
        realise(-3000e18, bob);
        askRedeem(lp, shares);
        askDeposit(other, 1000);
        process();
        assertApproxEqAbs(claimAssets(lp), 1000e6, 1);
        assertApproxEqAbs(pool.maxMint(other), 1000e18, 1e15);
    }

    /// @dev What traders are up is theirs: it stays.
    function test_process_LeavesTradersProfit() public {
        uint256 shares = join(lp, 200_000);
        _openInterest(0.1e18);
        moveTo(BTC, 66_000e18);
        askRedeem(lp, shares / 2);
        process();
        assertGt(claimAssets(lp), 0);
        assertGe(
            vault.cashOf(Accounts.POOL), engine.tradersPnlE18(BTC, 66_000e18), "profit uncovered"
        );
    }

    /// @dev A market may have a share of the pool; who leaves does not make it more than that.
    function test_process_LeavesWhatOpenInterestNeeds() public {
        uint256 shares = join(lp, 200_000);
        _openInterest(1e18);
        uint256 shareBps = params.value(Scope.MARKET, BTC, Fields.POOL_SHARE_BPS);
        uint256 least = 60_000e18 * 10_000 / shareBps;
        askRedeem(lp, shares);
        process();
        uint256 got = claimAssets(lp);
        assertGt(got, 0);
        assertGe(uint256(vault.cashOf(Accounts.POOL)), least);
        assertLt(uint256(vault.cashOf(Accounts.POOL)), least + 1e18);
        assertGt(pool.balanceOf(lp), 0);
    }

    function test_process_AllLeave() public {
        uint256 mine = join(lp, 3000);
        uint256 theirs = join(other, 1);
        askRedeem(lp, mine);
        askRedeem(other, theirs);
        process();
        assertApproxEqAbs(claimAssets(lp), 3000e6, 2000);
        assertApproxEqAbs(claimAssets(other), 1e6, 2);
        assertLe(pool.totalSupply(), 10);
        assertGe(vault.cashOf(Accounts.POOL), 0);
        assertApproxEqRel(join(lp, 500), 500e18, 0.6e18);
    }

    /// @dev Who is first and then makes shares dear by giving to the pool cannot take from the next.
    function testFuzz_process_FirstDepositorCannotInflate(uint256 first, uint256 gift, uint256 next)
        public
    {
        first = bound(first, 1, 1e9);
        gift = bound(gift, 1e18, 1e25);
        next = bound(next, 1e6, 1e12);
        askUnits(lp, first);
        process();
        fund(cross(bob), gift / 1e18 + 1);
        realise(-int256(gift), bob);
        askUnits(other, next);
        process();
        vm.startPrank(other);
        uint256 shares = pool.deposit(next, other);
        vm.stopPrank();
        uint256 worth = pool.convertToAssets(shares);
        assertLe(worth, next);
        assertGe(worth + EPSILON + 1, next);
    }

    function _openInterest(int256 size) private {
        if (pool.totalSupply() == 0) join(lp, 10_000_000);
        fund(cross(alice), 1_000_000);
        trade(cross(alice), BTC, size);
    }
}
