// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {OrderEnd, OrderKind} from "../../src/perp/interfaces/IOrders.sol";
import {IPerpEngine} from "../../src/perp/interfaces/IPerpEngine.sol";
import {OrdersFixture} from "./OrdersFixture.sol";

/// @notice What who commits and who settles could do to one another by choice of size and of moment.
contract PerpTheftsTest is OrdersFixture {
    function test_settleMany_IsNotStoppedByAnOrderTooLargeToCost() public {
        uint256 poison = commitMarket(2e36);
        uint256 id = commitMarket(ONE);
        orders.settleMany(ids(poison, id), storeDeciding());
        assertEq(sizeOf(account, BTC), ONE);
        assertGone(poison);
    }

    function test_settle_RevertIf_OnlyAStaleMarkOfCollateralIsInTheWay() public {
        uint256 withCollateral = cross(bob);
        fundBitcoin(withCollateral, 1e8);
        account = withCollateral;
        uint256 id = commit(withCollateral, BTC, OrderKind.MARKET, ONE);
        uint256 dueMs = dueMsNow();
        bytes memory report = deciding(dueMs);
        skipS(70);
        // BTC's own mark is fresh; those that its collateral is priced by are not.
        uint256 nowMs = block.timestamp * 1000;
        oracle.update(reportOf(0, nowMs, nowMs - 1100));
        vm.expectRevert(
            abi.encodeWithSelector(IPerpEngine.MarginUnknown.selector, withCollateral, BTC)
        );
        settleAs(keeper, id, report);
        store();
        assertEnd(settleAs(keeper, id, report), OrderEnd.FILLED);
    }

    /// @dev Nobody keeps his order open by a collateral that could not pay for it anyhow.
    function test_settle_FailsIfTheStaleCollateralWouldNotDo() public {
        uint256 withCollateral = cross(bob);
        fundBitcoin(withCollateral, 1e8);
        account = withCollateral;
        uint256 id = commit(withCollateral, BTC, OrderKind.MARKET, 15 * ONE);
        bytes memory report = deciding(dueMsNow());
        skipS(70);
        uint256 nowMs = block.timestamp * 1000;
        oracle.update(reportOf(0, nowMs, nowMs - 1100));
        assertEnd(settleAs(keeper, id, report), OrderEnd.FAILED);
    }
}
