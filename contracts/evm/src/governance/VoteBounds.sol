// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPlumbGovernor, VoteSettings} from "./interfaces/IPlumbGovernor.sol";

/// @title VoteBounds
/// @notice Between what the settings of votes stay, whatever is voted: not so low that nobody could
/// answer a proposal, not so high that governance ends.
/// @dev Comes before the contracts that hold the settings, so that their first ones are checked too.
abstract contract VoteBounds is IPlumbGovernor {
    uint256 private constant MOST_DELAY_S = 14 days;
    uint256 private constant MOST_PERIOD_S = 30 days;
    uint256 private constant MOST_QUORUM_PERCENT = 30;
    uint256 private constant MOST_THRESHOLD_PERCENT = 2;

    uint256 public immutable LEAST_VOTING_DELAY_S;
    uint256 public immutable LEAST_VOTING_PERIOD_S;
    uint256 public immutable LEAST_EXTENSION_S;
    uint256 public immutable LEAST_QUORUM_PERCENT;
    uint256 public immutable LEAST_THRESHOLD;
    uint256 public immutable MOST_THRESHOLD;

    constructor(VoteSettings memory floors, uint256 supply) {
        _requireRange(floors.votingDelayS, 1, MOST_DELAY_S);
        _requireRange(floors.votingPeriodS, 1, MOST_PERIOD_S);
        _requireRange(floors.lateQuorumExtensionS, 1, MOST_DELAY_S);
        _requireRange(floors.quorumPercent, 1, MOST_QUORUM_PERCENT);
        MOST_THRESHOLD = supply * MOST_THRESHOLD_PERCENT / 100;
        _requireRange(floors.proposalThreshold, 1, MOST_THRESHOLD);
        LEAST_VOTING_DELAY_S = floors.votingDelayS;
        LEAST_VOTING_PERIOD_S = floors.votingPeriodS;
        LEAST_EXTENSION_S = floors.lateQuorumExtensionS;
        LEAST_QUORUM_PERCENT = floors.quorumPercent;
        LEAST_THRESHOLD = floors.proposalThreshold;
    }

    function _checkVotingDelay(uint256 givenS) internal view {
        _requireRange(givenS, LEAST_VOTING_DELAY_S, MOST_DELAY_S);
    }

    function _checkVotingPeriod(uint256 givenS) internal view {
        _requireRange(givenS, LEAST_VOTING_PERIOD_S, MOST_PERIOD_S);
    }

    function _checkExtension(uint256 givenS) internal view {
        _requireRange(givenS, LEAST_EXTENSION_S, MOST_DELAY_S);
    }

    function _checkQuorum(uint256 givenPercent) internal view {
        _requireRange(givenPercent, LEAST_QUORUM_PERCENT, MOST_QUORUM_PERCENT);
    }

    function _checkThreshold(uint256 given) internal view {
        _requireRange(given, LEAST_THRESHOLD, MOST_THRESHOLD);
    }

    function _requireRange(uint256 given, uint256 least, uint256 most) private pure {
        if (given < least || given > most) revert SettingOutOfRange(given, least, most);
    }
}
