// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IGuardian} from "./IGuardian.sol";

/// @title IHomeGuardian
/// @notice A guardian beside a timelock.
interface IHomeGuardian is IGuardian {
    event Vetoed(bytes32 indexed operation, address indexed by, string reason);

    /// @notice Cancel what is queued in the timelock; for good: it needs another vote. By the council.
    /// @dev All of it is given, so that the guardian sees what it vetoes.
    function veto(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata payloads,
        bytes32 predecessor,
        bytes32 salt,
        string calldata reason
    ) external;
}
