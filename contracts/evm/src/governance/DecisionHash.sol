// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Call, Decision} from "./interfaces/IDecisions.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title DecisionHash
/// @notice What attesters sign. The type and the domain's name are of decisions alone: no signature
/// over a report is one over a decision, or the other way about.
library DecisionHash {
    /// @dev How far ahead a decision may begin, and from then on expire. Both chains hold to it.
    uint256 internal constant MOST_LEAD_S = 30 days;
    uint256 internal constant MOST_LIFE_S = 180 days;

    bytes32 internal constant DECISION_TYPEHASH = keccak256(
        "Decision(uint256 homeChainId,address homeGovernor,address target,uint64 nonce,bytes32 payloadHash,uint64 eta,uint64 expiresAt)"
    );
    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant NAME_HASH = keccak256("Plumbline governance");
    bytes32 private constant VERSION_HASH = keccak256("1");

    /// @param chainId Of the chain where the decision is to be executed.
    function digest(uint256 chainId, Decision memory decision) internal pure returns (bytes32) {
        bytes32 separator = keccak256(
            abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chainId, decision.target)
        );
        bytes32 structHash = keccak256(abi.encode(DECISION_TYPEHASH, decision));
        return MessageHashUtils.toTypedDataHash(separator, structHash);
    }

    function payload(Call[] calldata calls) internal pure returns (bytes32) {
        return keccak256(abi.encode(calls));
    }
}
