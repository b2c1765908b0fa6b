// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILiquidator} from "../../src/perp/interfaces/ILiquidator.sol";
import {Margin} from "../../src/perp/interfaces/IPerpEngine.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {LiquidatorFixture} from "./LiquidatorFixture.sol";

/// @notice Margin calls, and the backstop that waits for them.
contract LiquidatorCallsTest is LiquidatorFixture {
    uint256 private constant DELAY_S = 900;
    /// @dev Below maintenance, and below 60 % of it.
    uint256 private constant LOW_E18 = 56_500e18;
    uint256 private account;

    function setUp() public override {
        super.setUp();
        account = cross(alice);
        fund(account, 4000);
        trade(account, BTC, 1e18);
    }

    function sinceS() private view returns (uint256 calledAtS, uint256 belowSinceS) {
        (calledAtS, belowSinceS,) = liquidator.recordOf(account);
    }

    function expectCall() private {
        Margin memory m = marginFor(account);
        vm.expectEmit(address(liquidator));
        emit ILiquidator.MarginCall(account, m.equityE18, m.maintenanceE18);
        liquidator.marginCall(account);
    }

    function test_marginCall_RevertIf_NoNeed() public {
        Margin memory m = marginFor(account);
        uint256 warningE18 = m.maintenanceE18 * globalValue(Fields.WARNING_BPS) / 10_000;
        vm.expectRevert(
            abi.encodeWithSelector(ILiquidator.Healthy.selector, account, m.equityE18, warningE18)
        );
        liquidator.marginCall(account);
    }

    function test_marginCall_WarnsFirst_AndStartsTheClockBelowMaintenance() public {
        moveTo(BTC, 57_400e18);
        expectCall();
        (uint256 calledAtS, uint256 belowSinceS) = sinceS();
        assertEq(calledAtS, block.timestamp);
        assertEq(belowSinceS, 0);
        moveTo(BTC, 57_000e18);
        expectCall();
        (, belowSinceS) = sinceS();
        assertEq(belowSinceS, block.timestamp);
    }

    /// @dev A second call of the same is no news, and sets no clock back.
    function test_marginCall_OfTheSame_IsQuiet() public {
        moveTo(BTC, 57_000e18);
        liquidator.marginCall(account);
        (uint256 calledAtS, uint256 belowSinceS) = sinceS();
        passS(50);
        vm.recordLogs();
        liquidator.marginCall(account);
        assertEq(vm.getRecordedLogs().length, 0);
        (uint256 againAtS, uint256 againS) = sinceS();
        assertEq(againAtS, calledAtS);
        assertEq(againS, belowSinceS);
    }

    function test_marginCall_EndsWhenHealthy() public {
        moveTo(BTC, 57_000e18);
        liquidator.marginCall(account);
        fund(account, 1000);
        vm.expectEmit(address(liquidator));
        emit ILiquidator.MarginCallEnded(account);
        liquidator.marginCall(account);
        (uint256 calledAtS, uint256 belowSinceS) = sinceS();
        assertEq(calledAtS + belowSinceS, 0);
    }

    /// @dev Between maintenance and warning the clock of the backstop stops.
    function test_marginCall_StopsTheClock_AboveMaintenance() public {
        moveTo(BTC, 57_000e18);
        liquidator.marginCall(account);
        moveTo(BTC, 57_400e18);
        liquidator.marginCall(account);
        (uint256 calledAtS, uint256 belowSinceS) = sinceS();
        assertGt(calledAtS, 0);
        assertEq(belowSinceS, 0);
    }

    function test_liquidate_StopsTheClock_AtItsTarget() public {
        moveTo(BTC, 57_000e18);
        liquidator.marginCall(account);
        liquidate(account, BTC);
        (, uint256 belowSinceS) = sinceS();
        assertEq(belowSinceS, 0);
    }

    function test_backstop_RevertIf_NeverCalled() public {
        moveTo(BTC, LOW_E18);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILiquidator.TooEarly.selector, block.timestamp, block.timestamp + DELAY_S
            )
        );
        backstop(account, BTC);
    }

    function test_backstop_RevertIf_TooEarly() public {
        moveTo(BTC, LOW_E18);
        liquidator.marginCall(account);
        uint256 atS = block.timestamp + DELAY_S;
        passS(DELAY_S - 1);
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.TooEarly.selector, block.timestamp, atS));
        backstop(account, BTC);
        passS(1);
        backstop(account, BTC);
        assertEq(sizeOf(account, BTC), 0);
    }

    /// @dev A call long ago says nothing of now.
    function test_backstop_RevertIf_TheCallIsOld() public {
        moveTo(BTC, LOW_E18);
        liquidator.marginCall(account);
        passS(DELAY_S + 1 days + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILiquidator.TooEarly.selector, block.timestamp, block.timestamp + DELAY_S
            )
        );
        backstop(account, BTC);
        expectCall();
        passS(DELAY_S);
        backstop(account, BTC);
    }

    function test_backstop_RevertIf_NotFarEnoughBelow() public {
        moveTo(BTC, 57_000e18);
        liquidator.marginCall(account);
        passS(DELAY_S);
        Margin memory m = marginFor(account);
        uint256 limitE18 = m.maintenanceE18 * globalValue(Fields.BACKSTOP_BPS) / 10_000;
        vm.expectRevert(
            abi.encodeWithSelector(ILiquidator.Healthy.selector, account, m.equityE18, limitE18)
        );
        backstop(account, BTC);
    }

    function test_backstop_ClosesAllBeyondTheCap() public {
        uint256 large = cross(bob);
        fund(large, 200_000);
        trade(large, BTC, 30e18);
        moveTo(BTC, 53_900e18);
        liquidator.marginCall(large);
        passS(DELAY_S);
        uint256 capE18 = marketValue(BTC, Fields.LIQUIDATION_CAP_USD) * 1e18;
        assertGt(30 * 53_900e18, capE18);
        vm.expectEmit(address(liquidator));
        emit ILiquidator.BackstopUsed(large, BTC, 30e18);
        backstop(large, BTC);
        assertEq(sizeOf(large, BTC), 0);
    }

    function test_backstop_RevertIf_NothingIsOwed() public {
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.NoDebt.selector, cross(bob)));
        backstop(cross(bob), BTC);
        for (uint256 row = Accounts.POOL; row <= Accounts.DEFICIT; ++row) {
            vm.expectRevert(abi.encodeWithSelector(ILiquidator.NoDebt.selector, row));
            backstop(row, BTC);
        }
    }
}
