// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Accounts
/// @notice How an account is numbered: its owner's address, and below it the number of a
/// sub-account. Sub-account 0 is the owner's cross-margin account and may hold several markets; any
/// other is isolated: it holds one market at most, and nothing of it answers for another.
/// @dev A number without an owner is a row of the protocol's own, which no key can act for.
library Accounts {
    uint256 private constant SUB_BITS = 96;

    /// @dev The liquidity pool: counterparty of every position.
    uint256 internal constant POOL = 1;
    /// @dev Filled by a share of the fees; takes losses after `RESERVE`.
    uint256 internal constant INSURANCE = 2;
    /// @dev Filled by liquidation penalties; takes losses first.
    uint256 internal constant RESERVE = 3;
    /// @dev What pending orders have put down.
    uint256 internal constant ESCROW = 4;
    /// @dev Deposits that wait for the pool to take them in, and redemptions that wait to be claimed.
    uint256 internal constant REQUESTS = 5;
    /// @dev Losses that nobody has borne yet: zero, or below.
    uint256 internal constant DEFICIT = 6;

    function numberOf(address owner, uint96 sub) internal pure returns (uint256 account) {
        return (uint256(uint160(owner)) << SUB_BITS) | sub;
    }

    function ownerOf(uint256 account) internal pure returns (address owner) {
        return address(uint160(account >> SUB_BITS));
    }

    function isIsolated(uint256 account) internal pure returns (bool) {
        return uint96(account) != 0;
    }

    /// @notice Tell whether this is a row of the protocol's own.
    function isSystem(uint256 account) internal pure returns (bool) {
        return account >> SUB_BITS == 0;
    }
}
