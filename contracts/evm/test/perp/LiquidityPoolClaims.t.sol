// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {
    IERC7540Deposit,
    IERC7540Operator,
    IERC7540Redeem,
    ILiquidityPool
} from "../../src/perp/interfaces/ILiquidityPool.sol";
import {IVault, Module} from "../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {LiquidityPoolFixture} from "./LiquidityPoolFixture.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// @notice Ask, claim, take back: ERC-7540.
contract LiquidityPoolClaims is LiquidityPoolFixture {
    address private _operator = makeAddr("operator");

    // Asking.

    function test_requestDeposit_TakesTheTokens() public {
        usd.mint(lp, 100e6);
        vm.startPrank(lp);
        usd.approve(address(pool), 100e6);
        vm.expectEmit(address(pool));
        emit IERC7540Deposit.DepositRequest(lp, lp, 1, lp, 100e6);
        pool.requestDeposit(100e6, lp, lp);
        vm.stopPrank();
        assertEq(usd.balanceOf(lp), 0);
        assertEq(usd.balanceOf(address(pool)), 0);
        assertEq(vault.cashOf(Accounts.REQUESTS), 100e18);
        assertEq(vault.claimsE18(address(pool)), 100e18);
        assertEq(pool.pendingDepositRequest(1, lp), 100e6);
        assertEq(pool.claimableDepositRequest(1, lp), 0);
        assertEq(pool.navE18(), 0);
    }

    function test_requestDeposit_AddsUp() public {
        askDeposit(lp, 100);
        askDeposit(lp, 11);
        assertEq(pool.pendingDepositRequest(1, lp), 111e6);
    }

    function test_requestDeposit_RevertIf_TheCallerActsForNeither() public {
        askDeposit(lp, 1);
        vm.startPrank(other);
        vm.expectRevert(
            abi.encodeWithSelector(ILiquidityPool.NotTheControllers.selector, lp, other)
        );
        pool.requestDeposit(1, other, lp);
        vm.expectRevert(
            abi.encodeWithSelector(ILiquidityPool.NotTheControllers.selector, lp, other)
        );
        pool.requestDeposit(1, lp, other);
        vm.expectRevert(
            abi.encodeWithSelector(ILiquidityPool.NotTheControllers.selector, lp, other)
        );
        pool.requestRedeem(1, lp, other);
    }

    function test_request_RevertIf_Nothing() public {
        vm.startPrank(lp);
        vm.expectRevert(ILiquidityPool.ZeroRequest.selector);
        pool.requestDeposit(0, lp, lp);
        vm.expectRevert(ILiquidityPool.ZeroRequest.selector);
        pool.requestRedeem(0, lp, lp);
    }

    function test_requestRedeem_TakesTheShares() public {
        uint256 shares = join(lp, 100);
        vm.expectEmit(address(pool));
        emit IERC7540Redeem.RedeemRequest(lp, lp, 2, lp, shares);
        askRedeem(lp, shares);
        assertEq(pool.balanceOf(lp), 0);
        assertEq(pool.pendingRedeemRequest(2, lp), shares);
        assertEq(pool.totalSupply(), shares);
    }

    function test_requestRedeem_ByAllowance() public {
        uint256 shares = join(lp, 100);
        vm.prank(other);
        vm.expectPartialRevert(IERC20Errors.ERC20InsufficientAllowance.selector);
        pool.requestRedeem(shares, other, lp);
        vm.prank(lp);
        pool.approve(other, shares);
        vm.prank(other);
        pool.requestRedeem(shares, other, lp);
        assertEq(pool.allowance(lp, other), 0);
        assertEq(pool.pendingRedeemRequest(2, other), shares);
    }

    function test_setOperator_LetsActForAnother() public {
        uint256 shares = join(lp, 100);
        vm.prank(lp);
        vm.expectEmit(address(pool));
        emit IERC7540Operator.OperatorSet(lp, _operator, true);
        assertTrue(pool.setOperator(_operator, true));
        assertTrue(pool.isOperator(lp, _operator));
        vm.startPrank(_operator);
        pool.requestRedeem(shares / 2, lp, lp);
        skipS(DELAY_S);
        store();
        pool.process();
        pool.redeem(shares / 2, other, lp);
        vm.stopPrank();
        assertApproxEqAbs(usd.balanceOf(other), 50e6, 1000);
        vm.prank(lp);
        pool.setOperator(_operator, false);
        vm.expectRevert(
            abi.encodeWithSelector(ILiquidityPool.NotTheControllers.selector, lp, _operator)
        );
        vm.prank(_operator);
        pool.requestDeposit(1, lp, lp);
    }

    // Claiming.

    function test_deposit_ClaimsForTheController() public {
        askDeposit(lp, 100);
        process();
        assertEq(pool.pendingDepositRequest(1, lp), 0);
        assertEq(pool.claimableDepositRequest(1, lp), 100e6);
        assertEq(pool.maxDeposit(lp), 100e6);
        assertEq(pool.maxMint(lp), 100e18);
        vm.startPrank(lp);
        vm.expectEmit(address(pool));
        emit IERC4626.Deposit(lp, other, 40e6, 40e18);
        pool.deposit(40e6, other, lp);
        assertEq(pool.mint(60e18, lp), 60e6);
        assertEq(pool.balanceOf(other), 40e18);
        assertEq(pool.balanceOf(lp), 60e18);
        assertEq(pool.maxMint(lp), 0);
    }

    function test_claim_RevertIf_MoreThanThereIs() public {
        askDeposit(lp, 100);
        vm.startPrank(lp);
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.MoreThanClaimable.selector, lp, 1, 0));
        pool.deposit(1, lp);
        vm.stopPrank();
        process();
        vm.startPrank(lp);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILiquidityPool.MoreThanClaimable.selector, lp, uint256(100e6 + 1), uint256(100e6)
            )
        );
        pool.deposit(100e6 + 1, lp);
        vm.expectPartialRevert(ILiquidityPool.MoreThanClaimable.selector);
        pool.mint(100e18 + 1, lp);
        vm.expectPartialRevert(ILiquidityPool.MoreThanClaimable.selector);
        pool.redeem(1, lp, lp);
        vm.expectPartialRevert(ILiquidityPool.MoreThanClaimable.selector);
        pool.withdraw(1, lp, lp);
    }

    function test_claim_RevertIf_NotTheControllers() public {
        askDeposit(lp, 100);
        process();
        bytes memory error =
            abi.encodeWithSelector(ILiquidityPool.NotTheControllers.selector, lp, other);
        vm.startPrank(other);
        vm.expectRevert(error);
        pool.deposit(1, other, lp);
        vm.expectRevert(error);
        pool.mint(1, other, lp);
        vm.expectRevert(error);
        pool.redeem(1, other, lp);
        vm.expectRevert(error);
        pool.withdraw(1, other, lp);
    }

    function test_withdraw_ExactAssets() public {
        uint256 shares = join(lp, 100);
        realise(-50e18, bob);
        fund(cross(bob), 50);
        askRedeem(lp, shares);
        process();
        uint256 most = pool.maxWithdraw(lp);
        assertApproxEqAbs(most, 150e6, 1500);
        vm.startPrank(lp);
        uint256 burned = pool.withdraw(75e6, lp, lp);
        assertApproxEqAbs(burned, 50e18, 1e15);
        assertEq(usd.balanceOf(lp), 75e6);
        uint256 left = pool.maxWithdraw(lp);
        assertApproxEqAbs(left, most - 75e6, 1);
        pool.withdraw(left, other, lp);
        vm.stopPrank();
        assertEq(usd.balanceOf(other), left);
        assertEq(pool.maxWithdraw(lp), 0);
    }

    /// @dev Two epochs are claimed in one, the older first.
    function test_deposit_OverTwoEpochs() public {
        askDeposit(lp, 100);
        skipS(DELAY_S / 2);
        askDeposit(lp, 50);
        skipS(DELAY_S);
        store();
        pool.process();
        assertEq(pool.maxDeposit(lp), 100e6);
        skipS(DELAY_S);
        pool.process();
        assertEq(pool.maxDeposit(lp), 150e6);
        vm.startPrank(lp);
        pool.deposit(120e6, lp);
        assertEq(pool.claimableDepositRequest(1, lp), 0);
        assertEq(pool.claimableDepositRequest(2, lp), 30e6);
        pool.mint(pool.maxMint(lp), lp);
        assertEq(pool.maxDeposit(lp), 0);
        assertApproxEqAbs(pool.balanceOf(lp), 150e18, 1e15);
    }

    function test_redeem_OverTwoEpochs() public {
        uint256 shares = join(lp, 100);
        askRedeem(lp, shares / 2);
        skipS(DELAY_S / 2);
        askRedeem(lp, shares / 4);
        skipS(DELAY_S);
        pool.process();
        skipS(DELAY_S);
        pool.process();
        vm.startPrank(lp);
        pool.withdraw(pool.maxWithdraw(lp), lp, lp);
        assertApproxEqAbs(usd.balanceOf(lp), 75e6, 1000);
        assertEq(pool.maxRedeem(lp), 0);
    }

    /// @dev Who has two epochs open and asks in a third gets the oldest delivered.
    function test_request_DeliversTheOldest() public {
        uint256 shares = join(lp, 100);
        for (uint256 i; i < 6; ++i) {
            askDeposit(lp, 10);
            askRedeem(lp, shares / 10);
            skipS(DELAY_S / 2);
            if (i > 0) {
                store();
                pool.process();
            }
        }
        assertApproxEqAbs(pool.balanceOf(lp), shares * 4 / 10 + 40e18, 1e16);
        assertApproxEqAbs(usd.balanceOf(lp), 40e6, 1000);
        assertEq(pool.maxDeposit(lp), 10e6);
        assertEq(pool.maxRedeem(lp), shares / 10);
    }

    /// @dev What one who asked again and again while little was free has got, and gets back.
    function test_request_DeliversWhatWasNotFilled() public {
        uint256 shares = join(lp, 1000);
        realise(1000e18, alice);
        realise(-900e18, bob);
        realise(-100e18, other);
        fund(cross(other), 100);
        for (uint256 i; i < 5; ++i) {
            askRedeem(lp, shares / 10);
            process();
        }
        pool.returnUnfilled(lp);
        pool.returnUnfilled(lp);
        claimAssets(lp);
        assertApproxEqAbs(usd.balanceOf(lp), 100e6, 200);
        assertApproxEqAbs(pool.balanceOf(lp), shares * 9 / 10, 1e16);
        assertApproxEqAbs(pool.totalSupply(), pool.balanceOf(lp), 100);
    }

    // Taking back.

    function test_cancel_RevertIf_NotStuckForLong() public {
        askDeposit(lp, 100);
        skipS(DELAY_S + 3 days - 1);
        vm.expectPartialRevert(ILiquidityPool.TooEarly.selector);
        vm.prank(lp);
        pool.cancelDeposit(1, lp, lp);
        skipS(1);
        vm.expectPartialRevert(ILiquidityPool.NotTheControllers.selector);
        vm.prank(other);
        pool.cancelDeposit(1, lp, other);
        vm.startPrank(lp);
        assertEq(pool.cancelDeposit(1, lp, lp), 100e6);
        assertEq(usd.balanceOf(lp), 100e6);
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.NotPending.selector, 1, lp));
        pool.cancelDeposit(1, lp, lp);
        vm.stopPrank();
        assertEq(vault.cashOf(Accounts.REQUESTS), 0);
        askDeposit(other, 10);
        store();
        pool.process();
        assertEq(pool.maxDeposit(lp), 0);
    }

    function test_cancel_RevertIf_Priced() public {
        uint256 shares = join(lp, 100);
        askDeposit(lp, 10);
        askRedeem(lp, shares);
        process();
        skipS(4 days);
        vm.startPrank(lp);
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.NotPending.selector, 2, lp));
        pool.cancelDeposit(2, lp, lp);
        vm.expectRevert(abi.encodeWithSelector(ILiquidityPool.NotPending.selector, 2, lp));
        pool.cancelRedeem(2, lp, lp);
    }

    function test_cancelRedeem_GivesTheSharesBack() public {
        uint256 shares = join(lp, 100);
        askRedeem(lp, shares);
        skipS(DELAY_S / 2);
        skipS(4 days);
        vm.expectPartialRevert(ILiquidityPool.NotTheControllers.selector);
        vm.prank(other);
        pool.cancelRedeem(2, lp, other);
        vm.prank(lp);
        assertEq(pool.cancelRedeem(2, lp, other), shares);
        assertEq(pool.balanceOf(other), shares);
        assertEq(pool.pendingRedeemRequest(2, lp), 0);
    }

    /// @dev The requests of two epochs, the older or the newer taken back.
    function testFuzz_cancel_LeavesTheOther(bool older) public {
        askDeposit(lp, 100);
        skipS(DELAY_S / 2);
        askDeposit(lp, 50);
        skipS(5 days);
        vm.prank(lp);
        pool.cancelDeposit(older ? 1 : 2, lp, lp);
        store();
        pool.process();
        skipS(DELAY_S);
        pool.process();
        vm.startPrank(lp);
        uint256 left = older ? 50e6 : 100e6;
        assertEq(pool.maxDeposit(lp), left);
        pool.deposit(left, lp);
        assertEq(pool.maxDeposit(lp), 0);
        assertEq(usd.balanceOf(lp), 150e6 - left);
    }

    /// @dev Whoever is the pool now, a former one pays what it owes.
    function test_claim_FromAPoolThatWasReplaced() public {
        uint256 shares = join(lp, 100);
        askRedeem(lp, shares / 2);
        process();
        askDeposit(lp, 10);
        vm.startPrank(owner);
        vault.setModule(address(pool), Module.NONE);
        vault.setModule(address(this), Module.POOL);
        vm.stopPrank();
        assertApproxEqAbs(claimAssets(lp), 50e6, 1000);
        skipS(4 days);
        vm.prank(lp);
        assertEq(pool.cancelDeposit(3, lp, lp), 10e6);
        vm.startPrank(lp);
        usd.approve(address(pool), 1);
        vm.expectPartialRevert(IVault.NotAModule.selector);
        pool.requestDeposit(1, lp, lp);
    }

    // ERC-165, 4626, 7575.

    function test_supportsInterface_OfAllItIs() public view {
        bytes4[5] memory ids = [bytes4(0x01ffc9a7), 0xe3bc4e65, 0xce3bbe50, 0x620ee8e4, 0x2f0a18c5];
        for (uint256 i; i < ids.length; ++i) {
            assertTrue(pool.supportsInterface(ids[i]));
        }
        assertFalse(pool.supportsInterface(0xffffffff));
        assertEq(pool.share(), address(pool));
        assertEq(pool.asset(), address(usd));
        assertEq(pool.decimals(), 18);
    }

    function test_preview_RevertIf_Asked() public {
        vm.expectRevert(ILiquidityPool.NoPreview.selector);
        pool.previewDeposit(1);
        vm.expectRevert(ILiquidityPool.NoPreview.selector);
        pool.previewMint(1);
        vm.expectRevert(ILiquidityPool.NoPreview.selector);
        pool.previewRedeem(1);
        vm.expectRevert(ILiquidityPool.NoPreview.selector);
        pool.previewWithdraw(1);
    }

    function test_convert_BothWays() public {
        join(lp, 1000);
        assertEq(pool.convertToShares(10e6), 10e18);
        assertApproxEqAbs(pool.convertToAssets(10e18), 10e6, 10);
    }
}
