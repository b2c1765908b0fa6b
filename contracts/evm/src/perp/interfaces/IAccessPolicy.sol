// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IAccessPolicy
/// @notice Who may open positions, for deployments that must restrict it. Asked when an order that
/// adds risk is committed; never for reducing, liquidating or withdrawing.
interface IAccessPolicy {
    function mayOpen(address owner, uint256 market) external view returns (bool);
}
