// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILiquidityPool} from "../../src/perp/interfaces/ILiquidityPool.sol";
import {IVault} from "../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {TestToken} from "./PerpFixture.sol";
import {CommonBase} from "forge-std/Base.sol";
import {StdUtils} from "forge-std/StdUtils.sol";

/// @notice Five depositors who ask and claim in any order, while traders win and lose.
contract LiquidityPoolHandler is CommonBase, StdUtils {
    uint256 private constant LPS = 5;

    ILiquidityPool private immutable _POOL;
    IVault private immutable _VAULT;
    TestToken private immutable _USD;
    address private immutable _ENGINE;

    /// @dev In the token's units.
    uint256 public paidIn;
    /// @dev What traders won from the pool, × 10^18.
    int256 public wonE18;
    uint256 public processed;
    uint256 public fallsOfPrice;

    constructor(ILiquidityPool pool, IVault vault, TestToken usd) {
        (_POOL, _VAULT, _USD, _ENGINE) = (pool, vault, usd, vault.engine());
    }

    function lpAt(uint256 which) public pure returns (address) {
        return address(uint160(0xabc000 + which % LPS));
    }

    function askDeposit(uint256 which, uint256 amount) external {
        address who = lpAt(which);
        amount = bound(amount, 1, 10 ** bound(amount >> 128, 1, 13));
        _USD.mint(who, amount);
        paidIn += amount;
        vm.startPrank(who);
        _USD.approve(address(_POOL), amount);
        _POOL.requestDeposit(amount, who, who);
        vm.stopPrank();
    }

    function askRedeem(uint256 which, uint256 shares) external {
        address who = lpAt(which);
        uint256 has = _POOL.balanceOf(who);
        if (has == 0) return;
        vm.prank(who);
        _POOL.requestRedeem(bound(shares, 1, has), who, who);
    }

    function claimDeposit(uint256 which, uint256 amount, bool byShares) external {
        address who = lpAt(which);
        amount = bound(amount, 0, byShares ? _POOL.maxMint(who) : _POOL.maxDeposit(who));
        vm.prank(who);
        if (byShares) _POOL.mint(amount, who);
        else _POOL.deposit(amount, who);
    }

    function claimRedemption(uint256 which, uint256 amount, bool byAssets) external {
        address who = lpAt(which);
        amount = bound(amount, 0, byAssets ? _POOL.maxWithdraw(who) : _POOL.maxRedeem(who));
        vm.prank(who);
        if (byAssets) _POOL.withdraw(amount, who, who);
        else _POOL.redeem(amount, who, who);
    }

    function returnUnfilled(uint256 which) external {
        _POOL.returnUnfilled(lpAt(which));
    }

    /// @dev Traders win or lose up to a third of the pool; who loses may owe it.
    function trade(uint256 by, bool win) external {
        int256 cash = _VAULT.cashOf(Accounts.POOL);
        if (cash <= 0) return;
        uint256 amount = bound(by, 0, uint256(cash) / 3);
        uint256 account = Accounts.numberOf(address(uint160(0xdef000 + by % 3)), 0);
        vm.prank(_ENGINE);
        if (win) _VAULT.move(Accounts.POOL, account, amount);
        else _VAULT.move(account, Accounts.POOL, amount);
        wonE18 += win ? int256(amount) : -int256(amount);
    }

    function wait(uint256 forS) external {
        vm.warp(block.timestamp + bound(forS, 1, 2 hours));
    }

    /// @dev Pricing an epoch never takes from who is in the pool already.
    function process() external {
        vm.warp(block.timestamp + 1 hours);
        int256 nav = _POOL.navE18();
        uint256 supply = _POOL.totalSupply();
        try _POOL.process() {
            ++processed;
            uint256 after_ = _POOL.totalSupply();
            int256 navAfter = _POOL.navE18();
            if (supply != 0 && after_ != 0 && navAfter < 0) ++fallsOfPrice;
            if (supply == 0 || after_ == 0 || nav < 0 || navAfter < 0) return;
            uint256 left = uint256(navAfter) * (supply + 1e15);
            uint256 right = uint256(nav) * (after_ + 1e15);
            // Beside rounding, a deposit pays for what nobody owns: a price can only rise.
            if (left + supply + after_ + 2e15 < right) ++fallsOfPrice;
        } catch {}
    }

    /// @dev Take everything out of the requests.
    function claimAll() external {
        for (uint256 i; i < LPS; ++i) {
            address who = lpAt(i);
            vm.startPrank(who);
            _POOL.deposit(_POOL.maxDeposit(who), who);
            _POOL.redeem(_POOL.maxRedeem(who), who, who);
            vm.stopPrank();
        }
    }

    function paidOutNow() external view returns (uint256 sum) {
        for (uint256 i; i < LPS; ++i) {
            sum += _USD.balanceOf(lpAt(i));
        }
    }

    /// @dev What requests say is to be had, and what waits.
    function claims() external view returns (uint256 assets, uint256 shares) {
        uint256 oldest = _POOL.oldestEpoch();
        for (uint256 i; i < LPS; ++i) {
            address who = lpAt(i);
            assets += _POOL.maxWithdraw(who);
            shares += _POOL.maxMint(who);
            for (uint256 id = oldest; id < oldest + 2; ++id) {
                assets += _POOL.pendingDepositRequest(id, who);
                shares += _POOL.pendingRedeemRequest(id, who);
            }
        }
    }
}
