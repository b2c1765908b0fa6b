// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Validity} from "../../src/interfaces/IMarkOracle.sol";
import {IPerpEngine} from "../../src/perp/interfaces/IPerpEngine.sol";
import {Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {IVault, Purpose} from "../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {Action, Fields} from "../../src/perp/lib/Fields.sol";
import {TestToken} from "./PerpFixture.sol";
import {VaultFixture} from "./VaultFixture.sol";

/// @notice Owners put in and take out; what their collateral counts.
contract VaultTest is VaultFixture {
    uint256 private constant ALL = type(uint256).max;

    // In.

    function test_deposit_CreditsCashInFull() public {
        usd.mint(alice, 123_456_789);
        vm.startPrank(alice);
        usd.approve(address(vault), ALL);
        vm.expectEmit(address(vault));
        emit IVault.Deposited(account, 0, 123_456_789, alice);
        vault.deposit(account, 0, 123_456_789);
        assertEq(vault.cashOf(account), 123.456789e18);
    }

    function test_deposit_RevertIf_AccountIsAnothers() public {
        uint256[3] memory others = [cross(bob), Accounts.POOL, Accounts.INSURANCE];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IVault.NotTheOwner.selector, others[i], alice));
            vm.prank(alice);
            vault.deposit(others[i], 0, 1);
        }
    }

    function test_deposit_RevertIf_Nothing() public {
        vm.expectRevert(IVault.ZeroAmount.selector);
        deposit(0, 0);
        vm.expectRevert(IVault.ZeroAmount.selector);
        deposit(ETHER, 0);
    }

    function test_deposit_RevertIf_Unknown() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.CollateralPaused.selector, 3, 0));
        deposit(3, 1);
    }

    function test_deposit_RevertIf_Paused() public {
        fundEther(account, 1e18);
        setState(ETHER, Fields.REDUCE_ONLY);
        vm.expectRevert(abi.encodeWithSelector(IVault.CollateralPaused.selector, ETHER, 1));
        deposit(ETHER, 1e18);
        withdraw(ETHER, 1e18);
    }

    function test_deposit_RevertIf_PausedInAnEmergency() public {
        vm.prank(guardian);
        params.tighten(
            one(Scope.COLLATERAL, ETHER, Fields.COLLATERAL_STATE, 1), block.timestamp + 1 hours
        );
        vm.expectPartialRevert(IVault.CollateralPaused.selector);
        deposit(ETHER, 1e18);
        skipS(1 hours + 1);
        fundEther(account, 1e18);
    }

    /// @dev 1,000 bitcoin are the cap; nobody's gift uses it up.
    function test_deposit_RevertIf_BeyondTheCap() public {
        fundBitcoin(account, 1000e8);
        bitcoin.mint(bob, 1);
        vm.startPrank(bob);
        bitcoin.approve(address(vault), 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IVault.CapExceeded.selector, BITCOIN, uint256(1000e18 + 1e10), uint256(1000e18)
            )
        );
        vault.deposit(cross(bob), BITCOIN, 1);
    }

    function test_deposit_RevertIf_ASixthCollateral() public {
        for (uint256 i = 3; i <= 6; ++i) {
            uint256 c = listToken(address(new TestToken("X", 18)));
            give(account, c, TestToken(address(vault.tokenOf(c))), 1e18);
        }
        fundEther(account, 1e18);
        bitcoin.mint(alice, 1);
        vm.startPrank(alice);
        bitcoin.approve(address(vault), 1);
        vm.expectRevert(abi.encodeWithSelector(IVault.TooManyCollaterals.selector, account, 5));
        vault.deposit(account, BITCOIN, 1);
        vault.withdraw(account, ETHER, ALL, alice);
        vault.deposit(account, BITCOIN, 1);
        vm.stopPrank();
        assertEq(vault.heldBy(account), 0x7c);
    }

    function test_fundInsurance_ByAnyone() public {
        usd.mint(bob, 5e6);
        vm.startPrank(bob);
        usd.approve(address(vault), 5e6);
        vault.fundInsurance(5e6);
        assertEq(vault.cashOf(Accounts.INSURANCE), int256((INSURANCE_USD + 5) * 1e18));
    }

    // Out.

    function test_withdraw_RevertIf_AccountIsAnothers() public {
        fund(cross(bob), 100);
        vm.expectRevert(abi.encodeWithSelector(IVault.NotTheOwner.selector, cross(bob), alice));
        vm.prank(alice);
        vault.withdraw(cross(bob), 0, 1, alice);
        vm.expectRevert(abi.encodeWithSelector(IVault.NotTheOwner.selector, 1, alice));
        vm.prank(alice);
        vault.withdraw(Accounts.POOL, 0, 1, alice);
    }

    /// @dev There is no borrowing.
    function test_withdraw_RevertIf_MoreCashThanThereIs() public {
        fund(account, 100);
        fundEther(account, 100e18);
        vm.expectRevert(
            abi.encodeWithSelector(
                IVault.MoreThanHeld.selector, account, 0, uint256(100e18 + 1e12), uint256(100e18)
            )
        );
        withdraw(0, 100e6 + 1);
    }

    function test_withdraw_RevertIf_MoreCollateralThanThereIs() public {
        fundEther(account, 1e18);
        vm.expectRevert(
            abi.encodeWithSelector(
                IVault.MoreThanHeld.selector, account, ETHER, uint256(1e18 + 1), uint256(1e18)
            )
        );
        withdraw(ETHER, 1e18 + 1);
        vm.expectPartialRevert(IVault.MoreThanHeld.selector);
        withdraw(BITCOIN, 1);
    }

    function test_withdraw_RevertIf_Nothing() public {
        vm.expectRevert(IVault.ZeroAmount.selector);
        withdraw(0, 0);
        vm.expectRevert(IVault.ZeroAmount.selector);
        withdraw(0, ALL);
        vm.expectRevert(IVault.ZeroAmount.selector);
        withdraw(ETHER, 0);
        vm.expectRevert(IVault.ZeroAmount.selector);
        withdraw(ETHER, ALL);
    }

    function test_withdraw_RevertIf_ToNobody() public {
        fund(account, 100);
        address[2] memory nobody = [address(0), address(vault)];
        for (uint256 i; i < nobody.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IVault.BadRecipient.selector, nobody[i]));
            vm.prank(alice);
            vault.withdraw(account, 0, 1e6, nobody[i]);
        }
    }

    function test_withdraw_AllThereIs() public {
        fund(account, 100);
        moveAs(playedOrders, account, Accounts.ESCROW, 1);
        withdraw(0, ALL);
        assertEq(usd.balanceOf(alice), 100e6 - 1);
        assertEq(vault.cashOf(account), 1e12 - 1);
    }

    /// @dev Without positions and debt: whatever prices, pauses and the emergency say.
    function test_withdraw_WhateverHappens() public {
        fund(account, 100);
        fundEther(account, 1e18);
        setState(ETHER, Fields.REDUCE_ONLY);
        vm.startPrank(guardian);
        oracle.pauseMarket(ETH_INDEX, "test");
        vm.stopPrank();
        skipS(30 days);
        withdraw(ETHER, 1e18);
        withdraw(0, 100e6);
    }

    function test_withdraw_RevertIf_APositionNeedsIt() public {
        fund(account, 10_000);
        trade(account, BTC, 1e18);
        vm.expectPartialRevert(IPerpEngine.BelowInitialMargin.selector);
        withdraw(0, 8000e6);
        withdraw(0, 1000e6);
        assertEq(usd.balanceOf(alice), 1000e6);
    }

    function test_withdraw_RevertIf_ADebtNeedsIt() public {
        fundEther(account, 1e18);
        moveAs(playedLiquidator, account, Accounts.POOL, 1000e18);
        vm.expectPartialRevert(IPerpEngine.BelowInitialMargin.selector);
        withdraw(ETHER, 0.7e18);
        withdraw(ETHER, 0.6e18);
        skipS(61);
        vm.expectPartialRevert(IPerpEngine.BelowInitialMargin.selector);
        withdraw(ETHER, 1);
        fund(account, 1000);
        withdraw(ETHER, 0.4e18);
    }

    // Between one's own.

    function test_transfer_MovesCashAndShares() public {
        uint256 sub = isolated(alice, 7);
        fund(account, 100);
        fundEther(account, 2e18);
        vm.startPrank(alice);
        vault.transfer(account, sub, 0, 40e18);
        vault.transfer(account, sub, ETHER, 2e18);
        vault.transfer(sub, sub, ETHER, 2e18);
        vault.transfer(sub, sub, 0, 40e18);
        vm.stopPrank();
        assertEq(vault.cashOf(sub), 40e18);
        assertEq(vault.cashOf(account), 60e18);
        assertEq(vault.sharesOf(sub, ETHER), 2e18);
        assertEq(vault.heldBy(account), 0);
        assertEq(vault.heldBy(sub), 1 << ETHER);
    }

    function test_transfer_RevertIf_EitherIsAnothers() public {
        fund(account, 100);
        vm.startPrank(alice);
        vm.expectPartialRevert(IVault.NotTheOwner.selector);
        vault.transfer(account, cross(bob), 0, 1);
        vm.expectPartialRevert(IVault.NotTheOwner.selector);
        vault.transfer(cross(bob), account, 0, 1);
        vm.expectPartialRevert(IVault.NotTheOwner.selector);
        vault.transfer(account, Accounts.POOL, 0, 1);
    }

    function test_transfer_RevertIf_MoreThanHeld() public {
        fund(account, 100);
        vm.startPrank(alice);
        vm.expectPartialRevert(IVault.MoreThanHeld.selector);
        vault.transfer(account, isolated(alice, 1), 0, 100e18 + 1);
        vm.expectPartialRevert(IVault.MoreThanHeld.selector);
        vault.transfer(account, isolated(alice, 1), ETHER, 1);
    }

    function test_transfer_RevertIf_APositionNeedsIt() public {
        fund(account, 10_000);
        trade(account, BTC, 1e18);
        vm.startPrank(alice);
        vm.expectPartialRevert(IPerpEngine.BelowInitialMargin.selector);
        vault.transfer(account, isolated(alice, 1), 0, 8000e18);
        vault.transfer(account, isolated(alice, 1), 0, 1000e18);
    }

    // Worth.

    function test_holdings_CountTheLowerOfIndexAndTwap() public {
        fundEther(account, 1e18);
        assertEq(countedE18(account, Purpose.PERMIT), 2700e18);
        moveTo(ETH_TWAP, 2000e18);
        assertEq(countedE18(account, Purpose.PERMIT), 1800e18);
        moveTo(ETH_INDEX, 1000e18);
        assertEq(countedE18(account, Purpose.PERMIT), 900e18);
        assertEq(countedE18(account, Purpose.LIQUIDATE), 900e18);
    }

    /// @dev A million at 10 %, up to five at 15 %, up to twenty at 30 %; beyond that nothing.
    function test_holdings_ByBrackets() public {
        fundEther(account, 10_000e18);
        assertEq(countedE18(account, Purpose.PERMIT), 900_000e18 + 3_400_000e18 + 10_500_000e18);
    }

    function test_holdings_AddUp() public {
        fund(account, 100);
        fundEther(account, 1e18);
        fundBitcoin(account, 1e8);
        (int256 cash, uint256 counted) = vault.holdings(account, Purpose.PERMIT);
        assertEq(cash, 100e18);
        assertEq(counted, 2700e18 + 57_000e18);
    }

    /// @dev To permit, what cannot be priced counts nothing; to liquidate, its last price.
    function test_holdings_OfWhatCannotBePriced() public {
        fundEther(account, 1e18);
        fundBitcoin(account, 1e8);
        Validity[5] memory bad = [
            Validity.HALTED,
            Validity.MISSING,
            Validity.TOO_VOLATILE,
            Validity.TOO_UNCERTAIN,
            Validity.GUARDED
        ];
        for (uint256 i; i < bad.length; ++i) {
            setMark(ETH_TWAP, bad[i] > Validity.STALE ? 3000e18 : 0, bad[i]);
            skipS(2);
            if (bad[i] <= Validity.STALE) setEntry(ETH_TWAP, bareEntry(uint256(bad[i])));
            store();
            assertEq(countedE18(account, Purpose.PERMIT), 57_000e18, "permit");
            assertEq(countedE18(account, Purpose.LIQUIDATE), 59_700e18, "liquidate");
        }
    }

    function test_holdings_OfWhatIsPausedOrOld() public {
        fundEther(account, 1e18);
        vm.prank(guardian);
        oracle.pauseMarket(ETH_INDEX, "test");
        assertEq(countedE18(account, Purpose.PERMIT), 0);
        assertEq(countedE18(account, Purpose.LIQUIDATE), 2700e18);
        vm.prank(guardian);
        oracle.unpauseMarket(ETH_INDEX, "test");
        skipS(60);
        assertEq(countedE18(account, Purpose.PERMIT), 2700e18);
        skipS(1);
        assertEq(countedE18(account, Purpose.PERMIT), 0);
        assertEq(countedE18(account, Purpose.LIQUIDATE), 2700e18);
    }

    function test_holdings_WithoutParameters() public {
        TestToken token = new TestToken("X", 18);
        vm.prank(owner);
        uint256 c = vault.listCollateral(token);
        fundEther(account, 1e18);
        vm.prank(playedLiquidator);
        vault.moveCollateral(account, cross(bob), ETHER, 1e18);
        token.mint(address(vault), 1e18);
        assertEq(countedE18(account, Purpose.LIQUIDATE), 0);
        assertEq(vault.rateE18(c), 1e18);
    }

    function test_seizePriceE18_IsTheLowerOne() public {
        assertEq(vault.seizePriceE18(ETHER), 3000e18);
        moveTo(ETH_TWAP, 2000e18);
        assertEq(vault.seizePriceE18(ETHER), 2000e18);
    }

    function test_seizePriceE18_RevertIf_EitherForbidsIt() public {
        for (uint256 market = ETH_INDEX; market <= ETH_TWAP; ++market) {
            setMark(market, 3000e18, Validity.TOO_UNCERTAIN);
            skipS(2);
            store();
            vm.expectRevert(
                abi.encodeWithSelector(
                    IPerpEngine.NotAllowed.selector,
                    market,
                    Action.LIQUIDATE,
                    Validity.TOO_UNCERTAIN,
                    uint256(0)
                )
            );
            vault.seizePriceE18(ETHER);
            setPrice(market, 3000e18);
        }
        skipS(2);
        store();
        skipS(61);
        vm.expectPartialRevert(IPerpEngine.NotAllowed.selector);
        vault.seizePriceE18(ETHER);
    }
}
