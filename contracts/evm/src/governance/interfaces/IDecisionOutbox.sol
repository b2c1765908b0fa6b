// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Call, Decision} from "./IDecisions.sol";

/// @title IDecisionOutbox
/// @notice On the home chain: what was decided there for the others. Attesters sign what it stores at a
/// final block, and nothing else.
interface IDecisionOutbox {
    event DecisionSent(
        uint256 indexed chainId,
        address indexed target,
        uint64 indexed nonce,
        bytes32 digest,
        Decision decision,
        Call[] calls
    );

    error NotAFarChain(uint256 chainId);
    error NoTarget();
    error LifeOutOfRange(uint256 givenS, uint256 leastS, uint256 mostS);
    error LeadTooLong(uint256 givenS, uint256 mostS);

    /// @notice Send a decision to a far chain's governor. By the owner (the timelock).
    /// @param leadS From now until it may be executed there, beside the delay there.
    /// @param lifeS From then until it expires: more than the far chain's slow delay.
    function send(
        uint256 chainId,
        address target,
        Call[] calldata calls,
        uint32 leadS,
        uint32 lifeS
    ) external returns (uint64 nonce);

    /// @notice The last nonce sent there; 0 for none.
    function sent(uint256 chainId, address target) external view returns (uint64);
    /// @notice What attesters sign of a decision; 0 for one never sent.
    function digestOf(uint256 chainId, address target, uint64 nonce) external view returns (bytes32);
    function HOME_GOVERNOR() external view returns (address);
}
