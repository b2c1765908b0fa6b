// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {VaultFixture} from "./VaultFixture.sol";
import {VaultHandler} from "./VaultHandler.sol";
import {FeeToken, MoodyToken, RebasingToken} from "./tokens/HostileTokens.sol";

/// @notice What holds of the ledger whatever owners, modules and tokens do.
contract VaultInvariants is VaultFixture {
    VaultHandler private _handler;
    uint256[] private _listed;

    function setUp() public override {
        super.setUp();
        _listed.push(listToken(address(new FeeToken(18, 100))));
        _listed.push(listToken(address(new RebasingToken(18))));
        _listed.push(listToken(address(new MoodyToken(6))));
        address[4] memory modules = [address(engine), playedOrders, playedLiquidator, address(this)];
        _handler = new VaultHandler(vault, usd, _listed, modules);
        targetContract(address(_handler));
    }

    /// @dev The sum of all rows is the settlement tokens held, to the unit.
    function invariant_SumOfRowsIsTheTokensHeld() public view {
        int256 sum;
        for (uint256 row = 1; row <= 6; ++row) {
            sum += vault.cashOf(row);
        }
        for (uint256 i; i < 6; ++i) {
            sum += vault.cashOf(_handler.accountAt(i));
        }
        uint256 tokens = usd.balanceOf(address(vault)) - _handler.gifts();
        assertEq(sum, int256(tokens * 1e12));
    }

    function invariant_TotalDebtIsWhatAccountsOwe() public view {
        int256 owed;
        for (uint256 i; i < 6; ++i) {
            int256 cash = vault.cashOf(_handler.accountAt(i));
            if (cash < 0) owed -= cash;
        }
        assertEq(int256(vault.totalDebtE18()), owed);
    }

    /// @dev Only accounts, the pool and the deficit owe; what waits for the pool is always there.
    function invariant_RowsThatCannotOwe() public view {
        assertGe(vault.cashOf(Accounts.INSURANCE), 0);
        assertGe(vault.cashOf(Accounts.RESERVE), 0);
        assertGe(vault.cashOf(Accounts.ESCROW), 0);
        assertGe(vault.cashOf(Accounts.REQUESTS), 0);
        assertEq(vault.claimsE18(address(this)), uint256(vault.cashOf(Accounts.REQUESTS)));
        assertGe(usd.balanceOf(address(vault)) * 1e12, uint256(vault.cashOf(Accounts.REQUESTS)));
    }

    /// @dev Shares add up, the bit map says who has any, and they are worth no more than is held.
    function invariant_SharesAreCovered() public view {
        for (uint256 i; i < _listed.length; ++i) {
            uint256 c = _listed[i];
            uint256 sum;
            for (uint256 row; row <= 6; ++row) {
                sum += _sharesOf(row, c);
            }
            for (uint256 j; j < 6; ++j) {
                sum += _sharesOf(_handler.accountAt(j), c);
            }
            assertEq(sum, vault.totalSharesOf(c));
            uint256 scale = c == _listed[2] ? 1e12 : 1;
            assertLe(sum * vault.rateE18(c) / 1e18, held(c) * scale);
            assertLe(vault.rateE18(c), 1e18);
        }
    }

    function _sharesOf(uint256 account_, uint256 c) private view returns (uint256 shares) {
        shares = vault.sharesOf(account_, c);
        assertEq((vault.heldBy(account_) >> c) & 1, shares == 0 ? 0 : 1);
    }
}
