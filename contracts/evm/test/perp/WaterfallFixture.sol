// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {LiquidatorFixture} from "./LiquidatorFixture.sol";

/// @notice A loser, and winners against him; and what the levels of the waterfall hold.
abstract contract WaterfallFixture is LiquidatorFixture {
    uint256 internal loser;
    uint256 internal winner;

    /// @dev A long of ten bitcoins on 40,000 dollars; against it a short of ten, on 100,000.
    function setUp() public virtual override {
        super.setUp();
        loser = cross(alice);
        winner = cross(bob);
        fund(loser, 40_000);
        fund(winner, 100_000);
        trade(loser, BTC, 10e18);
        trade(winner, BTC, -10e18);
    }

    /// @dev Let the price fall by half at once, and liquidate the loser: a debt of some 260,000.
    function gap() internal returns (uint256 debtE18) {
        moveTo(BTC, 30_000e18);
        liquidate(loser, BTC);
        assertEq(sizeOf(loser, BTC), 0);
        return uint256(-cash(loser));
    }

    function everyone() internal view returns (uint256[] memory accounts) {
        accounts = new uint256[](6);
        (accounts[0], accounts[1], accounts[2]) = (loser, winner, cross(carol));
        accounts[5] = sink;
        (accounts[3], accounts[4]) = (cross(hunter), cross(keeper));
    }

    function levels()
        internal
        view
        returns (int256 reserve, int256 insurance, int256 pool, int256 deficit)
    {
        return (
            cash(Accounts.RESERVE),
            cash(Accounts.INSURANCE),
            cash(Accounts.POOL),
            cash(Accounts.DEFICIT)
        );
    }
}
