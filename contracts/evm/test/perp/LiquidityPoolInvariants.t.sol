// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {LiquidityPoolFixture} from "./LiquidityPoolFixture.sol";
import {LiquidityPoolHandler} from "./LiquidityPoolHandler.sol";

/// @notice What holds of the pool whatever depositors, traders and time do.
contract LiquidityPoolInvariants is LiquidityPoolFixture {
    LiquidityPoolHandler private _handler;

    function setUp() public override {
        super.setUp();
        _handler = new LiquidityPoolHandler(pool, vault, usd);
        targetContract(address(_handler));
    }

    /// @dev What requests can claim is there: in tokens, and in shares.
    function invariant_ClaimsAreCovered() public view {
        (uint256 assets, uint256 shares) = _handler.claims();
        assertLe(assets * 1e12, uint256(vault.cashOf(Accounts.REQUESTS)));
        assertLe(assets, usd.balanceOf(address(vault)));
        assertLe(shares, pool.balanceOf(address(pool)));
        assertEq(vault.claimsE18(address(pool)), uint256(vault.cashOf(Accounts.REQUESTS)));
    }

    /// @dev What came in, less what went out and what traders won, is the pool's and the requests'.
    function invariant_NothingIsMadeOrLost() public view {
        int256 held = vault.cashOf(Accounts.POOL) + vault.cashOf(Accounts.REQUESTS);
        int256 put = (int256(_handler.paidIn()) - int256(_handler.paidOutNow())) * 1e12;
        assertEq(held, put - _handler.wonE18());
    }

    function invariant_NoEpochLowersThePriceOfShares() public view {
        assertEq(_handler.fallsOfPrice(), 0);
    }

    /// @dev The pool never pays out what others owe it.
    function invariant_OtherRowsAreCovered() public view {
        int256 others = int256(usd.balanceOf(address(vault)) * 1e12);
        others -= vault.cashOf(Accounts.REQUESTS);
        assertGe(others, 0);
    }

    /// @dev Every claim can be taken, in the end.
    function afterInvariant() public {
        _handler.claimAll();
        (uint256 assets,) = _handler.claims();
        assertLe(assets * 1e12, uint256(vault.cashOf(Accounts.REQUESTS)));
    }
}
