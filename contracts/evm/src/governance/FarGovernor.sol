// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {DecisionHash} from "./DecisionHash.sol";
import {ExecutionRules} from "./ExecutionRules.sol";
import {IDecisionSource} from "./interfaces/IDecisionSource.sol";
import {Call, Decision} from "./interfaces/IDecisions.sol";
import {Gated, Waits} from "./interfaces/IExecutionRules.sol";
import {Arrived, DecisionState, IFarGovernor} from "./interfaces/IFarGovernor.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

/// @title FarGovernor
/// @notice Executes the home chain's decisions on another chain, in order, after a delay of its own.
contract FarGovernor is ExecutionRules, IFarGovernor, ReentrancyGuard {
    uint256 public immutable HOME_CHAIN_ID;
    address public immutable HOME_GOVERNOR;

    uint64 public received;
    uint64 public done;
    IDecisionSource public source;
    address public guardian;

    mapping(uint64 nonce => Arrived) private _arrived;

    constructor(
        uint256 homeChainId,
        address homeGovernor,
        IDecisionSource source_,
        address guardian_,
        Waits memory waits,
        Gated[] memory gated
    ) ExecutionRules(waits, gated) {
        (HOME_CHAIN_ID, HOME_GOVERNOR) = (homeChainId, homeGovernor);
        emit DelayChanged(0, waits.delayS);
        _setSource(source_);
        _setGuardian(guardian_);
    }

    /// @inheritdoc IFarGovernor
    function receiveDecision(
        Decision calldata decision,
        Call[] calldata calls,
        bytes calldata proof
    ) external {
        if (
            decision.homeChainId != HOME_CHAIN_ID || decision.homeGovernor != HOME_GOVERNOR
                || decision.target != address(this)
        ) {
            revert WrongAddress(decision.homeChainId, decision.homeGovernor, decision.target);
        }
        uint64 nonce = decision.nonce;
        uint256 next = uint256(received) + 1;
        if (nonce != next) revert NonceOrder(nonce, next);
        _requirePayload(calls, decision.payloadHash);
        _requireTimes(decision.eta, decision.expiresAt);
        bytes32 digest = digestOf(decision);
        source.requireDecided(digest, proof);

        uint256 readyAtS = block.timestamp + _longestDelay(calls);
        if (decision.eta > readyAtS) readyAtS = decision.eta;
        received = nonce;
        _arrived[nonce] = Arrived({
            payloadHash: decision.payloadHash,
            readyAtS: uint64(readyAtS),
            expiresAtS: decision.expiresAt,
            vetoed: false,
            executed: false
        });
        emit DecisionReceived(nonce, digest, readyAtS, decision, calls);
    }

    /// @inheritdoc IFarGovernor
    function execute(uint64 nonce, Call[] calldata calls) external nonReentrant {
        DecisionState state = stateOf(nonce);
        Arrived storage arrived = _arrived[nonce];
        if (state != DecisionState.READY) revert NotReady(nonce, state, arrived.readyAtS);
        _requirePayload(calls, arrived.payloadHash);
        arrived.executed = true;
        done = nonce;
        emit DecisionExecuted(nonce);
        for (uint256 i; i < calls.length; ++i) {
            _passGate(calls[i].target, calls[i].data);
            (bool success, bytes memory reason) = calls[i].target.call(calls[i].data);
            if (!success) revert CallFailed(i, calls[i].target, reason);
        }
    }

    /// @inheritdoc IFarGovernor
    function skip(uint64 nonce) external {
        DecisionState why = stateOf(nonce);
        bool isVoid = why == DecisionState.VETOED || why == DecisionState.EXPIRED;
        if (!isVoid || nonce != uint256(done) + 1) revert NothingToSkip(nonce, why);
        done = nonce;
        emit DecisionSkipped(nonce, why, msg.sender);
    }

    /// @inheritdoc IFarGovernor
    function veto(uint64 nonce) external {
        if (msg.sender != guardian) revert NotGuardian(msg.sender);
        DecisionState state = stateOf(nonce);
        if (state != DecisionState.QUEUED && state != DecisionState.READY) {
            revert NotVetoable(nonce, state);
        }
        _arrived[nonce].vetoed = true;
        emit DecisionVetoed(nonce, msg.sender);
    }

    /// @inheritdoc IFarGovernor
    function setSource(IDecisionSource source_) external onlySelf {
        _setSource(source_);
    }

    /// @inheritdoc IFarGovernor
    function setGuardian(address guardian_) external onlySelf {
        _setGuardian(guardian_);
    }

    /// @inheritdoc IFarGovernor
    function updateDelay(uint256 newDelay) external onlySelf {
        emit DelayChanged(_setDelay(newDelay), newDelay);
    }

    /// @inheritdoc IFarGovernor
    function decisionOf(uint64 nonce) external view returns (Arrived memory) {
        return _arrived[nonce];
    }

    /// @inheritdoc IFarGovernor
    function getMinDelay() external view returns (uint256) {
        return _delay();
    }

    /// @inheritdoc IFarGovernor
    function stateOf(uint64 nonce) public view returns (DecisionState) {
        Arrived storage arrived = _arrived[nonce];
        if (arrived.executed) return DecisionState.EXECUTED;
        if (nonce == 0 || nonce > received) return DecisionState.UNKNOWN;
        if (nonce <= done) return DecisionState.SKIPPED;
        if (arrived.vetoed) return DecisionState.VETOED;
        if (block.timestamp > arrived.expiresAtS) return DecisionState.EXPIRED;
        bool isNext = nonce == uint256(done) + 1;
        return
            isNext && block.timestamp >= arrived.readyAtS
                ? DecisionState.READY
                : DecisionState.QUEUED;
    }

    /// @inheritdoc IFarGovernor
    function digestOf(Decision calldata decision) public view returns (bytes32) {
        return DecisionHash.digest(block.chainid, decision);
    }

    function _longestDelay(Call[] calldata calls) private view returns (uint256 longestS) {
        longestS = _delay();
        for (uint256 i; i < calls.length; ++i) {
            uint256 delayS = _delayOf(calls[i].data);
            if (delayS > longestS) longestS = delayS;
        }
    }

    function _setSource(IDecisionSource source_) private {
        if (address(source_) == address(0)) revert NoSource();
        emit SourceChanged(source, source_);
        source = source_;
    }

    function _setGuardian(address guardian_) private {
        emit GuardianChanged(guardian, guardian_);
        guardian = guardian_;
    }

    /// @dev Else one that nobody may veto, a removal of the guardian, could wait here for ever.
    function _requireTimes(uint256 eta, uint256 expiresAt) private view {
        uint256 mostEta = block.timestamp + DecisionHash.MOST_LEAD_S;
        uint256 mostExpiresAt = eta + DecisionHash.MOST_LIFE_S;
        if (eta > mostEta || expiresAt > mostExpiresAt) {
            revert TimesOutOfRange(eta, mostEta, expiresAt, mostExpiresAt);
        }
    }

    function _requirePayload(Call[] calldata calls, bytes32 expected) private pure {
        bytes32 given = DecisionHash.payload(calls);
        if (given != expected) revert WrongPayload(given, expected);
    }

    function _delaySelector() internal pure override returns (bytes4) {
        return IFarGovernor.updateDelay.selector;
    }
}
