// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SequencerGrace} from "../adapters/SequencerGrace.sol";
import {AggregatorV3Interface} from "../adapters/interfaces/AggregatorV3Interface.sol";
import {IMarkOracle, Validity} from "../interfaces/IMarkOracle.sol";
import {GroupWord} from "../report/GroupWord.sol";
import {MarkWord} from "../report/MarkWord.sol";
import {IPerpEngine} from "./interfaces/IPerpEngine.sol";
import {IRiskParameters} from "./interfaces/IRiskParameters.sol";
import {Action, Fields, GlobalRisk} from "./lib/Fields.sol";

enum Sequencer {
    NOT_ASKED,
    UP,
    DOWN
}

/// @notice What this call has read so far, so that it reads each group once.
struct Marks {
    Sequencer sequencer;
    uint256 count;
    uint256[16] groups;
    uint256[16] words;
}

/// @title MarkGate
/// @notice Whether a stored mark may be used for an action, and its price: the one place where
/// validity, table, age, pause and the sequencer's grace come together.
abstract contract MarkGate is SequencerGrace {
    using Fields for GlobalRisk;
    using GroupWord for uint256;

    uint256 private constant CACHED = 16;

    IMarkOracle public immutable ORACLE;
    IRiskParameters public immutable RISK;

    constructor(
        IMarkOracle oracle,
        IRiskParameters risk,
        AggregatorV3Interface sequencerFeed,
        uint256 graceS
    ) SequencerGrace(sequencerFeed, graceS) {
        (ORACLE, RISK) = (oracle, risk);
    }

    /// @dev The stored word of the market's group.
    function _wordOf(Marks memory marks, uint256 market) internal view returns (uint256 word) {
        uint256 group = market / GroupWord.MARKETS;
        uint256 count = marks.count;
        for (uint256 i; i < count; ++i) {
            if (marks.groups[i] == group) return marks.words[i];
        }
        word = ORACLE.groupWord(group);
        if (count < CACHED) {
            (marks.groups[count], marks.words[count]) = (group, word);
            marks.count = count + 1;
        }
    }

    /// @dev The market's entry as stored, whatever may be done with it.
    function _entryOf(Marks memory marks, uint256 market) internal view returns (uint256 entry) {
        return _wordOf(marks, market).entry(market % GroupWord.MARKETS);
    }

    /// @dev Whether the stored mark may be used for `action`.
    /// @return usable False too if there is no price, or the sequencer is down or in its grace.
    /// @return priceE18 The last price there was, usable or not; 0 for none.
    function _priceIf(
        Marks memory marks,
        GlobalRisk memory global,
        uint256 market,
        uint256 maxAgeMs,
        Action action
    ) internal view returns (bool usable, uint256 priceE18) {
        uint256 word = _wordOf(marks, market);
        uint256 position = market % GroupWord.MARKETS;
        uint256 entry = word.entry(position);
        priceE18 = entry.priceE18();
        usable = priceE18 != 0 && entry.priced() && !word.isPaused(position)
            && global.allows(uint256(entry.validity()), action)
            && MarkWord.ageMs(word.time().unixMs()) <= maxAgeMs && _isSequencerUp(marks);
    }

    /// @dev The stored mark's price, or revert.
    function _requirePrice(
        Marks memory marks,
        GlobalRisk memory global,
        uint256 market,
        uint256 maxAgeMs,
        Action action
    ) internal view returns (uint256 priceE18) {
        bool usable;
        (usable, priceE18) = _priceIf(marks, global, market, maxAgeMs, action);
        if (!usable) _refuse(marks, market, action);
    }

    /// @dev Revert if the market is paused, or the sequencer is down or in its grace: for prices that
    /// come in a report, whose validity and time the caller has judged.
    function _requireRunning(Marks memory marks, uint256 market, Action action) internal view {
        bool paused = _wordOf(marks, market).isPaused(market % GroupWord.MARKETS);
        if (paused || !_isSequencerUp(marks)) _refuse(marks, market, action);
    }

    /// @dev Whether the sequencer has been up for longer than the grace.
    function _isSequencerUp(Marks memory marks) internal view returns (bool) {
        if (marks.sequencer == Sequencer.NOT_ASKED) {
            marks.sequencer = _sequencerUp() ? Sequencer.UP : Sequencer.DOWN;
        }
        return marks.sequencer == Sequencer.UP;
    }

    /// @dev Revert, saying why a mark was not usable.
    function _refuse(Marks memory marks, uint256 market, Action action) private view {
        if (!_isSequencerUp(marks)) _requireSequencer();
        uint256 word = _wordOf(marks, market);
        Validity validity = word.entry(market % GroupWord.MARKETS).validity();
        uint256 ageMs = MarkWord.ageMs(word.time().unixMs());
        revert IPerpEngine.NotAllowed(market, action, validity, ageMs);
    }
}
