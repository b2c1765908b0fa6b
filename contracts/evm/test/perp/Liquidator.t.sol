// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Validity} from "../../src/interfaces/IMarkOracle.sol";
import {ILiquidator} from "../../src/perp/interfaces/ILiquidator.sol";
import {IPerpEngine, Margin} from "../../src/perp/interfaces/IPerpEngine.sol";
import {Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {Action, Fields} from "../../src/perp/lib/Fields.sol";
import {LiquidatorFixture} from "./LiquidatorFixture.sol";

/// @notice Liquidations: when, how much, at what price, and who gets what.
contract LiquidatorTest is LiquidatorFixture {
    uint256 private account;

    /// @dev A long of one bitcoin on 4,000: 2 % maintenance is 1,200 at the entry.
    function setUp() public override {
        super.setUp();
        account = cross(alice);
        fund(account, 4000);
        trade(account, BTC, 1e18);
    }

    function expectHealthy() private {
        Margin memory m = marginFor(account);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILiquidator.Healthy.selector, account, m.equityE18, m.maintenanceE18
            )
        );
    }

    function test_liquidate_RevertIf_AtOrAboveMaintenance() public {
        expectHealthy();
        liquidate(account, BTC);
        moveTo(BTC, 57_300e18);
        expectHealthy();
        liquidate(account, BTC);
    }

    function test_liquidate_RevertIf_NoPosition() public {
        moveTo(BTC, 56_500e18);
        vm.expectRevert(
            abi.encodeWithSelector(ILiquidator.NothingToLiquidate.selector, account, ETH)
        );
        liquidate(account, ETH);
        vm.expectRevert(
            abi.encodeWithSelector(ILiquidator.NothingToLiquidate.selector, cross(bob), BTC)
        );
        liquidate(cross(bob), BTC);
    }

    function test_liquidate_BringsTheAccountToItsTarget() public {
        moveTo(BTC, 57_000e18);
        uint256 sizeE18 = liquidate(account, BTC);
        assertLt(sizeE18, 1e18);
        Margin memory m = marginFor(account);
        uint256 targetE18 = m.maintenanceE18 * marketValue(BTC, Fields.TARGET_BPS) / 10_000;
        assertGe(m.equityE18, int256(targetE18) - 100);
        assertApproxEqAbs(m.equityE18, int256(targetE18), 1e6);
        expectHealthy();
        liquidate(account, BTC);
    }

    /// @dev The penalty is half a percent; a fifth of it the keeper's.
    function test_liquidate_SplitsThePenalty() public {
        moveTo(BTC, 57_000e18);
        int256 equityE18 = equityOf(account);
        int256 reserveE18 = cash(Accounts.RESERVE);
        uint256 sizeE18 = liquidate(account, BTC);
        uint256 penaltyE18 = sizeE18 * 57_000 * 5 / 1000 + 1;
        assertApproxEqAbs(equityE18 - equityOf(account), int256(penaltyE18), 10);
        int256 rewardE18 = cash(cross(hunter));
        assertApproxEqAbs(rewardE18, int256(penaltyE18 / 5), 2);
        int256 gainedE18 = cash(Accounts.RESERVE) - reserveE18;
        assertApproxEqAbs(gainedE18 + rewardE18, int256(penaltyE18), 2);
    }

    function test_liquidate_GivesTheKeeperNoMoreThanItsMost() public {
        fund(cross(bob), 60_000);
        trade(cross(bob), ETH, -150e18);
        moveTo(ETH, 3300e18);
        liquidate(cross(bob), ETH);
        assertEq(cash(cross(hunter)), int256(globalValue(Fields.KEEPER_MAX_E6) * 1e12));
    }

    function test_liquidate_ClosesAShort() public {
        account = cross(bob);
        fund(account, 4000);
        trade(account, BTC, -1e18);
        moveTo(BTC, 63_000e18);
        liquidate(account, BTC);
        assertLt(sizeOf(account, BTC), 0);
        assertGt(sizeOf(account, BTC), -1e18);
        expectHealthy();
        liquidate(account, BTC);
    }

    function test_liquidate_ClosesWhole_IfTheRestWereDust() public {
        moveTo(BTC, 56_080e18);
        assertEq(liquidate(account, BTC), 1e18);
        assertEq(sizeOf(account, BTC), 0);
    }

    /// @dev Equity of 4,000 − 36 − 4,500: below zero.
    function test_liquidate_TakesNoPenaltyOfWhatIsNotThere() public {
        moveTo(BTC, 55_400e18);
        int256 cashE18 = -636e18;
        assertLt(equityOf(account), -630e18);
        assertEq(liquidate(account, BTC), 1e18);
        assertApproxEqAbs(cash(account), cashE18, 5e18);
        assertEq(cash(cross(hunter)), 0);
    }

    /// @dev On what is stored, never on the report handed in.
    function test_liquidate_ActsOnTheStoredMark_NotOnAnOldReport() public {
        uint256 beforeMs = block.timestamp * 1000 + 1000;
        setPrice(BTC, 50_000e18);
        bytes memory low = reportAt(beforeMs);
        moveTo(BTC, 60_000e18);
        expectHealthy();
        vm.prank(hunter);
        liquidator.liquidate(account, BTC, low);
    }

    function test_liquidate_StoresTheReportFirst() public {
        skipS(2);
        setPrice(BTC, 57_000e18);
        bytes memory report = reportAt(block.timestamp * 1000);
        expectHealthy();
        liquidate(account, BTC);
        vm.prank(hunter);
        assertGt(liquidator.liquidate(account, BTC, report), 0);
        assertEq(oracle.readMark(BTC).priceE18, 57_000e18);
    }

    function test_liquidate_RevertIf_TheReportIsForged() public {
        moveTo(BTC, 57_000e18);
        skipS(2);
        bytes memory report = reportAt(block.timestamp * 1000);
        report[100] ^= 0x01;
        vm.prank(hunter);
        vm.expectRevert();
        liquidator.liquidate(account, BTC, report);
    }

    function expectNotAllowed(Validity validity, uint256 ageMs) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IPerpEngine.NotAllowed.selector, BTC, Action.LIQUIDATE, validity, ageMs
            )
        );
    }

    /// @dev What cannot be priced asks for no margin; and is not closed for another market's sake.
    function test_liquidate_RevertIf_TheMarkIsTooOld() public {
        fund(account, 1000);
        trade(account, ETH, 10e18);
        moveTo(BTC, 55_500e18);
        skipS(61);
        expectNotAllowed(Validity.VALID, 61_000);
        liquidate(account, BTC);
        assertLiquidatedOnceStored();
    }

    function assertLiquidatedOnceStored() private {
        store();
        assertLt(equityOf(account), maintenanceOf(account));
        assertGt(liquidate(account, BTC), 0);
    }

    /// @dev Below maintenance by ETH alone; BTC, halted, stands in nobody's way, and is not touched.
    function test_liquidate_LeavesAHaltedMarketAlone_AndLiquidatesTheOther() public {
        fund(account, 4000);
        trade(account, ETH, 20e18);
        skipS(2);
        setEntry(BTC, bareEntry(uint256(Validity.HALTED)));
        setPrice(ETH, 2650e18);
        store();
        assertLt(equityOf(account), maintenanceOf(account));
        expectNotAllowed(Validity.HALTED, 0);
        liquidate(account, BTC);
        uint256 sizeE18 = liquidate(account, ETH);
        assertGt(sizeE18, 0);
        assertEq(sizeOf(account, BTC), 1e18);
    }

    function test_liquidate_RevertIf_TheMarketIsPaused() public {
        moveTo(BTC, 50_000e18);
        vm.prank(guardian);
        oracle.pauseMarket(BTC, "test");
        expectNotAllowed(Validity.VALID, 0);
        liquidate(account, BTC);
    }

    function test_liquidate_KeepsToTheCapOfTheBlock() public {
        uint256 capE18 = marketValue(BTC, Fields.LIQUIDATION_CAP_USD) * 1e18;
        account = cross(bob);
        fund(account, 200_000);
        trade(account, BTC, 30e18);
        moveTo(BTC, 54_400e18);
        uint256 sizeE18 = liquidate(account, BTC);
        assertApproxEqAbs(sizeE18 * 54_400, capE18, 54_400);
        moveTo(BTC, 54_300e18);
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.CapReached.selector, BTC, capE18));
        liquidate(account, BTC);
        vm.roll(block.number + 1);
        assertGt(liquidate(account, BTC), 0);
    }

    /// @dev Another market has a cap of its own.
    function test_liquidate_CapsEachMarketByItself() public {
        account = cross(bob);
        fund(account, 250_000);
        trade(account, BTC, 30e18);
        trade(account, ETH, 100e18);
        moveTo(BTC, 52_800e18);
        liquidate(account, BTC);
        vm.expectRevert();
        liquidate(account, BTC);
        assertGt(liquidate(account, ETH), 0);
    }

    /// @dev Equity ÷ maintenance rises with each step, whatever the price and the other position.
    function testFuzz_liquidate_RaisesTheMarginRatio(uint256 price, uint256 ethers, bool second)
        public
    {
        ethers = bound(ethers, 1, 60);
        price = bound(price, 40_000, 58_000);
        fund(account, ethers * 400);
        trade(account, ETH, int256(ethers) * 1e18);
        moveTo(BTC, price * 1e18);
        Margin memory before = marginFor(account);
        uint256 market = second ? ETH : BTC;
        vm.prank(hunter);
        try liquidator.liquidate(account, market, "") {}
        catch (bytes memory reason) {
            assertEq(bytes4(reason), ILiquidator.Healthy.selector);
            assertGe(before.equityE18, int256(before.maintenanceE18));
            return;
        }
        Margin memory m = marginFor(account);
        assertLt(m.maintenanceE18, before.maintenanceE18);
        if (before.equityE18 > 0) {
            assertGt(
                m.equityE18 * int256(before.maintenanceE18) + int256(before.maintenanceE18),
                before.equityE18 * int256(m.maintenanceE18)
            );
            assertGe(m.equityE18, 0);
        } else {
            assertApproxEqAbs(m.equityE18, before.equityE18, 10);
        }
    }
}
