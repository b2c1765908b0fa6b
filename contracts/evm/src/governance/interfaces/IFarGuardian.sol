// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Call} from "./IDecisions.sol";
import {IGuardian} from "./IGuardian.sol";

/// @title IFarGuardian
/// @notice A guardian beside a far governor.
interface IFarGuardian is IGuardian {
    event Vetoed(uint64 indexed nonce, address indexed by, string reason);

    error WrongCalls(uint64 nonce);

    /// @notice Forbid a decision that has arrived. By the council.
    /// @param calls What it would do, so that the guardian sees what it vetoes.
    function veto(uint64 nonce, Call[] calldata calls, string calldata reason) external;
}
