// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle, Validity} from "../interfaces/IMarkOracle.sol";
import {GroupWord} from "./GroupWord.sol";

/// @title MarkWord
/// @notice The strict read of one market from its group's word.
library MarkWord {
    using GroupWord for uint256;

    /// @notice Take a price to act on out of the market's group's word, or revert.
    function priceNoOlderNorWorse(uint256 word, uint256 market, uint256 maxAgeMs, Validity least)
        internal
        view
        returns (uint256 priceE18, uint256 priceTimeMs)
    {
        uint256 position = market % GroupWord.MARKETS;
        if (word.isPaused(position)) revert IMarkOracle.Paused(market);
        uint256 entry = word.entry(position);
        Validity validity = entry.validity();
        if (validity < least || !entry.priced()) {
            revert IMarkOracle.ValidityTooLow(market, validity, least);
        }
        // A price has the time of its group.
        priceTimeMs = word.time().unixMs();
        uint256 age = ageMs(priceTimeMs);
        if (age > maxAgeMs) revert IMarkOracle.TooOld(market, age, maxAgeMs);
        return (entry.priceE18(), priceTimeMs);
    }

    /// @notice Age of a unix time in ms against the block's; 0 for one slightly ahead of it.
    function ageMs(uint256 unixMs) internal view returns (uint256) {
        unchecked {
            uint256 nowMs = block.timestamp * 1000;
            return nowMs > unixMs ? nowMs - unixMs : 0;
        }
    }
}
