// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IDecisionSource} from "./IDecisionSource.sol";
import {Call, Decision} from "./IDecisions.sol";
import {IExecutionRules} from "./IExecutionRules.sol";

enum DecisionState {
    /// @dev Not arrived yet.
    UNKNOWN,
    /// @dev Arrived; its time, or its turn, has not come.
    QUEUED,
    /// @dev May be executed.
    READY,
    /// @dev Vetoed or expired: to be skipped when its turn comes.
    VETOED,
    EXPIRED,
    EXECUTED,
    SKIPPED
}

/// @notice A decision as kept here.
struct Arrived {
    bytes32 payloadHash;
    uint64 readyAtS;
    uint64 expiresAtS;
    bool vetoed;
    bool executed;
}

/// @title IFarGovernor
/// @notice Owns a far chain's contracts, and does there what the home chain decided.
///
/// Assumptions:
/// - What its source says was decided at home was. Who can deceive the source (a threshold of
///   attesters, or a bridge) can decide anything here, after the delay, and unless the guardian
///   vetoes it.
/// - Decisions arrive, and are executed, in the order of their nonces, without gaps. One that was
///   vetoed or has expired still takes its turn: it is skipped, by anyone, where it stands.
interface IFarGovernor is IExecutionRules {
    event DecisionReceived(
        uint64 indexed nonce, bytes32 digest, uint256 readyAtS, Decision decision, Call[] calls
    );
    event DecisionExecuted(uint64 indexed nonce);
    event DecisionVetoed(uint64 indexed nonce, address indexed by);
    event DecisionSkipped(uint64 indexed nonce, DecisionState why, address indexed by);
    event SourceChanged(IDecisionSource indexed previous, IDecisionSource indexed current);
    event GuardianChanged(address indexed previous, address indexed current);
    event DelayChanged(uint256 fromS, uint256 toS);

    /// @notice The decision is of another home, or for another far governor.
    error WrongAddress(uint256 homeChainId, address homeGovernor, address target);
    /// @notice Its times are further ahead than the outbox lets them be: it would hold up what follows.
    error TimesOutOfRange(uint256 eta, uint256 mostEta, uint256 expiresAt, uint256 mostExpiresAt);
    error NonceOrder(uint256 given, uint256 next);
    error WrongPayload(bytes32 given, bytes32 expected);
    error NotReady(uint64 nonce, DecisionState state, uint256 readyAtS);
    error NothingToSkip(uint64 nonce, DecisionState state);
    error NotVetoable(uint64 nonce, DecisionState state);
    error NotGuardian(address caller);
    error NoSource();
    error CallFailed(uint256 position, address target, bytes reason);

    /// @notice Take the next decision in. By anyone.
    /// @param proof For the source: signatures, or whatever a bridge's adapter wants.
    function receiveDecision(
        Decision calldata decision,
        Call[] calldata calls,
        bytes calldata proof
    ) external;

    /// @notice Execute the next decision. By anyone, from its time until it expires.
    function execute(uint64 nonce, Call[] calldata calls) external;

    /// @notice Pass over the next decision, which was vetoed or has expired. By anyone.
    function skip(uint64 nonce) external;

    /// @notice Forbid a decision that has arrived. By the guardian.
    function veto(uint64 nonce) external;

    /// @notice By decision only, all three.
    function setSource(IDecisionSource source_) external;
    function setGuardian(address guardian_) external;
    function updateDelay(uint256 newDelay) external;

    /// @notice The last nonce that has arrived, and the last one that was executed or skipped.
    function received() external view returns (uint64);
    function done() external view returns (uint64);
    function stateOf(uint64 nonce) external view returns (DecisionState);
    function decisionOf(uint64 nonce) external view returns (Arrived memory);
    function digestOf(Decision calldata decision) external view returns (bytes32);
    function source() external view returns (IDecisionSource);
    function guardian() external view returns (address);
    function getMinDelay() external view returns (uint256);
    function HOME_CHAIN_ID() external view returns (uint256);
    function HOME_GOVERNOR() external view returns (address);
}
