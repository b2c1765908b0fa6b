// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IVault} from "../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {TestToken} from "./PerpFixture.sol";
import {FeeToken, MoodyToken, RebasingToken} from "./tokens/HostileTokens.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {CommonBase} from "forge-std/Base.sol";
import {StdUtils} from "forge-std/StdUtils.sol";

/// @notice Three owners with two accounts each, modules that move anything they may, and tokens that
/// take fees, rebase, are stolen and given.
contract VaultHandler is CommonBase, StdUtils {
    uint256 public constant OWNERS = 3;
    uint256 private constant SUBS = 2;

    IVault private immutable _VAULT;
    TestToken private immutable _USD;
    uint256[] private _collaterals;
    address[4] private _modules;

    /// @dev Settlement tokens given to nobody.
    uint256 public gifts;
    uint256 public withdrawn;
    uint256 public moved;

    constructor(
        IVault vault,
        TestToken usd,
        uint256[] memory collaterals,
        address[4] memory modules
    ) {
        (_VAULT, _USD, _collaterals, _modules) = (vault, usd, collaterals, modules);
    }

    function ownerAt(uint256 which) public pure returns (address) {
        return address(uint160(0xabc000 + which % OWNERS));
    }

    function accountAt(uint256 which) public pure returns (uint256) {
        return Accounts.numberOf(ownerAt(which), uint96((which / OWNERS) % SUBS));
    }

    function depositCash(uint256 which, uint256 amount) external {
        amount = bound(amount, 1, 1e13);
        _USD.mint(ownerAt(which), amount);
        vm.startPrank(ownerAt(which));
        _USD.approve(address(_VAULT), amount);
        _VAULT.deposit(accountAt(which), 0, amount);
        vm.stopPrank();
    }

    function deposit(uint256 which, uint256 what, uint256 amount) external {
        uint256 collateral = _pick(what);
        IERC20 token = _VAULT.tokenOf(collateral);
        TestToken(address(token)).mint(ownerAt(which), 1e24);
        vm.startPrank(ownerAt(which));
        token.approve(address(_VAULT), type(uint256).max);
        try _VAULT.deposit(accountAt(which), collateral, bound(amount, 1, 1e20)) {} catch {}
        vm.stopPrank();
    }

    function withdraw(uint256 which, uint256 what, uint256 amount, bool all) external {
        uint256 collateral = what % 4 == 0 ? 0 : _pick(what);
        amount = all ? type(uint256).max : bound(amount, 1, 1e20);
        vm.prank(ownerAt(which));
        try _VAULT.withdraw(accountAt(which), collateral, amount, ownerAt(which)) {
            ++withdrawn;
        } catch {}
    }

    function transfer(uint256 which, uint256 to, uint256 what, uint256 amount) external {
        uint256 collateral = what % 4 == 0 ? 0 : _pick(what);
        vm.prank(ownerAt(which));
        try _VAULT.transfer(accountAt(which), accountAt(to), collateral, bound(amount, 0, 1e30)) {}
            catch {}
    }

    function move(uint256 module, uint256 from, uint256 to, uint256 amount) external {
        vm.prank(_modules[module % 4]);
        try _VAULT.move(_rowAt(from), _rowAt(to), bound(amount, 0, 1e26)) {
            ++moved;
        } catch {}
    }

    function moveCollateral(uint256 from, uint256 to, uint256 what, uint256 amount) external {
        vm.prank(_modules[2]);
        try _VAULT.moveCollateral(_rowAt(from), _rowAt(to), _pick(what), bound(amount, 0, 1e30)) {}
            catch {}
    }

    function payIn(uint256 amount) external {
        amount = bound(amount, 1, 1e13);
        _USD.mint(_modules[3], amount);
        vm.startPrank(_modules[3]);
        _USD.approve(address(_VAULT), amount);
        _VAULT.payIn(amount);
        vm.stopPrank();
    }

    function payOut(uint256 amount) external {
        vm.prank(_modules[3]);
        try _VAULT.payOut(address(0xdead), bound(amount, 1, 1e13)) {} catch {}
    }

    function give(uint256 amount, uint256 what) external {
        amount = bound(amount, 1, 1e13);
        if (what % 4 == 0) {
            _USD.mint(address(_VAULT), amount);
            gifts += amount;
        } else {
            TestToken(address(_VAULT.tokenOf(_pick(what)))).mint(address(_VAULT), amount);
        }
    }

    function disturb(uint256 what, uint256 by) external {
        address token = address(_VAULT.tokenOf(_pick(what)));
        if (what % 3 == 0) FeeToken(token).setFee(bound(by, 0, 500), by % 2 == 0);
        else if (what % 3 == 1) RebasingToken(token).rebase(bound(by, 0.05e18, 2e18));
        else MoodyToken(token).seize(address(_VAULT), _third(token, by));
        _VAULT.sync(_pick(what));
    }

    function _third(address token, uint256 by) private view returns (uint256) {
        return bound(by, 0, IERC20(token).balanceOf(address(_VAULT)) / 3);
    }

    function _pick(uint256 what) private view returns (uint256) {
        return _collaterals[what % 3];
    }

    function _rowAt(uint256 which) private pure returns (uint256) {
        which %= 13;
        return which < 7 ? which : accountAt(which);
    }
}
