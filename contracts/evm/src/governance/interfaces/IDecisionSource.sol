// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IDecisionSource
/// @notice Knows what the home chain decided: by signatures (AttesterSet), or from a canonical bridge,
/// whose adapter keeps the digests that came from the home chain's outbox and takes an empty proof.
interface IDecisionSource {
    /// @notice The home chain is not known to have decided this.
    error NotDecided(bytes32 digest);

    /// @notice Revert unless the home chain decided what hashes to `digest`.
    function requireDecided(bytes32 digest, bytes calldata proof) external view;
}
