// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Validity} from "../../src/interfaces/IMarkOracle.sol";
import {ILiquidator} from "../../src/perp/interfaces/ILiquidator.sol";
import {IVault, Purpose} from "../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {LiquidatorFixture} from "./LiquidatorFixture.sol";

/// @notice Debts repaid for collateral: by seizers, by the insurance, and where nobody can price it.
contract LiquidatorSeizeTest is LiquidatorFixture {
    uint256 private constant DELAY_S = 900;
    uint256 private constant PRICE_E18 = 3000e18 * 97 / 100;
    uint256 private account;
    uint256 private by;

    /// @dev A debtor without a position: ten ethers of 30,000, and a debt of some 3,000.
    function setUp() public override {
        super.setUp();
        (account, by) = (cross(alice), cross(bob));
        fund(account, 2000);
        fundEther(account, 10e18);
        fund(by, 100_000);
        trade(account, BTC, 1e18);
        moveTo(BTC, 55_000e18);
        reduce(account, BTC, -1e18);
        assertLt(cash(account), -3000e18);
    }

    function debt() private view returns (uint256) {
        return uint256(-cash(account));
    }

    function seize(uint256 repayE18) private {
        vm.prank(bob);
        liquidator.seize(account, ETHER, repayE18, by);
    }

    function test_seize_RepaysTheDebtAtADiscount() public {
        uint256 owed = debt();
        uint256 sharesE18 = owed * 1e18 / PRICE_E18;
        vm.expectEmit(true, true, true, false, address(liquidator));
        emit ILiquidator.Seized(account, ETHER, by, owed, sharesE18);
        seize(type(uint256).max);
        // Shares are cut to the unit, and the unit is worth 2,910: so much of the debt may stay.
        assertLe(debt(), PRICE_E18 / 1e18 + 1);
        assertEq(vault.sharesOf(by, ETHER), sharesE18);
        assertEq(vault.sharesOf(account, ETHER), 10e18 - sharesE18);
        assertApproxEqAbs(cash(by), int256(100_000e18 - owed), 1e4);
    }

    function test_seize_TakesNoMoreThanIsRepaid() public {
        seize(1000e18);
        assertEq(vault.sharesOf(by, ETHER), 1000e18 * 1e18 / PRICE_E18);
    }

    function test_seize_TakesNoMoreThanTheCollateral() public {
        moveEther(300e18);
        uint256 owed = debt();
        seize(type(uint256).max);
        assertEq(vault.sharesOf(account, ETHER), 0);
        assertEq(owed - debt(), 10 * 291e18);
    }

    function moveEther(uint256 priceE18) private {
        setPrice(ETH_INDEX, priceE18);
        setPrice(ETH_TWAP, priceE18);
        passS(2);
    }

    /// @dev Nobody becomes a debtor by it.
    function test_seize_SpendsNoMoreCashThanThereIs() public {
        uint256 poor = cross(carol);
        fund(poor, 100);
        vm.startPrank(carol);
        liquidator.seize(account, ETHER, type(uint256).max, poor);
        assertGe(cash(poor), 0);
        assertLt(cash(poor), 3000);
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.NoDebt.selector, account));
        liquidator.seize(account, ETHER, type(uint256).max, poor);
    }

    function test_seize_RevertIf_PaidByAnother() public {
        vm.prank(carol);
        vm.expectRevert(abi.encodeWithSelector(IVault.NotTheOwner.selector, by, carol));
        liquidator.seize(account, ETHER, 1e18, by);
        for (uint256 row = Accounts.POOL; row <= Accounts.DEFICIT; ++row) {
            vm.prank(address(0));
            vm.expectRevert(abi.encodeWithSelector(IVault.NotTheOwner.selector, row, address(0)));
            liquidator.seize(account, ETHER, 1e18, row);
        }
    }

    function test_seize_RevertIf_NoDebt() public {
        fund(account, 10_000);
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.NoDebt.selector, account));
        seize(1e18);
    }

    /// @dev With a position, only below maintenance.
    function test_seize_RevertIf_AtOrAboveMaintenance() public {
        account = isolated(alice, 1);
        fund(account, 500);
        fundEther(account, 3e18);
        moveTo(BTC, 60_000e18);
        trade(account, BTC, 2e18);
        moveTo(BTC, 58_500e18);
        reduce(account, BTC, -1e18);
        assertLt(cash(account), -1000e18);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILiquidator.Healthy.selector, account, equityOf(account), maintenanceOf(account)
            )
        );
        seize(1e18);
        moveTo(BTC, 53_700e18);
        int256 equityE18 = equityOf(account);
        assertLt(equityE18, maintenanceOf(account));
        seize(1000e18);
        assertGe(equityOf(account), equityE18);
    }

    function test_seize_RevertIf_ItCannotBePriced() public {
        skipS(2);
        setEntry(ETH_INDEX, bareEntry(uint256(Validity.HALTED)));
        store();
        vm.expectRevert();
        seize(1e18);
    }

    /// @dev Who seizes keeps his own margin: what he gets counts less than what he pays.
    function test_seize_RevertIf_ItCostsTheSeizerHisMargin() public {
        uint256 tight = cross(carol);
        fund(tight, 2300);
        trade(tight, BTC, 1e18);
        vm.prank(carol);
        vm.expectRevert();
        liquidator.seize(account, ETHER, 2000e18, tight);
    }

    /// @dev No seizure lowers the equity of whom it is done to.
    function testFuzz_seize_NeverLowersTheEquity(uint256 repayE18, uint256 price) public {
        moveEther(bound(price, 500, 10_000) * 1e18);
        repayE18 = bound(repayE18, 1e6, 100_000e18);
        int256 equityE18 = equityOf(account);
        seize(repayE18);
        assertGe(equityOf(account), equityE18);
        assertLe(cash(account), 1e4);
    }

    function test_backstop_HasTheInsuranceBuy() public {
        liquidator.marginCall(account);
        passS(DELAY_S - 1);
        vm.expectRevert();
        backstop(account, BTC);
        passS(1);
        uint256 owed = debt();
        int256 insuranceE18 = cash(Accounts.INSURANCE);
        backstop(account, BTC);
        assertApproxEqAbs(insuranceE18 - cash(Accounts.INSURANCE), int256(owed), 1e4);
        assertEq(vault.sharesOf(Accounts.INSURANCE, ETHER), owed * 1e18 / PRICE_E18);
    }

    /// @dev And sells to anyone on the same terms.
    function test_seize_OfTheInsurance_SellsWhatItBought() public {
        int256 insuranceE18 = cash(Accounts.INSURANCE);
        liquidator.marginCall(account);
        passS(DELAY_S);
        backstop(account, BTC);
        assertGt(vault.sharesOf(Accounts.INSURANCE, ETHER), 0);
        vm.prank(bob);
        liquidator.seize(Accounts.INSURANCE, ETHER, type(uint256).max, by);
        assertEq(vault.sharesOf(Accounts.INSURANCE, ETHER), 0);
        assertGe(cash(Accounts.INSURANCE), insuranceE18);
        assertApproxEqAbs(cash(Accounts.INSURANCE), insuranceE18, 1e4);
    }

    function test_backstop_BuysNoMoreThanTheInsuranceCanPay() public {
        setRow(Accounts.INSURANCE, 1000e18);
        liquidator.marginCall(account);
        passS(DELAY_S);
        uint256 owed = debt();
        backstop(account, BTC);
        assertApproxEqAbs(debt(), owed - 1000e18, 1e4);
        assertLt(cash(Accounts.INSURANCE), 1e4);
    }

    /// @dev Collateral that can be sold goes first: absorbing cannot dodge it.
    function test_absorb_RevertIf_CollateralIsLeft() public {
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.StillHolds.selector, account));
        liquidator.absorb(account);
    }

    function test_absorb_TakesCollateralThatIsWorthNothing() public {
        vm.prank(address(vault));
        assertTrue(ether_.transfer(carol, 10e18));
        uint256 owed = debt();
        int256 insuranceE18 = cash(Accounts.INSURANCE) + cash(Accounts.RESERVE);
        liquidator.absorb(account);
        assertEq(vault.sharesOf(account, ETHER), 0);
        assertEq(cash(account), 0);
        int256 paidE18 = insuranceE18 - cash(Accounts.INSURANCE) - cash(Accounts.RESERVE);
        assertEq(paidE18, int256(owed));
    }

    function halt() private {
        skipS(2);
        setEntry(ETH_INDEX, bareEntry(uint256(Validity.HALTED)));
        store();
    }

    /// @dev Nobody can price it for a week: as much as the debt was of its last known worth goes, not
    /// more.
    function test_absorb_TakesWhatNobodyCouldPrice_AfterAWeek() public {
        halt();
        liquidator.marginCall(account);
        passS(7 days - 1);
        vm.expectRevert(abi.encodeWithSelector(ILiquidator.StillHolds.selector, account));
        liquidator.absorb(account);
        passS(1);
        uint256 owed = debt();
        (, uint256 worthE18) = vault.holdings(account, Purpose.LIQUIDATE);
        liquidator.absorb(account);
        uint256 takenE18 = vault.sharesOf(Accounts.INSURANCE, ETHER);
        assertEq(takenE18, owed * 10e18 / worthE18 + 1);
        assertEq(cash(account), 0);
    }

    /// @dev Nor can the owner set that clock back by having his margin called again.
    function test_marginCall_KeepsTheClockOfADebt() public {
        halt();
        liquidator.marginCall(account);
        (,, uint256 sinceS) = liquidator.recordOf(account);
        passS(5 days);
        liquidator.marginCall(account);
        (,, uint256 againS) = liquidator.recordOf(account);
        assertEq(againS, sinceS);
    }

    function test_marginCall_EndsOnceTheDebtIsPaid() public {
        liquidator.marginCall(account);
        fund(account, 10_000);
        liquidator.marginCall(account);
        (uint256 calledAtS,, uint256 owesSinceS) = liquidator.recordOf(account);
        assertEq(calledAtS + owesSinceS, 0);
    }

    /// @dev Who gives too little gas does not make a price disappear.
    function testFuzz_backstop_IsNotFooledByLittleGas(uint256 gas) public {
        liquidator.marginCall(account);
        passS(DELAY_S);
        gas = bound(gas, 30_000, 400_000);
        uint256 owed = debt();
        (bool success,) =
            address(liquidator).call{gas: gas}(abi.encodeCall(liquidator.backstop, (account, BTC)));
        if (success) assertLt(debt(), owed);
        else assertEq(debt(), owed);
    }
}
