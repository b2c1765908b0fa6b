// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle} from "../interfaces/IMarkOracle.sol";

/// @title UpdateLog
/// @notice Gathers the groups an update stores and emits them as one `IMarkOracle.Updated`: an
/// event for each would cost about 1,100 gas a group more.
/// @dev The event's data is built where it is emitted from: slot ‖ 0x40 ‖ length ‖ groups.
library UpdateLog {
    uint256 private constant HEAD_BYTES = 0x60;
    /// @dev group:2 ‖ word:32.
    uint256 private constant GROUP_BYTES = 34;

    /// @notice Take memory for at most `groups` groups.
    /// @return log Where the event is built.
    /// @return tail Where the next group goes.
    function open(uint256 groups) internal pure returns (uint256 log, uint256 tail) {
        assembly ("memory-safe") {
            log := mload(0x40)
            tail := add(log, HEAD_BYTES)
            // Rounded up, and a word more for the zeros behind the groups.
            mstore(0x40, and(add(add(tail, mul(groups, GROUP_BYTES)), 0x3f), not(0x1f)))
        }
    }

    /// @notice Write a group behind the others.
    function append(uint256 tail, uint256 group, uint256 word) internal pure returns (uint256) {
        assembly ("memory-safe") {
            mstore(tail, shl(240, group))
            mstore(add(tail, 2), word)
            tail := add(tail, GROUP_BYTES)
        }
        return tail;
    }

    /// @notice Emit the groups written, and say how many they are.
    function close(uint256 log, uint256 tail, uint256 slot) internal returns (uint256 groups) {
        bytes32 topic = IMarkOracle.Updated.selector;
        assembly ("memory-safe") {
            let length := sub(sub(tail, HEAD_BYTES), log)
            mstore(log, slot)
            mstore(add(log, 0x20), 0x40)
            mstore(add(log, 0x40), length)
            mstore(tail, 0)
            log1(log, add(HEAD_BYTES, and(add(length, 0x1f), not(0x1f))), topic)
            groups := div(length, GROUP_BYTES)
        }
    }
}
