// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Change, Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {IVault, Module, Purpose} from "../../src/perp/interfaces/IVault.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {PerpFixture} from "./PerpFixture.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice The vault of the whole framework, with modules that the test plays.
abstract contract VaultFixture is PerpFixture {
    address internal playedOrders = makeAddr("orders");
    address internal playedLiquidator = makeAddr("liquidator module");
    uint256 internal account;

    function setUp() public virtual override {
        super.setUp();
        vm.startPrank(owner);
        vault.setModule(playedOrders, Module.ORDERS);
        vault.setModule(playedLiquidator, Module.LIQUIDATOR);
        vm.stopPrank();
        account = cross(alice);
    }

    /// @dev List a token as a collateral priced as bitcoin, at 60,000 and with no haircut below a
    /// million but the least.
    function listToken(address token) internal returns (uint256 collateral) {
        vm.startPrank(owner);
        collateral = vault.listCollateral(IERC20(token));
        params.list(Scope.COLLATERAL, collateral, bitcoinDefaults(collateral, BTC_INDEX, BTC_TWAP));
        vm.stopPrank();
    }

    function deposit(uint256 collateral, uint256 amount) internal {
        vm.prank(alice);
        vault.deposit(account, collateral, amount);
    }

    function withdraw(uint256 collateral, uint256 amount) internal {
        vm.prank(alice);
        vault.withdraw(account, collateral, amount, alice);
    }

    function moveAs(address module, uint256 from, uint256 to, uint256 amountE18) internal {
        vm.prank(module);
        vault.move(from, to, amountE18);
    }

    function setState(uint256 collateral, uint256 state) internal {
        vm.prank(owner);
        params.change(one(Scope.COLLATERAL, collateral, Fields.COLLATERAL_STATE, state));
    }

    function countedE18(uint256 account_, Purpose purpose) internal view returns (uint256 counted) {
        (, counted) = vault.holdings(account_, purpose);
    }

    function held(uint256 collateral) internal view returns (uint256) {
        return vault.tokenOf(collateral).balanceOf(address(vault));
    }
}
