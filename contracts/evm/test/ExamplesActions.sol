// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ExampleLending} from "../src/examples/ExampleLending.sol";
import {Validity} from "../src/interfaces/IMarkOracle.sol";
import {ExamplesFixture} from "./ExamplesFixture.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @notice What borrowers, liquidators and the lender may do while there is a price.
abstract contract ExamplesActions is ExamplesFixture {
    function test_borrow_GoesUpToTheLimitAndNoFurther() public {
        borrow(MOST);
        assertEq(usd.balanceOf(borrower), MOST);
        vm.expectRevert(
            abi.encodeWithSelector(ExampleLending.TooLittleCollateral.selector, MOST + 1, MOST)
        );
        borrow(1);
    }

    /// @dev At any price and amount, a loan stays within its limit by plain arithmetic, and
    /// borrowing then liquidating at the same price never pays.
    function testFuzz_borrow_StaysWithinTheLimit(uint256 mantissa, uint256 collateral, uint256 debt)
        public
    {
        mantissa = bound(mantissa, 10 ** 7, 10 ** 8 - 1);
        collateral = bound(collateral, 0, ONE_BTC);
        debt = bound(debt, 1, 100_000 * USD);
        takeJumps();
        skipS(1);
        pushEntry(pricedEntry(mantissa, 15, 6));
        vm.startPrank(borrower);
        lending.withdraw(ONE_BTC - collateral);
        (bool success,) = address(lending).call(abi.encodeCall(ExampleLending.borrow, (debt)));
        vm.stopPrank();
        // mantissa × 10^-3 dollars a Bitcoin; both sides × 10^9 × 4.
        bool allowed = debt * 4 * 10 ** 5 <= 3 * collateral * mantissa;
        if (success) assertTrue(allowed, "above the limit");
        // What rounding down in the lender's favour may refuse is two units.
        else assertFalse((debt + 2) * 4 * 10 ** 5 <= 3 * collateral * mantissa, "refused within");
        if (success) {
            vm.expectPartialRevert(ExampleLending.Healthy.selector);
            liquidate(debt);
        }
    }

    function test_withdraw_NeedsNoPriceWhereNothingIsOwed() public {
        borrow(1000 * USD);
        vm.prank(borrower);
        lending.repay(borrower, 1000 * USD);
        pauseIt();
        vm.prank(borrower);
        lending.withdraw(ONE_BTC);
        assertEq(btc.balanceOf(borrower), 3 * ONE_BTC);
    }

    function test_liquidate_PaysTheBonusAndNoMore() public {
        borrow(MOST);
        vm.expectPartialRevert(ExampleLending.Healthy.selector);
        liquidate(1);
        skipS(1);
        pushDollars(55_000, Validity.VALID);
        liquidate(10_000 * USD);
        // 10,500 dollars at 55,000, rounded down.
        assertEq(btc.balanceOf(liquidator), uint256(10_500 * ONE_BTC) / 55_000);
        (uint256 collateral, uint256 debt) = lending.loans(borrower);
        assertEq(debt, MOST - 10_000 * USD);
        assertEq(collateral, ONE_BTC - btc.balanceOf(liquidator));
    }

    function test_liquidate_RevertIf_ExactlyAtTheThreshold() public {
        borrow(40_000 * USD);
        skipS(1);
        pushDollars(50_000, Validity.VALID);
        vm.expectRevert(
            abi.encodeWithSelector(
                ExampleLending.Healthy.selector, borrower, 40_000 * USD, 40_000 * USD
            )
        );
        liquidate(1);
    }

    function test_liquidate_WritesOffWhatNoCollateralIsLeftFor() public {
        borrow(MOST);
        skipS(1);
        pushDollars(30_000, Validity.VALID);
        vm.expectEmit(address(lending));
        emit ExampleLending.Liquidated(
            borrower, liquidator, 30_000 * USD, ONE_BTC, MOST - 30_000 * USD
        );
        liquidate(30_000 * USD);
        (uint256 collateral, uint256 debt) = lending.loans(borrower);
        assertEq(collateral + debt, 0);
    }

    function test_lenderActions_RevertIf_CallerIsAnother() public {
        bytes memory error =
            abi.encodeWithSelector(ExampleLending.NotTheLender.selector, address(this));
        vm.expectRevert(error);
        lending.supply(1);
        vm.expectRevert(error);
        lending.reclaim(1);
    }

    /// @dev Whoever repays or liquidates all of a loan cannot be kept from it by somebody who repays one
    /// unit of it just before: what is beyond the debt is not taken.
    function test_repayAndLiquidate_TakeNoMoreThanIsOwed() public {
        borrow(MOST);
        repayOneUnit();
        uint256 before = usd.balanceOf(liquidator);
        vm.prank(liquidator);
        assertEq(lending.repay(borrower, MOST), MOST - 1);
        assertEq(usd.balanceOf(liquidator), before - (MOST - 1));
        assertEq(lending.repay(borrower, MOST), 0);

        borrow(MOST);
        skipS(1);
        pushDollars(55_000, Validity.VALID);
        repayOneUnit();
        before = usd.balanceOf(liquidator);
        vm.prank(liquidator);
        lending.liquidate(borrower, MOST);
        assertEq(usd.balanceOf(liquidator), before - (MOST - 1));
        (, uint256 debt) = lending.loans(borrower);
        assertEq(debt, 0);
    }

    function repayOneUnit() private {
        vm.prank(lender);
        assertEq(lending.repay(borrower, 1), 1);
    }

    /// @dev One pile of tokens: the lender could take back what borrowers deposited.
    function test_constructor_RevertIf_BothTokensAreOne() public {
        vm.expectRevert(abi.encodeWithSelector(ExampleLending.OneTokenForBoth.selector, btc));
        this.deployWithOneToken();
    }

    function deployWithOneToken() external {
        deploy(lender, IERC20Metadata(address(btc)), IERC20Metadata(address(btc)));
    }

    function test_amounts_RevertIf_MoreThanHeld() public {
        vm.prank(borrower);
        vm.expectRevert(
            abi.encodeWithSelector(ExampleLending.MoreThanHeld.selector, ONE_BTC + 1, ONE_BTC)
        );
        lending.withdraw(ONE_BTC + 1);
        vm.prank(lender);
        lending.reclaim(500_000 * USD);
        assertEq(usd.balanceOf(lender), 1_000_000 * USD);
    }
}
