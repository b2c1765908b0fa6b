// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IDecisionSource} from "./IDecisionSource.sol";
import {IExecutionGate} from "./IExecutionGate.sol";

/// @title IAttesterSet
/// @notice Who attests decisions: cold keys, apart from those that sign prices.
///
/// Assumptions:
/// - Fewer than `threshold` of them attest what the home chain's outbox did not send, at a block that
///   is final there.
/// - No contract can see that two addresses are one person's. That no attester is a member of the
///   price committee is checked when either is named; not that their keys lie apart.
interface IAttesterSet is IDecisionSource, IExecutionGate {
    event AttestersChanged(address[] attesters, uint256 threshold);

    error NotOwner(address caller);
    error AttesterCount(uint256 given, uint256 least, uint256 most);
    /// @notice Attesters rise strictly, and are above 0x1f.
    error AttesterOrder(uint256 position, address attester);
    error AttesterThreshold(uint256 given, uint256 least, uint256 most);
    /// @notice This key signs prices.
    error IsCommitteeMember(address attester, uint32 epoch);
    /// @notice This key attests decisions.
    error IsAttester(address member);
    /// @notice Signatures are 65 bytes each.
    error ProofLength(uint256 given);
    error TooFewSignatures(uint256 given, uint256 threshold);
    error NotAnAttester(uint256 position, address signer);
    /// @notice Signatures rise by their signers' addresses.
    error SignatureOrder(uint256 position, address signer);

    /// @notice Replace all attesters. By the far governor: so by a decision that the old ones attested.
    function rotate(address[] calldata attesters_, uint256 threshold_) external;

    function attesters() external view returns (address[] memory);
    function threshold() external view returns (uint256);
    function isAttester(address account) external view returns (bool);
}
