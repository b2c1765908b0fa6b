// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IExecutionGate
/// @notice Looks at what governance is about to call, and reverts if it may not be. It can stop calls
/// only: it makes none.
interface IExecutionGate {
    /// @notice A call of `data` to `target` comes next. By who executes decisions.
    function beforeCall(address target, bytes calldata data) external;
}
