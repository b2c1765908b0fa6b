// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Binding, IMarkOracle} from "../interfaces/IMarkOracle.sol";
import {IAttesterSet} from "./interfaces/IAttesterSet.sol";
import {IDecisionSource} from "./interfaces/IDecisionSource.sol";
import {IExecutionGate} from "./interfaces/IExecutionGate.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title AttesterSet
/// @notice A decision is the home chain's if a threshold of attesters signed it.
contract AttesterSet is IAttesterSet {
    uint256 private constant MIN_ATTESTERS = 3;
    uint256 private constant MAX_ATTESTERS = 32;
    uint256 private constant SIGNATURE_BYTES = 65;
    /// @dev As of the committee: none below can have a key.
    address private constant LAST_WITHOUT_KEY = address(0x1f);

    address public immutable OWNER;
    IMarkOracle public immutable ORACLE;

    address[] private _attesters;
    uint256 public threshold;
    mapping(address account => bool) public isAttester;

    /// @param owner The far governor.
    constructor(
        address owner,
        IMarkOracle oracle,
        address[] memory attesters_,
        uint256 threshold_
    ) {
        (OWNER, ORACLE) = (owner, oracle);
        _set(attesters_, threshold_);
    }

    /// @inheritdoc IAttesterSet
    function rotate(address[] calldata attesters_, uint256 threshold_) external {
        if (msg.sender != OWNER) revert NotOwner(msg.sender);
        _set(attesters_, threshold_);
    }

    /// @inheritdoc IExecutionGate
    /// @dev Of the oracle: no attester is to become a member of the price committee.
    function beforeCall(address target, bytes calldata data) external view {
        if (target != address(ORACLE) || bytes4(data) != IMarkOracle.setCommittee.selector) return;
        (, address[] memory members,,,) =
            abi.decode(data[4:], (uint32, address[], uint8, uint64, Binding[]));
        for (uint256 i; i < members.length; ++i) {
            if (isAttester[members[i]]) revert IsAttester(members[i]);
        }
    }

    /// @inheritdoc IDecisionSource
    /// @param proof Signatures, 65 bytes each (r ‖ s ‖ v), by rising address of their signers.
    function requireDecided(bytes32 digest, bytes calldata proof) external view {
        if (proof.length % SIGNATURE_BYTES != 0) revert ProofLength(proof.length);
        uint256 count = proof.length / SIGNATURE_BYTES;
        if (count < threshold) revert TooFewSignatures(count, threshold);
        address previous = address(0);
        for (uint256 i; i < count; ++i) {
            uint256 at = i * SIGNATURE_BYTES;
            // Reverts for what nobody could have signed, and for a malleable s.
            address signer = ECDSA.recover(digest, proof[at:at + SIGNATURE_BYTES]);
            if (signer <= previous) revert SignatureOrder(i, signer);
            if (!isAttester[signer]) revert NotAnAttester(i, signer);
            previous = signer;
        }
    }

    /// @inheritdoc IAttesterSet
    function attesters() external view returns (address[] memory) {
        return _attesters;
    }

    function _set(address[] memory attesters_, uint256 threshold_) private {
        _check(attesters_, threshold_);
        _requireNoMember(attesters_);
        address[] memory previous = _attesters;
        for (uint256 i; i < previous.length; ++i) {
            isAttester[previous[i]] = false;
        }
        for (uint256 i; i < attesters_.length; ++i) {
            isAttester[attesters_[i]] = true;
        }
        (_attesters, threshold) = (attesters_, threshold_);
        emit AttestersChanged(attesters_, threshold_);
    }

    /// @dev With a third of them at fault, any two quorums still share an honest one.
    function _check(address[] memory attesters_, uint256 threshold_) private pure {
        uint256 size = attesters_.length;
        if (size < MIN_ATTESTERS || size > MAX_ATTESTERS) {
            revert AttesterCount(size, MIN_ATTESTERS, MAX_ATTESTERS);
        }
        uint256 least = (size + (size - 1) / 3) / 2 + 1;
        if (threshold_ < least || threshold_ > size) {
            revert AttesterThreshold(threshold_, least, size);
        }
        address previous = LAST_WITHOUT_KEY;
        for (uint256 i; i < size; ++i) {
            if (attesters_[i] <= previous) revert AttesterOrder(i, attesters_[i]);
            previous = attesters_[i];
        }
    }

    /// @dev Neither of the current epoch nor of the one in overlap; whoever is revoked there included.
    function _requireNoMember(address[] memory attesters_) private view {
        uint32 epoch = ORACLE.currentEpoch();
        for (uint32 back; back < 2 && back < epoch; ++back) {
            (address[] memory members,, uint64 untilS) = ORACLE.committee(epoch - back);
            if (untilS < block.timestamp) continue;
            for (uint256 i; i < attesters_.length; ++i) {
                for (uint256 j; j < members.length; ++j) {
                    if (attesters_[i] == members[j]) {
                        revert IsCommitteeMember(members[j], epoch - back);
                    }
                }
            }
        }
    }
}
