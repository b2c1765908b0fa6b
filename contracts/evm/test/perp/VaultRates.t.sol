// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Purpose} from "../../src/perp/interfaces/IVault.sol";
import {PerpFixture} from "./PerpFixture.sol";

/// @notice Of a collateral that lost tokens, a withdrawal leaves everyone valued as before.
contract VaultRatesTest is PerpFixture {
    uint256 private account;
    uint256 private other;

    function setUp() public override {
        super.setUp();
        account = cross(alice);
        other = cross(bob);
        fund(account, 100_000);
        fundEther(account, 10 ether);
        fundEther(other, 1 ether);
        trade(account, ETH, 1e18);
        uint256 lost = ether_.balanceOf(address(vault)) / 2;
        vm.prank(address(vault));
        assertTrue(ether_.transfer(keeper, lost));
        vault.sync(ETHER);
    }

    function test_withdraw_valuesWhatIsLeftAsBefore() public {
        uint256 before = worthOf(other);
        vm.prank(alice);
        vault.withdraw(account, ETHER, 4 ether, alice);
        assertEq(worthOf(other), before);
        vault.sync(ETHER);
        assertEq(worthOf(other), before);
    }

    function test_transfer_valuesWhatIsLeftAsBefore() public {
        uint256 before = worthOf(other);
        vm.prank(alice);
        vault.transfer(account, isolated(alice, 1), ETHER, 8e18);
        assertEq(worthOf(other), before);
    }

    function worthOf(uint256 who) private view returns (uint256 collateralE18) {
        (, collateralE18) = vault.holdings(who, Purpose.PERMIT);
    }
}
