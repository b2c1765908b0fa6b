// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice How votes are held.
struct VoteSettings {
    /// @dev Between a proposal and the moment that counts for votes.
    uint48 votingDelayS;
    uint32 votingPeriodS;
    /// @dev A quorum reached late leaves at least this time to answer it.
    uint48 lateQuorumExtensionS;
    /// @dev For and abstaining votes together, in percent of all.
    uint256 quorumPercent;
    /// @dev Votes that a proposal needs, in the token's units.
    uint256 proposalThreshold;
}

/// @title IPlumbGovernor
/// @notice What the governor adds to OpenZeppelin's.
interface IPlumbGovernor {
    /// @notice A setting stays within bounds that no vote changes.
    error SettingOutOfRange(uint256 given, uint256 least, uint256 most);
    error TooManyProposals(address proposer, uint256 limit);
    /// @notice A governor keeps its timelock: name another governor instead.
    error TimelockIsFixed();

    /// @notice How many of its proposals are pending or being voted on.
    function liveProposals(address proposer) external view returns (uint256);
}
