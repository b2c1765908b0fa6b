// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IVault, Module} from "../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {TestToken} from "./PerpFixture.sol";
import {VaultFixture} from "./VaultFixture.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice Who may move what between which rows, and what accounts owe.
contract VaultLedger is VaultFixture {
    address private _stranger = makeAddr("stranger");

    // Rights.

    /// @dev Every pair of rows, for every module: just what the interface's table says.
    function test_move_OnlyBetweenTheModulesOwnRows() public {
        uint256[8] memory rows = [account, cross(bob), 1, 2, 3, 4, 5, 6];
        for (uint8 role = 1; role <= 4; ++role) {
            for (uint256 i; i < rows.length; ++i) {
                for (uint256 j; j < rows.length; ++j) {
                    _checkMove(Module(role), rows[i], rows[j]);
                }
            }
        }
    }

    function test_move_RevertIf_NoModule() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.NotAModule.selector, _stranger, Module.NONE));
        moveAs(_stranger, account, cross(_stranger), 1);
    }

    function test_move_RevertIf_TheRowIsNobodys() public {
        for (uint256 row; row < 9; row += row == 0 ? 7 : 1) {
            vm.expectRevert(
                abi.encodeWithSelector(IVault.NotItsRows.selector, Module.LIQUIDATOR, row, 1)
            );
            moveAs(playedLiquidator, row, Accounts.POOL, 0);
        }
    }

    function test_moveCollateral_RevertIf_NotTheLiquidator() public {
        fundEther(account, 1e18);
        address[4] memory others = [playedOrders, address(engine), address(this), alice];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IVault.NotAModule.selector, others[i], Module.LIQUIDATOR)
            );
            vm.prank(others[i]);
            vault.moveCollateral(account, cross(bob), ETHER, 1e18);
        }
    }

    function test_moveCollateral_RevertIf_NotItsRows() public {
        fundEther(account, 1e18);
        vm.expectRevert(
            abi.encodeWithSelector(IVault.NotItsRows.selector, Module.LIQUIDATOR, account, 4)
        );
        vm.prank(playedLiquidator);
        vault.moveCollateral(account, Accounts.ESCROW, ETHER, 1e18);
    }

    function test_moveCollateral_RevertIf_MoreThanHeld() public {
        fundEther(account, 1e18);
        vm.expectRevert(
            abi.encodeWithSelector(
                IVault.MoreThanHeld.selector, account, ETHER, uint256(1e18 + 1), uint256(1e18)
            )
        );
        vm.prank(playedLiquidator);
        vault.moveCollateral(account, cross(bob), ETHER, 1e18 + 1);
    }

    function test_moveCollateral_TellsWhoHoldsWhat() public {
        fundEther(account, 1e18);
        vm.startPrank(playedLiquidator);
        vault.moveCollateral(account, cross(bob), ETHER, 0.4e18);
        assertEq(vault.heldBy(account), 1 << ETHER);
        vm.expectEmit(address(vault));
        emit IVault.CollateralMoved(account, cross(bob), ETHER, 0.6e18);
        vault.moveCollateral(account, cross(bob), ETHER, 0.6e18);
        vm.stopPrank();
        assertEq(vault.heldBy(account), 0);
        assertEq(vault.heldBy(cross(bob)), 1 << ETHER);
        assertEq(vault.totalSharesOf(ETHER), 1e18);
    }

    function test_payIn_RevertIf_NotThePool() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.NotAModule.selector, alice, Module.POOL));
        vm.prank(alice);
        vault.payIn(1);
    }

    /// @dev Nobody can spend what another brought; a pool that was replaced still pays.
    function test_payOut_OnlyOfWhatIsTheCallers() public {
        _payIn(100e6);
        vm.expectRevert(
            abi.encodeWithSelector(
                IVault.MoreThanHeld.selector, Accounts.REQUESTS, 0, uint256(1e12), uint256(0)
            )
        );
        vm.prank(_stranger);
        vault.payOut(_stranger, 1);
        vm.startPrank(owner);
        vault.setModule(address(this), Module.NONE);
        vault.setModule(_stranger, Module.POOL);
        vm.stopPrank();
        vm.expectPartialRevert(IVault.MoreThanHeld.selector);
        moveAs(_stranger, Accounts.REQUESTS, Accounts.POOL, 1);
        vault.payOut(bob, 100e6);
        assertEq(usd.balanceOf(bob), 100e6);
        assertEq(vault.cashOf(Accounts.REQUESTS), 0);
        vm.expectPartialRevert(IVault.NotAModule.selector);
        vault.payIn(1);
    }

    // What is free.

    function testFuzz_move_RevertIf_NotFree(uint256 debt, uint256 deficit, uint256 amount) public {
        debt = bound(debt, 0, 8_000_000e18);
        deficit = bound(deficit, 0, 8_000_000e18);
        amount = bound(amount, 0, 25_000_000e18);
        moveAs(address(engine), account, Accounts.POOL, debt);
        moveAs(playedLiquidator, Accounts.DEFICIT, Accounts.POOL, deficit);
        // What came to the pool is owed, not held: as much as before is free.
        bool free = amount <= POOL_USD * 1e18;
        if (!free) {
            vm.expectRevert(
                abi.encodeWithSelector(IVault.NotFree.selector, amount, POOL_USD * 1e18)
            );
        }
        vault.move(Accounts.POOL, Accounts.REQUESTS, amount);
        if (free) vault.payOut(bob, amount / 1e12);
        _assertCovered();
    }

    function test_withdraw_RevertIf_OnlyWhatWaitsForThePoolIsLeft() public {
        _payIn(1000e6);
        // The pool owes more than it has: alice has won what others owe.
        moveAs(address(engine), Accounts.POOL, account, (POOL_USD + INSURANCE_USD + 500) * 1e18);
        uint256 amount = (POOL_USD + INSURANCE_USD) * 1e6;
        vm.expectRevert(
            abi.encodeWithSelector(IVault.NotFree.selector, (amount + 1) * 1e12, amount * 1e12)
        );
        withdraw(0, amount + 1);
        withdraw(0, amount);
        vault.payOut(bob, 1000e6);
        assertEq(usd.balanceOf(address(vault)), 0);
    }

    // Debt.

    function test_totalDebtE18_FollowsAccounts() public {
        fund(account, 100);
        moveAs(playedLiquidator, account, Accounts.POOL, 150e18);
        assertEq(vault.totalDebtE18(), 50e18);
        assertEq(vault.cashOf(account), -50e18);
        moveAs(playedLiquidator, cross(bob), Accounts.POOL, 7e18);
        assertEq(vault.totalDebtE18(), 57e18);
        moveAs(playedLiquidator, Accounts.RESERVE, account, 0);
        moveAs(playedLiquidator, Accounts.INSURANCE, account, 20e18);
        assertEq(vault.totalDebtE18(), 37e18);
        fund(account, 100);
        assertEq(vault.totalDebtE18(), 7e18);
        assertEq(vault.cashOf(account), 70e18);
    }

    function test_totalDebtE18_LeavesOutTheProtocolsRows() public {
        moveAs(playedLiquidator, Accounts.DEFICIT, account, 10e18);
        moveAs(address(engine), Accounts.POOL, account, 2 * POOL_USD * 1e18);
        assertEq(vault.totalDebtE18(), 0);
        assertLt(vault.cashOf(Accounts.POOL), 0);
        assertEq(vault.cashOf(Accounts.DEFICIT), -10e18);
    }

    function test_move_RevertIf_ARowThatCannotOwe() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IVault.MoreThanHeld.selector,
                Accounts.INSURANCE,
                0,
                INSURANCE_USD * 1e18 + 1,
                INSURANCE_USD * 1e18
            )
        );
        moveAs(playedLiquidator, Accounts.INSURANCE, account, INSURANCE_USD * 1e18 + 1);
        vm.expectPartialRevert(IVault.MoreThanHeld.selector);
        moveAs(playedLiquidator, Accounts.RESERVE, account, 1);
        vm.expectPartialRevert(IVault.MoreThanHeld.selector);
        moveAs(playedOrders, Accounts.ESCROW, account, 1);
    }

    /// @dev The sum of rows is the tokens held, whatever is moved, in amounts of any size.
    function testFuzz_move_KeepsTheSum(uint256 seed, uint256[12] calldata amounts) public {
        fund(account, 1_000_000);
        uint256[6] memory rows =
            [account, cross(bob), Accounts.POOL, Accounts.INSURANCE, Accounts.RESERVE, 6];
        for (uint256 i; i < amounts.length; ++i) {
            uint256 from = rows[seed % 6];
            uint256 to = rows[(seed >> 8) % 6];
            seed = uint256(keccak256(abi.encode(seed)));
            vm.prank(playedLiquidator);
            try vault.move(from, to, bound(amounts[i], 0, 1e40)) {} catch {}
        }
        _assertCovered();
    }

    function test_move_RevertIf_BeyondWhatARowCanSay() public {
        vm.expectRevert();
        moveAs(playedLiquidator, account, Accounts.POOL, 1 << 191);
        vm.expectRevert();
        moveAs(playedLiquidator, account, Accounts.POOL, 1 << 255);
    }

    // Governance.

    function test_setModule_RevertIf_NotTheOwner() public {
        vm.expectRevert(
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, guardian)
        );
        vm.prank(guardian);
        vault.setModule(guardian, Module.ORDERS);
    }

    function test_setModule_RevertIf_ZeroAddress() public {
        vm.expectRevert(IVault.ZeroAddress.selector);
        vm.prank(owner);
        vault.setModule(address(0), Module.ORDERS);
    }

    function test_setModule_RevertIf_ThereIsAnEngine() public {
        vm.startPrank(owner);
        vm.expectRevert(
            abi.encodeWithSelector(IVault.RoleTaken.selector, Module.ENGINE, address(engine))
        );
        vault.setModule(_stranger, Module.ENGINE);
        for (uint8 role; role <= 4; ++role) {
            if (role == uint8(Module.ENGINE)) continue;
            vm.expectRevert(
                abi.encodeWithSelector(IVault.RoleTaken.selector, Module.ENGINE, address(engine))
            );
            vault.setModule(address(engine), Module(role));
        }
        vault.setModule(address(engine), Module.ENGINE);
        assertEq(vault.engine(), address(engine));
    }

    function test_setModule_OnePoolAtATime() public {
        vm.startPrank(owner);
        vm.expectRevert(
            abi.encodeWithSelector(IVault.RoleTaken.selector, Module.POOL, address(this))
        );
        vault.setModule(_stranger, Module.POOL);
        vault.setModule(address(this), Module.NONE);
        assertEq(vault.pool(), address(0));
        vm.expectEmit(address(vault));
        emit IVault.ModuleChanged(_stranger, Module.NONE, Module.POOL);
        vault.setModule(_stranger, Module.POOL);
        assertEq(vault.pool(), _stranger);
    }

    function test_setModule_TakesARoleAway() public {
        vm.prank(owner);
        vault.setModule(playedOrders, Module.NONE);
        vm.expectPartialRevert(IVault.NotAModule.selector);
        moveAs(playedOrders, account, Accounts.ESCROW, 0);
    }

    function test_listCollateral_RevertIf_NotTheOwner() public {
        TestToken token = new TestToken("X", 18);
        vm.expectPartialRevert(Ownable.OwnableUnauthorizedAccount.selector);
        vm.prank(alice);
        vault.listCollateral(IERC20(address(token)));
    }

    function test_listCollateral_RevertIf_NotToBeTaken() public {
        address[4] memory bad =
            [address(usd), address(bitcoin), _stranger, address(new TestToken("X", 19))];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IVault.BadToken.selector, bad[i]));
            vm.prank(owner);
            vault.listCollateral(IERC20(bad[i]));
        }
    }

    function test_listCollateral_RevertIf_TooMany() public {
        vm.startPrank(owner);
        for (uint256 i = 3; i <= 63; ++i) {
            assertEq(vault.listCollateral(IERC20(address(new TestToken("X", 18)))), i);
        }
        TestToken last = new TestToken("X", 18);
        vm.expectRevert(abi.encodeWithSelector(IVault.TooManyListed.selector, uint256(63)));
        vault.listCollateral(IERC20(address(last)));
    }

    function test_tokenOf_RevertIf_Unknown() public {
        assertEq(address(vault.tokenOf(0)), address(usd));
        vm.expectRevert(abi.encodeWithSelector(IVault.UnknownCollateral.selector, uint256(3)));
        vault.tokenOf(3);
        vm.expectRevert(abi.encodeWithSelector(IVault.UnknownCollateral.selector, uint256(0)));
        vault.rateE18(0);
        vm.expectRevert(abi.encodeWithSelector(IVault.UnknownCollateral.selector, uint256(3)));
        vault.sync(3);
    }

    function _checkMove(Module role, uint256 from, uint256 to) private {
        address[5] memory players =
            [address(0), address(engine), playedOrders, playedLiquidator, address(this)];
        bool may = _may(role, from, to);
        if (!may) {
            vm.expectRevert(abi.encodeWithSelector(IVault.NotItsRows.selector, role, from, to));
        }
        moveAs(players[uint8(role)], from, to, 0);
    }

    /// @dev The table again, in its own words.
    function _may(Module role, uint256 from, uint256 to) private pure returns (bool) {
        bool a = from > 6;
        bool b = to > 6;
        if (role == Module.ENGINE) return (a && to == 1) || (from == 1 && (b || to == 2));
        if (role == Module.ORDERS) {
            return (a && to == 4) || (from == 4 && (b || to == 1 || to == 2 || to == 3));
        }
        if (role == Module.POOL) return (from == 1 && to == 5) || (from == 5 && to == 1);
        return from != 4 && from != 5 && to != 4 && to != 5;
    }

    function _payIn(uint256 amount) private {
        usd.mint(address(this), amount);
        vault.payIn(amount);
    }

    function _assertCovered() private view {
        int256 sum = vault.cashOf(account) + vault.cashOf(cross(bob));
        for (uint256 row = 1; row <= 6; ++row) {
            sum += vault.cashOf(row);
        }
        assertEq(sum, int256(usd.balanceOf(address(vault)) * 1e12));
        int256 owed;
        if (vault.cashOf(account) < 0) owed -= vault.cashOf(account);
        if (vault.cashOf(cross(bob)) < 0) owed -= vault.cashOf(cross(bob));
        assertEq(int256(vault.totalDebtE18()), owed);
    }
}
