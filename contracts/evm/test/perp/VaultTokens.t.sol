// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPerpEngine} from "../../src/perp/interfaces/IPerpEngine.sol";
import {IVault, Purpose} from "../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {VaultFixture} from "./VaultFixture.sol";
import {
    FalseToken,
    FeeToken,
    HookToken,
    IHooked,
    MoodyToken,
    NoReturnToken,
    RebasingToken
} from "./tokens/HostileTokens.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @notice Collaterals that do not do what they say.
contract VaultTokens is VaultFixture, IHooked {
    bytes private _reentry;
    bytes private _answer;

    // Fees.

    function test_deposit_CountsWhatArrived() public {
        (FeeToken token, uint256 c) = _fee(18, 100);
        deposit(c, 10e18);
        assertEq(vault.sharesOf(account, c), 9.9e18);
        assertEq(token.balanceOf(address(vault)), 9.9e18);
        assertEq(vault.rateE18(c), 1e18);
    }

    function test_withdraw_LeavesTheFeeToWhoWithdraws() public {
        (FeeToken token, uint256 c) = _fee(18, 100);
        deposit(c, 10e18);
        uint256 before = token.balanceOf(alice);
        withdraw(c, 9.9e18);
        assertEq(token.balanceOf(alice) - before, 9.9e18 - 0.099e18);
        assertEq(vault.totalSharesOf(c), 0);
        assertEq(vault.heldBy(account), 0);
    }

    function test_withdraw_RevertIf_TheTokenTakesFromOthers() public {
        (FeeToken token, uint256 c) = _fee(18, 0);
        deposit(c, 10e18);
        token.setFee(100, true);
        vm.expectRevert(
            abi.encodeWithSelector(
                IVault.SpentTooMuch.selector, address(token), uint256(5.05e18), uint256(5e18)
            )
        );
        withdraw(c, 5e18);
    }

    function test_deposit_RevertIf_NothingArrives() public {
        (, uint256 c) = _fee(18, 10_000);
        vm.expectRevert(IVault.ZeroAmount.selector);
        deposit(c, 1e18);
    }

    // Rebases.

    function test_rateE18_FallsForAllAlike() public {
        (RebasingToken token, uint256 c) = _rebasing();
        deposit(c, 10e18);
        _depositAs(bob, address(token), c, 30e18);
        token.rebase(0.5e18);
        assertEq(vault.rateE18(c), 0.5e18);
        withdraw(c, type(uint256).max);
        assertEq(token.balanceOf(address(vault)), 15e18);
        assertEq(vault.sharesOf(cross(bob), c), 30e18);
        assertEq(vault.rateE18(c), 0.5e18);
    }

    function test_rateE18_NeverRisesAboveOne() public {
        (RebasingToken token, uint256 c) = _rebasing();
        deposit(c, 10e18);
        token.rebase(2e18);
        assertEq(vault.rateE18(c), 1e18);
        vm.expectRevert(
            abi.encodeWithSelector(
                IVault.MoreThanHeld.selector, account, c, uint256(10e18 + 1), uint256(10e18)
            )
        );
        withdraw(c, 10e18 + 1);
    }

    /// @dev Who comes after a loss bears none of it, and takes nothing of who was there before.
    function testFuzz_deposit_AfterALossIsWorthWhatArrived(uint256 index, uint256 amount) public {
        (RebasingToken token, uint256 c) = _rebasing();
        deposit(c, 10e18);
        index = bound(index, 0.02e18, 1e18);
        amount = bound(amount, 1e6, 100e18);
        token.rebase(index);
        uint256 before = _worth(account, c);
        _depositAs(bob, address(token), c, amount);
        assertLe(_worth(cross(bob), c), amount);
        assertApproxEqAbs(_worth(cross(bob), c), amount, 10 ** 3);
        assertGe(_worth(account, c) + 10, before);
        assertApproxEqAbs(_worth(account, c), before, 10 ** 3);
    }

    function test_deposit_RevertIf_TooMuchIsLost() public {
        (RebasingToken token, uint256 c) = _rebasing();
        deposit(c, 10e18);
        token.rebase(0.009e18);
        vm.expectRevert(
            abi.encodeWithSelector(
                IVault.RateTooLow.selector, c, uint256(0.009e18), uint256(0.01e18)
            )
        );
        deposit(c, 1e18);
    }

    function test_withdraw_OfWhatIsLostWhole() public {
        (RebasingToken token, uint256 c) = _rebasing();
        deposit(c, 10e18);
        token.rebase(0);
        vm.expectPartialRevert(IVault.MoreThanHeld.selector);
        withdraw(c, 1);
        withdraw(c, type(uint256).max);
        assertEq(vault.sharesOf(account, c), 0);
        assertEq(vault.heldBy(account), 0);
    }

    function test_sync_NotesTheRate() public {
        (RebasingToken token, uint256 c) = _rebasing();
        deposit(c, 10e18);
        token.rebase(0.75e18);
        vm.expectEmit(address(vault));
        emit IVault.RateChanged(c, 1e18, 0.75e18);
        vault.sync(c);
        vm.recordLogs();
        vault.sync(c);
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_holdings_FollowARebaseOnceNoted() public {
        (RebasingToken token, uint256 c) = _rebasing();
        deposit(c, 1e18);
        assertEq(countedE18(account, Purpose.PERMIT), 57_000e18);
        token.rebase(0.5e18);
        assertEq(vault.seizePriceE18(c), 30_000e18);
        vault.sync(c);
        assertEq(countedE18(account, Purpose.PERMIT), 28_500e18);
        assertEq(countedE18(account, Purpose.LIQUIDATE), 28_500e18);
    }

    /// @dev Nobody takes cash out against a loss that is not noted yet.
    function test_withdraw_NotesWhatElseTheAccountHolds() public {
        (RebasingToken token, uint256 c) = _rebasing();
        deposit(c, 1e18);
        fundBitcoin(account, 1e8);
        vm.prank(playedLiquidator);
        vault.move(account, Accounts.POOL, 50_000e18);
        token.rebase(0.5e18);
        vm.expectPartialRevert(IPerpEngine.BelowInitialMargin.selector);
        withdraw(BITCOIN, 0.7e8);
        vm.expectEmit(address(vault));
        emit IVault.RateChanged(c, 1e18, 0.5e18);
        withdraw(BITCOIN, 0.6e8);
    }

    // Tokens that answer otherwise.

    function test_deposit_ATokenThatReturnsNothing() public {
        NoReturnToken token = new NoReturnToken();
        uint256 c = listToken(address(token));
        token.mint(alice, 5e6);
        vm.prank(alice);
        token.approve(address(vault), 5e6);
        deposit(c, 5e6);
        assertEq(vault.sharesOf(account, c), 5e18);
        withdraw(c, 5e6);
        assertEq(token.balanceOf(alice), 5e6);
    }

    function test_deposit_RevertIf_TheTokenSaysFalse() public {
        FalseToken token = new FalseToken();
        uint256 c = listToken(address(token));
        token.mint(alice, 1e18);
        vm.expectRevert(
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token))
        );
        deposit(c, 1e18);
    }

    /// @dev One collateral that reverts blocks neither the others, nor cash, nor valuing the account.
    function test_withdraw_WhileAnotherCollateralReverts() public {
        (MoodyToken token, uint256 c) = _moody(18);
        deposit(c, 1e18);
        fundBitcoin(account, 1e8);
        fund(account, 100);
        for (uint8 mood = 1; mood <= 3; ++mood) {
            token.setMood(MoodyToken.Mood(mood));
            withdraw(BITCOIN, 0.1e8);
            withdraw(0, 1e6);
            assertGt(countedE18(account, Purpose.LIQUIDATE), 57_000e18);
            assertGt(countedE18(account, Purpose.PERMIT), 0);
            _expectStuck(c);
        }
        token.setMood(MoodyToken.Mood.FINE);
        withdraw(c, 1e18);
    }

    /// @dev What does not answer counts at the rate last noted.
    function test_rateE18_IsTheNotedOneWhileTheTokenIsSilent() public {
        (MoodyToken token, uint256 c) = _moody(18);
        deposit(c, 1e18);
        token.seize(address(vault), 0.25e18);
        vault.sync(c);
        token.seize(address(vault), 0.25e18);
        assertEq(vault.rateE18(c), 0.5e18);
        token.setMood(MoodyToken.Mood.SILENT);
        assertEq(vault.rateE18(c), 0.75e18);
    }

    function test_withdraw_ToAnotherAddressIf_OneIsBlocked() public {
        (MoodyToken token, uint256 c) = _moody(18);
        deposit(c, 1e18);
        token.block_(alice, true);
        vm.expectRevert(MoodyToken.Refused.selector);
        withdraw(c, 1e18);
        vm.prank(alice);
        vault.withdraw(account, c, 1e18, bob);
        assertEq(token.balanceOf(bob), 1e18);
    }

    /// @dev A gift raises nobody's share and uses up no cap.
    function test_gift_ChangesNothing() public {
        fundBitcoin(account, 999e8);
        bitcoin.mint(address(vault), 500e8);
        usd.mint(address(vault), 500e6);
        assertEq(vault.rateE18(BITCOIN), 1e18);
        fundBitcoin(cross(bob), 1e8);
        assertEq(vault.sharesOf(cross(bob), BITCOIN), 1e18);
        vm.expectPartialRevert(IVault.MoreThanHeld.selector);
        withdraw(0, 1);
    }

    // Re-entrancy.

    function test_deposit_RevertIf_Reentered() public {
        (HookToken token, uint256 c) = _hook();
        uint256 mine = cross(address(this));
        bytes[6] memory calls = [
            abi.encodeCall(IVault.deposit, (mine, c, 1e18)),
            abi.encodeCall(IVault.withdraw, (mine, c, 1e18, address(this))),
            abi.encodeCall(IVault.transfer, (mine, isolated(address(this), 1), c, 1e18)),
            abi.encodeCall(IVault.fundInsurance, (1e6)),
            abi.encodeCall(IVault.sync, (c)),
            abi.encodeCall(IVault.move, (1, 5, 1e18))
        ];
        for (uint256 i; i < calls.length; ++i) {
            _reentry = calls[i];
            vault.deposit(mine, c, 1e18);
            assertEq(
                bytes4(_answer), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector
            );
        }
        assertEq(vault.sharesOf(mine, c), 6e18);
        assertEq(token.balanceOf(address(vault)), 6e18);
    }

    function test_withdraw_RevertIf_Reentered() public {
        (, uint256 c) = _hook();
        uint256 mine = cross(address(this));
        vault.deposit(mine, c, 2e18);
        _reentry = abi.encodeCall(IVault.withdraw, (mine, c, 2e18, address(this)));
        vault.withdraw(mine, c, 1e18, address(this));
        assertEq(bytes4(_answer), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        assertEq(vault.sharesOf(mine, c), 1e18);
    }

    function beforeSend() external {
        _reenter();
    }

    function afterReceive() external {
        _reenter();
    }

    // Decimals.

    function testFuzz_deposit_AndBackInAnyDecimals(uint8 decimals, uint256 amount) public {
        decimals = uint8(bound(decimals, 0, 18));
        amount = bound(amount, 1, 1000 * 10 ** uint256(decimals));
        (FeeToken token, uint256 c) = _fee(decimals, 0);
        deposit(c, amount);
        assertEq(vault.sharesOf(account, c), amount * 10 ** (18 - uint256(decimals)));
        uint256 before = token.balanceOf(alice);
        withdraw(c, type(uint256).max);
        assertEq(token.balanceOf(alice) - before, amount);
        assertEq(token.balanceOf(address(vault)), 0);
    }

    /// @dev Rounding never pays: whatever was lost, taking out in bits gets no more than was there.
    function testFuzz_withdraw_InBitsGetsNoMore(uint256 index, uint256[6] calldata bits) public {
        (RebasingToken token, uint256 c) = _rebasing();
        deposit(c, 10e18);
        _depositAs(bob, address(token), c, 7e18);
        token.rebase(bound(index, 0.1e18, 1e18));
        uint256 worth = _worth(account, c);
        uint256 others = _worth(cross(bob), c);
        uint256 before = token.balanceOf(alice);
        for (uint256 i; i < bits.length; ++i) {
            uint256 left = _worth(account, c);
            if (left > 0) withdraw(c, bound(bits[i], 1, left));
        }
        if (vault.sharesOf(account, c) > 0) withdraw(c, type(uint256).max);
        assertLe(token.balanceOf(alice) - before, worth);
        assertGe(_worth(cross(bob), c) + 1, others);
    }

    function _worth(uint256 account_, uint256 c) private view returns (uint256) {
        uint256 total = vault.totalSharesOf(c);
        if (total == 0) return 0;
        uint256 tokens = held(c);
        return vault.sharesOf(account_, c) * (tokens < total ? tokens : total) / total;
    }

    function _expectStuck(uint256 c) private {
        bytes memory call = abi.encodeCall(IVault.withdraw, (account, c, 1e18, alice));
        vm.prank(alice);
        (bool done,) = address(vault).call{gas: 1_000_000}(call);
        assertFalse(done);
    }

    function _reenter() private {
        if (_reentry.length == 0) return;
        (bool done, bytes memory answer) = address(vault).call(_reentry);
        assertFalse(done);
        _answer = answer;
    }

    function _fee(uint8 decimals, uint256 feeBps) private returns (FeeToken token, uint256 c) {
        token = new FeeToken(decimals, feeBps);
        c = _listed(address(token));
        token.mint(alice, 1e30);
    }

    function _rebasing() private returns (RebasingToken token, uint256 c) {
        token = new RebasingToken(18);
        c = _listed(address(token));
        token.mint(alice, 1e30);
    }

    function _moody(uint8 decimals) private returns (MoodyToken token, uint256 c) {
        token = new MoodyToken(decimals);
        c = _listed(address(token));
        token.mint(alice, 1e30);
    }

    function _hook() private returns (HookToken token, uint256 c) {
        token = new HookToken(18);
        c = _listed(address(token));
        token.mint(address(this), 100e18);
        token.approve(address(vault), type(uint256).max);
        token.hook();
    }

    function _listed(address token) private returns (uint256) {
        vm.prank(alice);
        IERC20(token).approve(address(vault), type(uint256).max);
        return listToken(token);
    }

    function _depositAs(address who, address token, uint256 c, uint256 amount) private {
        RebasingToken(token).mint(who, amount + 10);
        vm.startPrank(who);
        IERC20(token).approve(address(vault), amount);
        vault.deposit(cross(who), c, amount);
        vm.stopPrank();
    }
}
