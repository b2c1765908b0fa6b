// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILiquidator} from "../../src/perp/interfaces/ILiquidator.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {WaterfallFixture} from "./WaterfallFixture.sol";

/// @notice Who bears a debt that nothing is left to pay: each level in its order, to the unit.
contract WaterfallTest is WaterfallFixture {
    uint256 private constant DRAWDOWN_BPS = 500;

    function expectBadDebt(
        uint256 account,
        uint256 market,
        uint256 reserve,
        uint256 insurance,
        uint256 pool,
        uint256 deficit
    ) private {
        vm.expectEmit(address(liquidator));
        emit ILiquidator.BadDebt(account, market, reserve, insurance, pool, deficit);
    }

    function absorbed(uint256 reserve, uint256 insurance, uint256 pool, uint256 deficit) private {
        (int256 r, int256 i, int256 p, int256 d) = levels();
        expectBadDebt(loser, BTC, reserve, insurance, pool, deficit);
        vm.prank(hunter);
        liquidator.absorb(loser);
        (int256 r1, int256 i1, int256 p1, int256 d1) = levels();
        assertEq(r - r1, int256(reserve), "reserve");
        assertEq(i - i1, int256(insurance), "insurance");
        assertEq(p - p1, int256(pool), "pool");
        assertEq(d - d1, int256(deficit), "deficit");
        assertEq(cash(loser), 0);
        assertEq(vault.totalDebtE18(), 0);
        (uint256 ofLongs, uint256 ofShorts) = liquidator.deficitOf(BTC);
        assertEq(ofLongs, deficit);
        assertEq(ofShorts, 0);
        assertConserved(everyone());
    }

    function test_absorb_TakesTheReserveFirst() public {
        uint256 debt = gap();
        setRow(Accounts.RESERVE, debt + 1);
        absorbed(debt, 0, 0, 0);
        assertEq(cash(Accounts.RESERVE), 1);
    }

    function test_absorb_ThenTheInsurance() public {
        uint256 debt = gap();
        setRow(Accounts.RESERVE, 7);
        absorbed(7, debt - 7, 0, 0);
    }

    function test_absorb_ThenThePool() public {
        uint256 debt = gap();
        setRow(Accounts.RESERVE, 7);
        setRow(Accounts.INSURANCE, 11);
        absorbed(7, 11, debt - 18, 0);
    }

    function test_absorb_ThenNobody_BeyondThePoolsDrawdown() public {
        uint256 debt = gap();
        setRow(Accounts.RESERVE, 7);
        setRow(Accounts.INSURANCE, 11);
        setRow(Accounts.POOL, 2_000_000e18);
        uint256 capE18 = uint256(cash(Accounts.POOL)) * DRAWDOWN_BPS / 10_000;
        absorbed(7, 11, capE18, debt - 18 - capE18);
        assertEq(cash(Accounts.DEFICIT), -int256(deficitOf(BTC)));
    }

    function test_absorb_TakesNothingOfAPoolThatHasNothing() public {
        uint256 debt = gap();
        setRow(Accounts.INSURANCE, 0);
        setRow(Accounts.POOL, 0);
        setRow(Accounts.RESERVE, 0);
        absorbed(0, 0, 0, debt);
    }

    function test_absorb_TakesNothing_OfAPoolBelowZero() public {
        uint256 debt = gap();
        setRow(Accounts.INSURANCE, 0);
        setRow(Accounts.RESERVE, 0);
        giveFrom(cross(carol), Accounts.POOL, uint256(cash(Accounts.POOL)) + 5e18);
        assertEq(cash(Accounts.POOL), -5e18);
        absorbed(0, 0, 0, debt);
    }

    /// @dev The pool's cap is of a period: what one debt used, the next cannot.
    function test_absorb_CountsThePoolsShareOverAPeriod() public {
        uint256 second = cross(carol);
        fund(second, 40_000);
        trade(second, BTC, 10e18);
        moveTo(BTC, 30_000e18);
        liquidate(loser, BTC);
        vm.roll(block.number + 1);
        liquidate(second, BTC);
        setRow(Accounts.INSURANCE, 0);
        setRow(Accounts.RESERVE, 0);
        setRow(Accounts.POOL, 6_000_000e18);
        uint256 capE18 = 300_000e18;
        uint256 firstE18 = uint256(-cash(loser));
        uint256 secondE18 = uint256(-cash(second));
        liquidator.absorb(loser);
        assertEq(deficitOf(BTC), 0);
        uint256 state = vm.snapshotState();
        liquidator.absorb(second);
        assertEq(deficitOf(BTC), secondE18 - (capE18 - firstE18));
        vm.revertToState(state);
        // A pool that grew since does not bear more of the same period; the next period is its own.
        giveFrom(Accounts.POOL, winner, 50_000e18);
        passS(1 days - 3);
        uint256 later = vm.snapshotState();
        liquidator.absorb(second);
        assertEq(deficitOf(BTC), secondE18 - (capE18 - firstE18));
        vm.revertToState(later);
        passS(3);
        liquidator.absorb(second);
        assertEq(deficitOf(BTC), 0);
    }

    function test_absorb_RevertIf_APositionIsLeft() public {
        trade(loser, ETH, 1e18);
        moveTo(BTC, 30_000e18);
        liquidate(loser, BTC);
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.StillHolds.selector, loser));
        liquidator.absorb(loser);
        liquidate(loser, ETH);
        liquidator.absorb(loser);
        assertEq(cash(loser), 0);
    }

    function test_absorb_RevertIf_NothingIsOwed() public {
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.StillHolds.selector, loser));
        liquidator.absorb(loser);
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.NoDebt.selector, cross(carol)));
        liquidator.absorb(cross(carol));
        gap();
        liquidator.absorb(loser);
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.NoDebt.selector, loser));
        liquidator.absorb(loser);
    }

    /// @dev The protocol's own losses go through no waterfall again.
    function test_absorb_RevertIf_ARowOfTheProtocols() public {
        gap();
        setRow(Accounts.RESERVE, 0);
        setRow(Accounts.INSURANCE, 0);
        setRow(Accounts.POOL, 0);
        liquidator.absorb(loser);
        assertLt(cash(Accounts.DEFICIT), 0);
        for (uint256 row = Accounts.POOL; row <= Accounts.DEFICIT; ++row) {
            vm.expectRevert(abi.encodeWithSelector(ILiquidator.NoDebt.selector, row));
            liquidator.absorb(row);
        }
    }

    /// @dev Each deficit is its own market's and side's; the row is their sum.
    function test_absorb_KeepsDeficitsByMarketAndSide() public {
        uint256 other = cross(carol);
        fund(other, 20_000);
        trade(other, ETH, -40e18);
        setPrice(ETH, 5000e18);
        uint256 debt = gap();
        liquidate(other, ETH);
        uint256 otherDebt = uint256(-cash(other));
        setRow(Accounts.INSURANCE, 0);
        setRow(Accounts.RESERVE, 0);
        setRow(Accounts.POOL, 0);
        liquidator.absorb(loser);
        liquidator.absorb(other);
        (uint256 ofLongs, uint256 ofShorts) = liquidator.deficitOf(BTC);
        assertEq(ofLongs, debt);
        assertEq(ofShorts, 0);
        (ofLongs, ofShorts) = liquidator.deficitOf(ETH);
        assertEq(ofLongs, 0);
        assertEq(ofShorts, otherDebt);
        assertEq(cash(Accounts.DEFICIT), -int256(debt + otherDebt));
    }

    /// @dev Who liquidates last does not choose which market bears it: a position of dust bears nothing.
    function test_absorb_BlamesWhereMostWasLost() public {
        trade(loser, ETH, 0.1e18);
        setPrice(ETH, 2900e18);
        uint256 debt = gap();
        liquidate(loser, ETH);
        assertEq(sizeOf(loser, ETH), 0);
        debt = uint256(-cash(loser));
        setRow(Accounts.INSURANCE, 0);
        setRow(Accounts.RESERVE, 0);
        setRow(Accounts.POOL, 0);
        liquidator.absorb(loser);
        assertEq(deficitOf(ETH), 0);
        assertEq(deficitOf(BTC), debt);
    }

    /// @dev What an account lost once, and paid, says nothing of a debt that comes later.
    function test_absorb_ForgetsWhereItLost_OnceRecovered() public {
        gap();
        fund(loser, 300_000);
        liquidator.marginCall(loser);
        trade(loser, ETH, 100e18);
        moveTo(ETH, 1000e18);
        reduce(loser, ETH, -100e18);
        uint256 debt = uint256(-cash(loser));
        setRow(Accounts.INSURANCE, 0);
        setRow(Accounts.RESERVE, 0);
        setRow(Accounts.POOL, 0);
        liquidator.absorb(loser);
        assertEq(deficitOf(BTC), 0);
        assertEq(deficitOf(type(uint16).max), debt);
    }

    /// @dev Who closed by an order, not by a liquidation, leaves a debt of no market: the pool's.
    function test_shareDeficit_OfNoMarket_IsThePools() public {
        moveTo(BTC, 30_000e18);
        reduce(loser, BTC, -10e18);
        uint256 debt = uint256(-cash(loser));
        setRow(Accounts.INSURANCE, 0);
        setRow(Accounts.RESERVE, 0);
        setRow(Accounts.POOL, 1_000_000e18);
        uint256 none = type(uint16).max;
        expectBadDebt(loser, none, 0, 0, 50_000e18, debt - 50_000e18);
        liquidator.absorb(loser);
        assertEq(deficitOf(none), debt - 50_000e18);
        vm.expectEmit(address(liquidator));
        emit ILiquidator.DeficitShared(none, debt - 50_000e18, debt - 50_000e18);
        liquidator.shareDeficit(none);
        assertEq(deficitOf(none), 0);
        assertEq(cash(Accounts.DEFICIT), 0);
        assertEq(cash(Accounts.POOL), int256(1_000_000e18 - debt));
    }

    /// @dev Any split of what the levels hold bears the debt whole, in order, and conserves it.
    function testFuzz_absorb_BearsEachDebtWhole(
        uint256 price,
        uint256 reserve,
        uint256 insurance,
        uint256 pool
    ) public {
        price = bound(price, 10_000, 55_000);
        moveTo(BTC, price * 1e18);
        liquidate(loser, BTC);
        vm.roll(block.number + 1);
        if (sizeOf(loser, BTC) != 0) liquidate(loser, BTC);
        uint256 debt = uint256(-cash(loser));
        setRow(Accounts.POOL, bound(pool, 0, 20_000_000e18));
        setRow(Accounts.RESERVE, bound(reserve, 0, 300_000e18));
        setRow(Accounts.INSURANCE, bound(insurance, 0, 300_000e18));
        (int256 r, int256 i, int256 p,) = levels();
        uint256 capE18 = p > 0 ? uint256(p) * DRAWDOWN_BPS / 10_000 : 0;
        uint256 byReserve = debt < uint256(r) ? debt : uint256(r);
        uint256 byInsurance = debt - byReserve < uint256(i) ? debt - byReserve : uint256(i);
        uint256 rest = debt - byReserve - byInsurance;
        uint256 byPool = rest < capE18 ? rest : capE18;
        absorbed(byReserve, byInsurance, byPool, rest - byPool);
    }
}
