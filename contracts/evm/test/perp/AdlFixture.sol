// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {WaterfallFixture} from "./WaterfallFixture.sol";

/// @notice A deficit of a market, and who may be deleveraged for it.
abstract contract AdlFixture is WaterfallFixture {
    uint256 internal constant WINDOW_S = 60;

    /// @dev The loser's debt, absorbed by nobody but a pool of one million up to 50,000.
    function makeDeficit() internal returns (uint256 deficitE18) {
        uint256 debtE18 = gap();
        // What the pool still holds of the insurance's fees goes there before anything is measured.
        engine.accrue(BTC);
        setRow(Accounts.RESERVE, 0);
        setRow(Accounts.INSURANCE, 0);
        setRow(Accounts.POOL, 1_000_000e18);
        liquidator.absorb(loser);
        deficitE18 = deficitOf(BTC);
        assertEq(deficitE18, debtE18 - 50_000e18);
    }

    function nominate(uint256 account) internal {
        vm.prank(hunter);
        liquidator.nominate(BTC, account);
    }

    function deleverage() internal {
        vm.prank(hunter);
        liquidator.deleverage(BTC);
    }

    function candidate() internal view returns (uint256 account) {
        (,, account) = liquidator.windowOf(BTC);
    }

    function windowStartS() internal view returns (uint256 startS) {
        (startS,,) = liquidator.windowOf(BTC);
    }

    function assertDeficitsAreTheRow() internal view {
        uint256 sumE18 = deficitOf(BTC) + deficitOf(ETH) + deficitOf(type(uint16).max);
        assertEq(cash(Accounts.DEFICIT), -int256(sumE18), "deficits are not the row");
    }
}
