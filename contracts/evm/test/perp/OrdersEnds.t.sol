// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Validity} from "../../src/interfaces/IMarkOracle.sol";
import {IOrders, OrderEnd, OrderKind} from "../../src/perp/interfaces/IOrders.sol";
import {IPerpEngine, Margin} from "../../src/perp/interfaces/IPerpEngine.sol";
import {Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {OrdersFixture} from "./OrdersFixture.sol";

/// @notice How orders end, and what each end pays.
contract OrdersEndsTest is OrdersFixture {
    function insurance() private view returns (int256) {
        return cash(Accounts.INSURANCE);
    }

    function assertFails(uint256 id, bytes4 reason) private {
        int256 insuredE18 = insurance();
        int256 accountE18 = cash(account);
        bytes memory report = storeDeciding();
        vm.expectEmit(address(orders));
        emit IOrders.Settled(id, OrderEnd.FAILED, reason, BTC_PRICE_E18, keeper);
        assertEnd(settleAs(keeper, id, report), OrderEnd.FAILED);
        assertEq(insurance(), insuredE18 + int256(FAILURE_E18));
        assertEq(cash(cross(keeper)), int256(REWARD_E18));
        assertEq(cash(account), accountE18);
        assertGone(id);
    }

    function test_settle_GivesBackWhatIsNotPaid() public {
        uint256 id = commitMarket(ONE);
        int256 beforeE18 = cash(account);
        bytes memory report = storeDeciding();
        vm.expectEmit(true, true, true, false, address(orders));
        emit IOrders.Settled(id, OrderEnd.FILLED, 0, 0, keeper);
        assertEnd(settleAs(keeper, id, report), OrderEnd.FILLED);
        int256 feeE18 = 60_000e18 * 600 / 1e6;
        assertApproxEqRel(cash(account), beforeE18 - feeE18 + int256(FAILURE_E18), 1e12);
        assertEq(cash(cross(keeper)), int256(REWARD_E18));
        assertGone(id);
    }

    function test_settle_FailsBeyondTheAcceptablePrice() public {
        uint256 id = commitAt(OrderKind.MARKET, ONE, 59_999e18, 0);
        assertFails(id, IPerpEngine.PriceNotAcceptable.selector);
    }

    function test_settle_FailsASaleBelowTheAcceptablePrice() public {
        uint256 id = commitAt(OrderKind.MARKET, -ONE, 60_001e18, 0);
        assertFails(id, IPerpEngine.PriceNotAcceptable.selector);
    }

    function test_settle_FailsWithoutInitialMargin() public {
        assertFails(commitMarket(30e18), IPerpEngine.BelowInitialMargin.selector);
    }

    function test_settle_FailsAboveTheOpenInterestCap() public {
        fund(account, 10_000_000);
        assertFails(commitMarket(170e18), IPerpEngine.PositionTooLarge.selector);
    }

    function test_settle_FailsForSizesThatNobodyTrades() public {
        assertFails(commitMarket(type(int128).max), IPerpEngine.OutOfRange.selector);
    }

    function test_settle_FailsASecondMarketOfAnIsolatedAccount() public {
        account = isolated(alice, 7);
        fund(account, 10_000);
        trade(account, ETH, ONE);
        int256 paidE18 = cash(cross(keeper));
        assertEnd(settle(commitMarket(ONE / 10)), OrderEnd.FAILED);
        assertEq(cash(cross(keeper)) - paidE18, int256(REWARD_E18));
        assertEq(sizeOf(account, BTC), 0);
    }

    function test_settle_ForbidsWhereThereIsNothingToReduce() public {
        uint256 id = commitAt(OrderKind.REDUCE_ONLY, -ONE, 0, 0);
        int256 beforeE18 = cash(account);
        assertEnd(settle(id), OrderEnd.FORBIDDEN);
        assertEq(cash(account), beforeE18 - int256(REWARD_E18));
        assertGone(id);
    }

    function test_settle_ForbidsAMarketThatClosedSince() public {
        uint256 id = commitMarket(ONE);
        change(one(Scope.MARKET, BTC, Fields.MARKET_STATE, Fields.REDUCE_ONLY));
        assertEnd(settle(id), OrderEnd.FORBIDDEN);
        assertGone(id);
    }

    function test_settle_CutsAReductionToThePosition() public {
        trade(account, BTC, ONE);
        uint256 id = commitAt(OrderKind.REDUCE_ONLY, -5e18, 0, 0);
        assertEnd(settle(id), OrderEnd.FILLED);
        assertEq(sizeOf(account, BTC), 0);
        assertGone(id);
    }

    function test_settle_ReducesWhileTheReportIsGuarded() public {
        trade(account, BTC, ONE);
        setMark(BTC, BTC_PRICE_E18, Validity.GUARDED);
        assertEnd(settle(commitAt(OrderKind.REDUCE_ONLY, -ONE, 0, 0)), OrderEnd.FILLED);
    }

    /// @dev Below its initial margin an account pays for a reduction no more than a liquidation of as
    /// much would take: dust drains nothing.
    function test_settle_TakesNoMoreThanALiquidationWould() public {
        account = cross(bob);
        fund(account, 2600);
        trade(account, BTC, ONE);
        moveTo(BTC, 59_000e18);
        vm.prank(bob);
        uint256 dust = orders.commit(account, BTC, OrderKind.REDUCE_ONLY, -1e12, 0, 0, 0);
        int256 before = cash(cross(keeper));
        assertEnd(settle(dust), OrderEnd.FILLED);
        uint256 mostE18 = 59_000e12 * 5000 / 1e6;
        assertApproxEqRel(uint256(cash(cross(keeper)) - before), mostE18, 0.001e18);

        before = cash(cross(keeper));
        reduce(account, BTC, -ONE / 10);
        assertEq(cash(cross(keeper)) - before, int256(REWARD_E18));
    }

    /// @dev And one that has nothing pays nothing, but may close.
    function test_settle_TakesNothingBelowZeroEquity() public {
        account = cross(bob);
        fund(account, 2600);
        trade(account, BTC, ONE);
        moveTo(BTC, 57_000e18);
        assertLt(marginFor(account).equityE18, 0);
        vm.prank(bob);
        uint256 id = orders.commit(account, BTC, OrderKind.REDUCE_ONLY, -ONE / 10, 0, 0, 0);
        int256 before = cash(cross(keeper));
        bytes memory report = storeDeciding();
        vm.expectEmit(address(orders));
        emit IOrders.Unpaid(id, REWARD_E18);
        OrderEnd how = settleAs(keeper, id, report);
        assertTrue(how == OrderEnd.FILLED || how == OrderEnd.FAILED);
        assertEq(cash(cross(keeper)), before);
    }

    function test_settle_TakesAReductionsFailureFeeOfTheAccount() public {
        trade(account, BTC, ONE);
        int256 insuredE18 = insurance();
        int256 beforeE18 = cash(account);
        assertEnd(settle(commitAt(OrderKind.REDUCE_ONLY, -ONE, 61_000e18, 0)), OrderEnd.FAILED);
        assertEq(insurance() - insuredE18, int256(FAILURE_E18));
        assertEq(beforeE18 - cash(account), int256(FAILURE_E18 + REWARD_E18));
    }

    function test_settle_KeepsTheTermsOfTheCommit() public {
        uint256 id = commitMarket(ONE);
        change(one(Scope.GLOBAL, 0, Fields.SETTLEMENT_REWARD_E6, 0.6e6));
        settle(id);
        assertEq(cash(cross(keeper)), int256(REWARD_E18));
        assertGone(id);
    }

    function test_expire_PaysWhoEndsAnOrderThatNobodySettled() public {
        uint256 id = commitMarket(ONE);
        int256 beforeE18 = cash(account);
        uint256 endS = orders.order(id).expiresAtS;
        vm.warp(endS);
        vm.expectRevert(abi.encodeWithSelector(IOrders.NotExpired.selector, id, endS));
        orders.expire(id);
        vm.warp(endS + 1);
        vm.expectEmit(address(orders));
        emit IOrders.Settled(id, OrderEnd.EXPIRED, 0, 0, keeper);
        vm.prank(keeper);
        orders.expire(id);
        assertEq(cash(cross(keeper)), int256(REWARD_E18));
        assertEq(cash(account), beforeE18 + int256(FAILURE_E18));
        assertGone(id);
        vm.expectRevert(abi.encodeWithSelector(IOrders.UnknownOrder.selector, id));
        orders.expire(id);
    }

    function test_expire_RevertIf_ItsOwnerWantsItBack() public {
        uint256 id = commitMarket(ONE);
        vm.prank(alice);
        vm.expectRevert();
        orders.expire(id);
    }

    function test_expire_LetsTheOwnerTakeBackWhatWasNotTriggered() public {
        uint256 id = commitAt(OrderKind.STOP, -ONE, 0, 50_000e18);
        int256 beforeE18 = cash(account);
        vm.prank(bob);
        vm.expectRevert();
        orders.expire(id);
        vm.prank(alice);
        orders.expire(id);
        assertEq(cash(account), beforeE18);
        assertGone(id);
    }

    function test_expire_RevertIf_ItsOwnerWantsATriggeredStopBack() public {
        uint256 id = commitAt(OrderKind.STOP, -ONE, 0, 60_000e18);
        orders.trigger(id);
        vm.prank(alice);
        vm.expectRevert();
        orders.expire(id);
    }

    function test_trigger_StartsAStopOfALongWhenThePriceFell() public {
        triggers(OrderKind.STOP, -ONE, 58_000e18, 58_001e18, 58_000e18);
    }

    function test_trigger_StartsAStopOfAShortWhenThePriceRose() public {
        triggers(OrderKind.STOP, ONE, 62_000e18, 61_999e18, 62_000e18);
    }

    function test_trigger_StartsATakeProfitOfALongWhenThePriceRose() public {
        triggers(OrderKind.TAKE_PROFIT, -ONE, 62_000e18, 61_999e18, 62_000e18);
    }

    function test_trigger_StartsATakeProfitOfAShortWhenThePriceFell() public {
        triggers(OrderKind.TAKE_PROFIT, ONE, 58_000e18, 58_001e18, 58_000e18);
    }

    function triggers(
        OrderKind kind,
        int256 sizeE18,
        uint256 triggerE18,
        uint256 beforeE18,
        uint256 reachedE18
    ) private {
        trade(account, BTC, -sizeE18);
        uint256 id = commitAt(kind, sizeE18, 0, triggerE18);
        moveTo(BTC, beforeE18);
        vm.expectRevert(
            abi.encodeWithSelector(IOrders.NotTriggered.selector, id, beforeE18, triggerE18)
        );
        orders.trigger(id);
        bytes memory early = deciding(block.timestamp * 1000);
        vm.expectRevert(abi.encodeWithSelector(IOrders.NotDue.selector, id));
        orders.settle(id, early);
        moveTo(BTC, reachedE18);
        vm.expectEmit(address(orders));
        emit IOrders.Triggered(id, reachedE18, dueMsNow());
        orders.trigger(id);
        assertEq(orders.order(id).expiresAtS, block.timestamp + 3 + OPEN_S);
        vm.expectRevert(abi.encodeWithSelector(IOrders.AlreadyTriggered.selector, id));
        orders.trigger(id);
        assertEnd(settle(id), OrderEnd.FILLED);
        assertEq(sizeOf(account, BTC), 0);
    }

    function test_trigger_RevertIf_TheMarkIsNotUsable() public {
        uint256 id = commitAt(OrderKind.STOP, -ONE, 0, 60_000e18);
        skipS(61);
        vm.expectRevert();
        orders.trigger(id);
        setEntry(BTC, bareEntry(uint256(Validity.HALTED)));
        store();
        vm.expectRevert();
        orders.trigger(id);
        setPrice(BTC, 59_000e18);
        skipS(2);
        store();
        orders.trigger(id);
    }

    function test_trigger_RevertIf_ItNeedsNone() public {
        uint256 id = commitMarket(ONE);
        vm.expectRevert(abi.encodeWithSelector(IOrders.AlreadyTriggered.selector, id));
        orders.trigger(id);
        vm.expectRevert(abi.encodeWithSelector(IOrders.UnknownOrder.selector, 9));
        orders.trigger(9);
    }

    function test_trigger_RevertIf_Expired() public {
        uint256 id = commitAt(OrderKind.STOP, -ONE, 0, 60_000e18);
        uint256 endS = orders.order(id).expiresAtS;
        vm.warp(endS + 1);
        store();
        vm.expectRevert(abi.encodeWithSelector(IOrders.Expired.selector, id, endS));
        orders.trigger(id);
        orders.expire(id);
        assertGone(id);
    }
}
