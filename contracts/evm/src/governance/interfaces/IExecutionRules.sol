// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IExecutionGate} from "./IExecutionGate.sol";

/// @notice A contract whose calls are gated, and by what.
struct Gated {
    address target;
    IExecutionGate gate;
}

/// @notice How long decisions wait, in seconds.
struct Waits {
    /// @dev Below which no delay is ever set, by nobody.
    uint32 floorS;
    /// @dev Of most calls.
    uint32 delayS;
    /// @dev Of calls that change who may do what: at least `delayS`.
    uint32 slowDelayS;
}

/// @title IExecutionRules
/// @notice How long each kind of call waits before governance makes it, and who looks at it then. The
/// same at home (Timelock) and on the other chains (FarGovernor).
interface IExecutionRules {
    event SlowDelayChanged(uint256 fromS, uint256 toS);
    /// @notice Calls of this selector wait for the slow delay from now on, or no longer do.
    event KindChanged(bytes4 indexed selector, bool slow);
    event GateChanged(address indexed target, IExecutionGate gate);

    error OnlySelf(address caller);
    /// @notice Delays stay between the floor and 30 days, are at most halved at once, and the slow one
    /// is never the shorter.
    error DelayOutOfRange(uint256 givenS, uint256 leastS, uint256 mostS);
    /// @notice Calls that change these rules are always slow.
    error AlwaysSlow(bytes4 selector);
    /// @notice It was shortened less than a slow delay ago.
    error ShortenedTooSoon(uint256 nextS);

    /// @notice Make a kind of call slow, or quick again. By governance.
    function setSlow(bytes4 selector, bool slow) external;

    /// @notice Have calls to `target` looked at by `gate`; zero for by nobody. By governance.
    function setGate(address target, IExecutionGate gate) external;

    /// @notice Set the delay of slow calls. By governance.
    function updateSlowDelay(uint256 slowDelayS) external;

    /// @notice Take over a contract whose owner has offered it. By anyone: it commits to nothing.
    function acceptOwnershipOf(address target) external;

    function FLOOR_S() external view returns (uint256);
    function slowDelay() external view returns (uint256);
    function isSlow(bytes4 selector) external view returns (bool);
    function gateOf(address target) external view returns (IExecutionGate);
}
