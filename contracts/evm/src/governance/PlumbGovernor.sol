// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {VoteBounds} from "./VoteBounds.sol";
import {IPlumbGovernor, VoteSettings} from "./interfaces/IPlumbGovernor.sol";
import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {
    GovernorCountingSimple
} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {
    GovernorPreventLateQuorum
} from "@openzeppelin/contracts/governance/extensions/GovernorPreventLateQuorum.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {
    GovernorTimelockControl
} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {
    GovernorVotesQuorumFraction
} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title PlumbGovernor
/// @notice Votes on what the timelock does.
/// @dev Votes count as they were when voting began, and a proposal's threshold as it was in the second
/// before: what is borrowed for a block votes and proposes nothing. GovernorProposalGuardian is left
/// out, since it could cancel its own removal: vetoes are for what is queued (Guardian).
contract PlumbGovernor is
    VoteBounds,
    GovernorSettings,
    GovernorCountingSimple,
    GovernorVotes,
    GovernorVotesQuorumFraction,
    GovernorPreventLateQuorum,
    GovernorTimelockControl
{
    /// @dev Of one proposer, pending or being voted on.
    uint256 public constant MAX_LIVE_PROPOSALS = 3;

    mapping(address proposer => uint256[]) private _proposalsOf;

    /// @param floors What the settings are never set below.
    constructor(
        IVotes token_,
        TimelockController timelock_,
        VoteSettings memory settings,
        VoteSettings memory floors
    )
        VoteBounds(floors, IERC20(address(token_)).totalSupply())
        Governor("PlumbGovernor")
        GovernorSettings(settings.votingDelayS, settings.votingPeriodS, settings.proposalThreshold)
        GovernorVotes(token_)
        GovernorVotesQuorumFraction(settings.quorumPercent)
        GovernorPreventLateQuorum(settings.lateQuorumExtensionS)
        GovernorTimelockControl(timelock_)
    {}

    function updateTimelock(TimelockController) external pure override {
        revert TimelockIsFixed();
    }

    /// @inheritdoc IPlumbGovernor
    function liveProposals(address proposer) external view returns (uint256 count) {
        uint256[] storage ids = _proposalsOf[proposer];
        for (uint256 i; i < ids.length; ++i) {
            if (_isLive(ids[i])) ++count;
        }
    }

    function state(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (ProposalState)
    {
        return super.state(proposalId);
    }

    function proposalDeadline(uint256 proposalId)
        public
        view
        override(Governor, GovernorPreventLateQuorum)
        returns (uint256)
    {
        return super.proposalDeadline(proposalId);
    }

    function proposalNeedsQueuing(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(proposalId);
    }

    function proposalThreshold()
        public
        view
        override(Governor, GovernorSettings)
        returns (uint256)
    {
        return super.proposalThreshold();
    }

    function _propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description,
        address proposer
    ) internal override returns (uint256 proposalId) {
        uint256[] storage ids = _proposalsOf[proposer];
        uint256 i = 0;
        while (i < ids.length) {
            if (_isLive(ids[i])) {
                ++i;
            } else {
                ids[i] = ids[ids.length - 1];
                ids.pop();
            }
        }
        if (i >= MAX_LIVE_PROPOSALS) revert TooManyProposals(proposer, MAX_LIVE_PROPOSALS);
        proposalId = super._propose(targets, values, calldatas, description, proposer);
        _proposalsOf[proposer].push(proposalId);
    }

    /// @dev Until votes are counted, anyone may cancel a proposal whose proposer has too few votes left:
    /// else one stake, delegated from hand to hand, could propose without end.
    function _validateCancel(uint256 proposalId, address caller)
        internal
        view
        override
        returns (bool)
    {
        if (super._validateCancel(proposalId, caller)) return true;
        uint256 votes = getVotes(proposalProposer(proposalId), clock() - 1);
        return _isLive(proposalId) && votes < proposalThreshold();
    }

    /// @return etaS As the timelock says: calls of a slow kind wait longer than its least delay.
    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48 etaS) {
        super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
        TimelockController lock = TimelockController(payable(timelock()));
        bytes32 salt = bytes20(address(this)) ^ descriptionHash;
        bytes32 id = lock.hashOperationBatch(targets, values, calldatas, 0, salt);
        return uint48(lock.getTimestamp(id));
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _tallyUpdated(uint256 proposalId)
        internal
        override(Governor, GovernorPreventLateQuorum)
    {
        super._tallyUpdated(proposalId);
    }

    function _executor()
        internal
        view
        override(Governor, GovernorTimelockControl)
        returns (address)
    {
        return super._executor();
    }

    function _setVotingDelay(uint48 votingDelayS) internal override {
        _checkVotingDelay(votingDelayS);
        super._setVotingDelay(votingDelayS);
    }

    function _setVotingPeriod(uint32 votingPeriodS) internal override {
        _checkVotingPeriod(votingPeriodS);
        super._setVotingPeriod(votingPeriodS);
    }

    function _setProposalThreshold(uint256 votes) internal override {
        _checkThreshold(votes);
        super._setProposalThreshold(votes);
    }

    function _setLateQuorumVoteExtension(uint48 extensionS) internal override {
        _checkExtension(extensionS);
        super._setLateQuorumVoteExtension(extensionS);
    }

    function _updateQuorumNumerator(uint256 percent) internal override {
        _checkQuorum(percent);
        super._updateQuorumNumerator(percent);
    }

    function _isLive(uint256 proposalId) private view returns (bool) {
        ProposalState now_ = state(proposalId);
        return now_ == ProposalState.Pending || now_ == ProposalState.Active;
    }
}
