// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice One call that a decision makes.
struct Call {
    address target;
    bytes data;
}

/// @notice What the home chain decided for another chain. Signed as EIP-712 type `Decision` in the
/// domain of that chain and of the far governor there (DecisionHash).
struct Decision {
    uint256 homeChainId;
    /// @dev Names the deployment, as in the oracle's SALT.
    address homeGovernor;
    /// @dev The far governor that obeys it.
    address target;
    /// @dev 1 for the first; each one more than the last.
    uint64 nonce;
    /// @dev Of abi.encode(Call[]).
    bytes32 payloadHash;
    /// @dev Not before, in unix seconds.
    uint64 eta;
    /// @dev Not after.
    uint64 expiresAt;
}
