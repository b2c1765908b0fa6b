// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AggregatorV3Interface} from "./interfaces/AggregatorV3Interface.sol";

/// @title SequencerGrace
/// @notice Refuses to read while an L2's sequencer is down, and for a time after: users could not
/// answer to what happened meanwhile, and who waited in the L1 queue acts first.
/// @dev Trusts an uptime feed as Chainlink has them: answer 0 is up, and `startedAt` is when the
/// status last changed. Any other answer counts as down.
abstract contract SequencerGrace {
    uint256 internal constant MAX_GRACE_S = 1 days;

    /// @notice The uptime feed; zero on a chain that has no sequencer.
    AggregatorV3Interface public immutable SEQUENCER_FEED;
    uint256 public immutable GRACE_S;

    /// @notice The sequencer is down, or its feed has no status yet.
    error SequencerDown(int256 answer, uint256 sinceS);

    /// @notice The sequencer has not been up for long enough.
    error SequencerGracePeriod(uint256 upForS, uint256 graceS);

    /// @notice A feed needs a grace period of 1 s to 1 day, and no feed none.
    error BadGrace(address feed, uint256 givenS, uint256 limitS);

    constructor(AggregatorV3Interface feed, uint256 graceS) {
        bool none = address(feed) == address(0);
        if (none != (graceS == 0) || graceS > MAX_GRACE_S) {
            revert BadGrace(address(feed), graceS, MAX_GRACE_S);
        }
        (SEQUENCER_FEED, GRACE_S) = (feed, graceS);
    }

    function _requireSequencer() internal view {
        if (address(SEQUENCER_FEED) == address(0)) return;
        (int256 answer, uint256 sinceS, uint256 upForS) = _sequencerStatus();
        if (answer != 0 || sinceS == 0) revert SequencerDown(answer, sinceS);
        if (upForS <= GRACE_S) revert SequencerGracePeriod(upForS, GRACE_S);
    }

    /// @dev Whether the sequencer, where there is one, has been up for longer than the grace.
    function _sequencerUp() internal view returns (bool) {
        if (address(SEQUENCER_FEED) == address(0)) return true;
        (int256 answer, uint256 sinceS, uint256 upForS) = _sequencerStatus();
        return answer == 0 && sinceS != 0 && upForS > GRACE_S;
    }

    function _sequencerStatus()
        private
        view
        returns (int256 answer, uint256 sinceS, uint256 upForS)
    {
        (, answer, sinceS,,) = SEQUENCER_FEED.latestRoundData();
        upForS = block.timestamp > sinceS ? block.timestamp - sinceS : 0;
    }
}
