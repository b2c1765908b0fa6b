// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAccessPolicy} from "../../src/perp/interfaces/IAccessPolicy.sol";
import {IOrders, Order, OrderEnd, OrderKind} from "../../src/perp/interfaces/IOrders.sol";
import {IPerpEngine} from "../../src/perp/interfaces/IPerpEngine.sol";
import {Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {OrdersFixture} from "./OrdersFixture.sol";

/// @notice Answers as the test says, and can be as unhelpful as a contract can.
contract TestPolicy {
    enum Mood {
        YES,
        NO,
        REVERT,
        BURN,
        TWO,
        SHORT,
        BOMB
    }

    Mood private mood;

    function set(Mood mood_) external {
        mood = mood_;
    }

    fallback() external {
        if (mood == Mood.REVERT) revert("no");
        if (mood == Mood.BURN) {
            while (true) {}
        }
        uint256 answer = mood == Mood.TWO ? 2 : mood == Mood.NO ? 0 : 1;
        uint256 length = mood == Mood.SHORT ? 31 : mood == Mood.BOMB ? 10_000 : 32;
        assembly {
            mstore(0, answer)
            return(0, length)
        }
    }
}

contract OrdersCommitTest is OrdersFixture {
    uint256 private constant DOGE = 9;

    function test_commit_KeepsTheOrder() public {
        Order memory expected = Order({
            account: account,
            sizeDeltaE18: 2e18,
            acceptablePriceE18: 61_000e18,
            market: uint16(BTC),
            kind: OrderKind.MARKET,
            dueMs: uint48(dueMsNow()),
            expiresAtS: uint40(block.timestamp + 3 + OPEN_S),
            rewardE6: 0.5e6,
            failureE6: 1e6,
            triggerE18: 0
        });
        vm.expectEmit(address(orders));
        emit IOrders.Committed(1, account, expected);
        uint256 id = commitAt(OrderKind.MARKET, 2e18, 61_000e18, 0);
        assertEq(id, 1);
        assertEq(abi.encode(orders.order(id)), abi.encode(expected));
        assertEq(orders.pendingOf(account), 1);
        assertEq(cash(Accounts.ESCROW), int256(REWARD_E18 + FAILURE_E18));
        assertEq(cash(account), int256(100_000e18 - REWARD_E18 - FAILURE_E18));
    }

    function test_commit_PutsNothingDownToReduce() public {
        uint256 id = commitAt(OrderKind.REDUCE_ONLY, -1, 0, 0);
        assertEq(cash(Accounts.ESCROW), 0);
        assertEq(orders.order(id).rewardE6, 0.5e6);
        assertGt(orders.order(id).dueMs, 0);
        id = commitAt(OrderKind.STOP, -1, 0, 50_000e18);
        assertEq(orders.order(id).dueMs, 0);
        assertEq(orders.order(id).triggerE18, 50_000e18);
        assertEq(orders.order(id).expiresAtS, block.timestamp + 90 days);
    }

    function test_commit_RevertIf_NotTheOwner() public {
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IOrders.NotTheOwner.selector, account, bob));
        orders.commit(account, BTC, OrderKind.MARKET, ONE, 0, 0, 0);
    }

    function testFuzz_commit_RevertIf_TheRowIsTheProtocols(uint96 row, address who) public {
        vm.assume(who != address(0));
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(IOrders.NotTheOwner.selector, uint256(row), who));
        orders.commit(row, BTC, OrderKind.MARKET, ONE, 0, 0, 0);
    }

    function test_commit_RevertIf_TheSizeIsZero() public {
        vm.expectRevert(IOrders.ZeroSize.selector);
        commitMarket(0);
    }

    function test_commit_RevertIf_NumbersDoNotFit() public {
        vm.startPrank(alice);
        vm.expectRevert();
        orders.commit(account, BTC, OrderKind.MARKET, int256(type(int128).max) + 1, 0, 0, 0);
        vm.expectRevert();
        orders.commit(account, BTC, OrderKind.MARKET, ONE, 2 ** 128, 0, 0);
        vm.expectRevert();
        orders.commit(account, BTC, OrderKind.STOP, ONE, 0, 2 ** 128, 0);
        vm.expectRevert();
        orders.commit(account, 2 ** 16, OrderKind.MARKET, ONE, 0, 0, 0);
        vm.stopPrank();
    }

    function test_commit_RevertIf_TheTriggerDoesNotFitTheKind() public {
        vm.expectRevert(abi.encodeWithSelector(IOrders.BadTrigger.selector, OrderKind.STOP, 0));
        commitAt(OrderKind.STOP, ONE, 0, 0);
        vm.expectRevert(
            abi.encodeWithSelector(IOrders.BadTrigger.selector, OrderKind.TAKE_PROFIT, 0)
        );
        commitAt(OrderKind.TAKE_PROFIT, ONE, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IOrders.BadTrigger.selector, OrderKind.MARKET, 1));
        commitAt(OrderKind.MARKET, ONE, 0, 1);
        vm.expectRevert(
            abi.encodeWithSelector(IOrders.BadTrigger.selector, OrderKind.REDUCE_ONLY, 1)
        );
        commitAt(OrderKind.REDUCE_ONLY, ONE, 0, 1);
    }

    function test_commit_RevertIf_NotListed() public {
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IPerpEngine.MarketNotOpen.selector, DOGE, 0));
        orders.commit(account, DOGE, OrderKind.MARKET, ONE, 0, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IPerpEngine.MarketNotOpen.selector, DOGE, 0));
        orders.commit(account, DOGE, OrderKind.REDUCE_ONLY, ONE, 0, 0, 0);
        vm.stopPrank();
    }

    function test_commit_TakesOnlyReductionsOfAMarketThatCloses() public {
        change(one(Scope.MARKET, BTC, Fields.MARKET_STATE, Fields.REDUCE_ONLY));
        vm.expectRevert(abi.encodeWithSelector(IPerpEngine.MarketNotOpen.selector, BTC, 1));
        commitMarket(ONE);
        commitAt(OrderKind.REDUCE_ONLY, ONE, 0, 0);
        assertEq(orders.pendingOf(account), 1);
    }

    function test_commit_RevertIf_EightArePending() public {
        for (uint256 i; i < 8; ++i) {
            commitMarket(ONE);
        }
        vm.expectRevert(abi.encodeWithSelector(IOrders.TooManyOrders.selector, account, 8));
        commitMarket(ONE);
        assertEq(commit(isolatedFunded(), BTC, OrderKind.MARKET, ONE), 9);
    }

    function test_commit_TakesAnExpiryOfHalfToAllOfTheTime() public {
        uint256 dueS = block.timestamp + 3;
        expectBadExpiry(dueS + OPEN_S / 2 - 1);
        expectBadExpiry(dueS + OPEN_S + 1);
        expectBadExpiry(type(uint256).max);
        vm.startPrank(alice);
        orders.commit(account, BTC, OrderKind.MARKET, ONE, 0, 0, dueS + OPEN_S / 2);
        orders.commit(account, BTC, OrderKind.MARKET, ONE, 0, 0, dueS + OPEN_S);
        vm.stopPrank();
    }

    function expectBadExpiry(uint256 givenS) private {
        uint256 dueS = block.timestamp + 3;
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrders.BadExpiry.selector, givenS, dueS + OPEN_S / 2, dueS + OPEN_S
            )
        );
        vm.prank(alice);
        orders.commit(account, BTC, OrderKind.MARKET, ONE, 0, 0, givenS);
    }

    function test_commit_RevertIf_ThereIsNothingToPutDown() public {
        vm.prank(bob);
        vm.expectRevert(
            abi.encodeWithSelector(IPerpEngine.BelowInitialMargin.selector, cross(bob), -1.5e18, 0)
        );
        orders.commit(cross(bob), BTC, OrderKind.MARKET, ONE, 0, 0, 0);
    }

    /// @dev What is put down is collateral removed: an account at its initial margin cannot.
    function test_commit_RevertIf_TheMarginIsNeeded() public {
        uint256 small = cross(bob);
        fund(small, 2500);
        trade(small, BTC, ONE);
        moveTo(BTC, 59_905e18);
        vm.prank(bob);
        vm.expectRevert();
        orders.commit(small, BTC, OrderKind.MARKET, ONE / 100, 0, 0, 0);
        commit(small, BTC, OrderKind.REDUCE_ONLY, -ONE);
    }

    function test_commit_RevertIf_APriceOfTheAccountIsTooOld() public {
        trade(account, ETH, ONE);
        skipS(61);
        vm.expectRevert(abi.encodeWithSelector(IPerpEngine.MarginUnknown.selector, account, BTC));
        commitMarket(ONE);
        commitAt(OrderKind.REDUCE_ONLY, -ONE, 0, 0);
    }

    function test_commit_TakesCollateralForThePutDown() public {
        uint256 rich = cross(bob);
        fundEther(rich, 10e18);
        commit(rich, BTC, OrderKind.MARKET, ONE / 10);
        assertEq(cash(rich), -int256(REWARD_E18 + FAILURE_E18));
    }

    function test_commit_AsksThePolicyOfTheMarketAlone() public {
        TestPolicy policy = newPolicy();
        policy.set(TestPolicy.Mood.NO);
        vm.expectRevert(abi.encodeWithSelector(IOrders.AccessDenied.selector, alice, BTC));
        commitMarket(ONE);
        commit(account, ETH, OrderKind.MARKET, ONE);
    }

    function test_commit_FailsClosedForEveryAnswerButYes() public {
        TestPolicy policy = newPolicy();
        for (uint8 mood = 1; mood <= uint8(TestPolicy.Mood.SHORT); ++mood) {
            policy.set(TestPolicy.Mood(mood));
            vm.expectRevert(abi.encodeWithSelector(IOrders.AccessDenied.selector, alice, BTC));
            commitMarket(ONE);
        }
        policy.set(TestPolicy.Mood.YES);
        commitMarket(ONE);
        policy.set(TestPolicy.Mood.BOMB);
        commitMarket(ONE);
    }

    function test_commit_FailsClosedWithoutAContract() public {
        vm.prank(owner);
        params.setAccessPolicy(BTC, IAccessPolicy(makeAddr("nobody")));
        vm.expectRevert(abi.encodeWithSelector(IOrders.AccessDenied.selector, alice, BTC));
        commitMarket(ONE);
    }

    function test_commit_LimitsThePolicysGas() public {
        newPolicy().set(TestPolicy.Mood.BURN);
        uint256 before = gasleft();
        vm.expectRevert(abi.encodeWithSelector(IOrders.AccessDenied.selector, alice, BTC));
        commitMarket(ONE);
        assertLt(before - gasleft(), 250_000);
    }

    /// @dev A policy that turned against a trader holds none of his positions.
    function test_commit_NeverAsksToReduce() public {
        trade(account, BTC, ONE);
        uint256 waiting = commitMarket(ONE / 2);
        newPolicy().set(TestPolicy.Mood.REVERT);
        assertEnd(settle(waiting), OrderEnd.FILLED);
        reduce(account, BTC, -ONE);
        uint256 stop = commitAt(OrderKind.STOP, -ONE, 0, 70_000e18);
        orders.trigger(stop);
        assertEnd(settle(stop), OrderEnd.FILLED);
        assertEq(sizeOf(account, BTC), 0);
        vm.prank(alice);
        vault.withdraw(account, 0, 1e6, alice);
    }

    function newPolicy() private returns (TestPolicy policy) {
        policy = new TestPolicy();
        vm.prank(owner);
        params.setAccessPolicy(BTC, IAccessPolicy(address(policy)));
    }

    function isolatedFunded() private returns (uint256 sub) {
        sub = isolated(alice, 1);
        fund(sub, 1000);
    }
}
