// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {DecisionHash} from "./DecisionHash.sol";
import {IDecisionOutbox} from "./interfaces/IDecisionOutbox.sol";
import {Call, Decision} from "./interfaces/IDecisions.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

/// @title DecisionOutbox
/// @notice Numbers and keeps what the home chain decides for each far governor.
contract DecisionOutbox is IDecisionOutbox, Ownable2Step {
    uint256 private constant LEAST_LIFE_S = 1 days;

    address public immutable HOME_GOVERNOR;

    mapping(uint256 chainId => mapping(address target => uint64)) public sent;
    mapping(uint256 chainId => mapping(address target => mapping(uint64 nonce => bytes32))) public
        digestOf;

    /// @param homeGovernor Names the deployment, as in the oracle's SALT.
    /// @param timelock The owner.
    constructor(address homeGovernor, address timelock) Ownable(timelock) {
        HOME_GOVERNOR = homeGovernor;
    }

    /// @inheritdoc IDecisionOutbox
    function send(
        uint256 chainId,
        address target,
        Call[] calldata calls,
        uint32 leadS,
        uint32 lifeS
    ) external onlyOwner returns (uint64 nonce) {
        if (chainId == 0 || chainId == block.chainid) revert NotAFarChain(chainId);
        if (target == address(0)) revert NoTarget();
        if (leadS > DecisionHash.MOST_LEAD_S) {
            revert LeadTooLong(leadS, DecisionHash.MOST_LEAD_S);
        }
        if (lifeS < LEAST_LIFE_S || lifeS > DecisionHash.MOST_LIFE_S) {
            revert LifeOutOfRange(lifeS, LEAST_LIFE_S, DecisionHash.MOST_LIFE_S);
        }
        nonce = ++sent[chainId][target];
        uint256 eta = block.timestamp + leadS;
        Decision memory decision = Decision({
            homeChainId: block.chainid,
            homeGovernor: HOME_GOVERNOR,
            target: target,
            nonce: nonce,
            payloadHash: DecisionHash.payload(calls),
            eta: uint64(eta),
            expiresAt: uint64(eta + lifeS)
        });
        bytes32 digest = DecisionHash.digest(chainId, decision);
        digestOf[chainId][target][nonce] = digest;
        emit DecisionSent(chainId, target, nonce, digest, decision, calls);
    }
}
