// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILiquidator} from "../../src/perp/interfaces/ILiquidator.sol";
import {Margin} from "../../src/perp/interfaces/IPerpEngine.sol";
import {Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {Module} from "../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {PerpFixture} from "./PerpFixture.sol";

/// @notice Traders, a liquidator who is none of them, and what tests of losses ask about the rows.
abstract contract LiquidatorFixture is PerpFixture {
    address internal carol = makeAddr("carol");
    /// @dev Not the keeper who settles orders, so that what it is paid is for liquidations alone.
    address internal hunter = makeAddr("hunter");
    uint256 internal sink = cross(makeAddr("sink"));

    function setUp() public virtual override {
        super.setUp();
        fund(sink, 1_000_000);
    }

    /// @dev Liquidate on what is stored.
    function liquidate(uint256 account, uint256 market) internal returns (uint256 sizeE18) {
        vm.prank(hunter);
        return liquidator.liquidate(account, market, "");
    }

    function backstop(uint256 account, uint256 market) internal {
        vm.prank(hunter);
        liquidator.backstop(account, market);
    }

    /// @dev Let time pass, with a report at its end, in a later block.
    function passS(uint256 seconds_) internal {
        skipS(seconds_);
        vm.roll(block.number + 1);
        store();
    }

    /// @dev As the test's own module: bring a row's cash to what it shall be; what it had beyond goes to
    /// an account that does nothing else.
    function setRow(uint256 row, uint256 toE18) internal {
        int256 isE18 = vault.cashOf(row);
        if (isE18 > int256(toE18)) giveFrom(sink, row, uint256(isE18) - toE18);
        else giveFrom(row, sink, uint256(int256(toE18) - isE18));
    }

    /// @dev As the test's own module: give a row cash of another.
    function giveFrom(uint256 to, uint256 from, uint256 amountE18) internal {
        vm.prank(owner);
        vault.setModule(address(this), Module.LIQUIDATOR);
        vault.move(from, to, amountE18);
        vm.prank(owner);
        vault.setModule(address(this), Module.POOL);
    }

    function cash(uint256 row) internal view returns (int256) {
        return vault.cashOf(row);
    }

    /// @dev What is left of it is called by nobody.
    function equityOf(uint256 account) internal view returns (int256) {
        return marginFor(account).equityE18;
    }

    function maintenanceOf(uint256 account) internal view returns (int256) {
        return int256(marginFor(account).maintenanceE18);
    }

    function globalValue(uint256 field) internal view returns (uint256) {
        return params.value(Scope.GLOBAL, 0, field);
    }

    function marketValue(uint256 market, uint256 field) internal view returns (uint256) {
        return params.value(Scope.MARKET, market, field);
    }

    function deficitOf(uint256 market) internal view returns (uint256) {
        (uint256 ofLongsE18, uint256 ofShortsE18) = liquidator.deficitOf(market);
        return ofLongsE18 + ofShortsE18;
    }

    /// @dev All rows are the settlement tokens held.
    function assertConserved(uint256[] memory accounts) internal view {
        int256 sumE18;
        for (uint256 row = Accounts.POOL; row <= Accounts.DEFICIT; ++row) {
            sumE18 += cash(row);
        }
        for (uint256 i; i < accounts.length; ++i) {
            sumE18 += cash(accounts[i]);
        }
        assertEq(sumE18, int256(usd.balanceOf(address(vault)) * 1e12), "rows are not the tokens");
    }
}
