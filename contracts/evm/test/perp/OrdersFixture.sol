// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Order, OrderEnd, OrderKind} from "../../src/perp/interfaces/IOrders.sol";
import {Change} from "../../src/perp/interfaces/IRiskParameters.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {PerpFixture} from "./PerpFixture.sol";

/// @notice What the tests of orders share: an account with cash, orders at chosen times, and reports that
/// do or do not decide them.
abstract contract OrdersFixture is PerpFixture {
    int256 internal constant ONE = 1e18;
    uint256 internal constant DELAY_MS = 1000;
    uint256 internal constant OPEN_S = 300;
    uint256 internal constant REWARD_E18 = 0.5e18;
    uint256 internal constant FAILURE_E18 = 1e18;

    uint256 internal account;

    function setUp() public virtual override {
        super.setUp();
        account = cross(alice);
        fund(account, 100_000);
    }

    function commitMarket(int256 sizeE18) internal returns (uint256 id) {
        return commit(account, BTC, OrderKind.MARKET, sizeE18);
    }

    function commitAt(OrderKind kind, int256 sizeE18, uint256 acceptableE18, uint256 triggerE18)
        internal
        returns (uint256 id)
    {
        vm.prank(alice);
        return orders.commit(account, BTC, kind, sizeE18, acceptableE18, triggerE18, 0);
    }

    function dueMsNow() internal view returns (uint256) {
        return block.timestamp * 1000 + MAX_FUTURE_MS + DELAY_MS;
    }

    /// @dev The report that decides an order which is due at that time.
    function deciding(uint256 dueMs) internal view returns (bytes memory) {
        return reportAfter(dueMs, dueMs - 1);
    }

    function settleAs(address who, uint256 id, bytes memory report) internal returns (OrderEnd) {
        vm.prank(who);
        return orders.settle(id, report);
    }

    function ids(uint256 a, uint256 b) internal pure returns (uint256[] memory both) {
        both = new uint256[](2);
        (both[0], both[1]) = (a, b);
    }

    function cash(uint256 account_) internal view returns (int256) {
        return vault.cashOf(account_);
    }

    function change(Change[] memory changes) internal {
        vm.prank(owner);
        params.change(changes);
    }

    function assertEnd(OrderEnd given, OrderEnd expected) internal pure {
        assertEq(uint256(given), uint256(expected));
    }

    /// @dev Nothing is left of an order, nor of what it put down.
    function assertGone(uint256 id) internal {
        vm.expectRevert(abi.encodeWithSignature("UnknownOrder(uint256)", id));
        orders.order(id);
        assertEq(orders.pendingOf(account), 0);
        assertEq(cash(Accounts.ESCROW), 0);
    }
}
