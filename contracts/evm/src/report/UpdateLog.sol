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
    function open(uint256 groups) internal pure returns (uint256 log) {
        assembly ("memory-safe") {
            log := mload(0x40)
            // Rounded up, and a word more for the zeros behind the groups.
            let size := add(HEAD_BYTES, mul(groups, GROUP_BYTES))
            mstore(0x40, and(add(add(log, size), 0x3f), not(0x1f)))
        }
    }

    /// @notice Write the group that comes after `count` others.
    function append(uint256 log, uint256 count, uint256 group, uint256 word) internal pure {
        assembly ("memory-safe") {
            let at := add(add(log, HEAD_BYTES), mul(count, GROUP_BYTES))
            mstore(at, shl(240, group))
            mstore(add(at, 2), word)
        }
    }

    /// @notice Emit the `count` groups written.
    function close(uint256 log, uint256 count, uint256 slot) internal {
        bytes32 topic = IMarkOracle.Updated.selector;
        assembly ("memory-safe") {
            let length := mul(count, GROUP_BYTES)
            mstore(log, slot)
            mstore(add(log, 0x20), 0x40)
            mstore(add(log, 0x40), length)
            mstore(add(add(log, HEAD_BYTES), length), 0)
            log1(log, add(HEAD_BYTES, and(add(length, 0x1f), not(0x1f))), topic)
        }
    }
}
