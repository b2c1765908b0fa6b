// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Committee} from "./Committee.sol";
import {EntryFault, IMarkOracle, JumpEnd, JumpRule} from "./interfaces/IMarkOracle.sol";
import {GroupWord} from "./report/GroupWord.sol";
import {MAX_GROUPS} from "./report/Reports.sol";

/// @title JumpHold
/// @notice What is stored of the markets, and how a signed entry is merged into it: off the fast
/// path, entry by entry.
///
/// A price beyond the bound of the last accepted one is stored, as TOO_VOLATILE, and *held*: with
/// each further report it may return to within the bound of the accepted price, which ends the
/// hold; agree with the price stored before it, which counts towards its promotion; or jump again,
/// which starts the count anew. One signed long after the price before agrees with nothing: whoever
/// picks the reports could make a row of errors out of one now and one then. One that its committee
/// doubts is no support: it leaves the count as it is. How long ago the accepted price was signed does not matter, nor
/// that the market had no price in between: otherwise whoever holds updates back could choose when
/// a jump goes unquestioned, and markets come back wrong most often after a halt.
abstract contract JumpHold is IMarkOracle, Committee {
    using GroupWord for uint256;

    /// @dev What an entry has no room for.
    struct Memo {
        /// @dev When the last price was signed (as in a word); known while the market has none.
        uint40 lostPriceMs;
        /// @dev While a jump is held: the last accepted price (as in an entry, never zero), the
        /// time of the first report with the jump, and the reports that have agreed with it.
        uint32 acceptedPrice;
        uint40 heldSinceMs;
        uint16 agreed;
    }

    /// @dev What a number means, and since which epoch. Zero, since an epoch, if it is retired.
    struct Bound {
        bytes28 instrument;
        uint32 fromEpoch;
    }

    uint256 internal constant MAX_MARKETS = MAX_GROUPS * GroupWord.MARKETS;
    uint256 private constant BPS = 10_000;
    /// @dev The least that leaves the fast path out of question: 1 / 2^NEAR_SHIFT, rounded up.
    uint256 private constant LEAST_BOUND_BPS = BPS / 2 ** GroupWord.NEAR_SHIFT + 1;
    uint256 private constant MAX_REPORTS = 255;
    uint256 private constant MAX_HOLD_MS = 1 hours * 1000;
    /// @dev Signed time within which a report may agree, where the rule's own is shorter.
    uint256 private constant MIN_GAP_MS = 1 minutes * 1000;

    /// @dev By group. An array of fixed length, so that a slot needs no hash.
    uint256[MAX_GROUPS] internal _words;
    mapping(uint256 market => Memo) internal _memos;
    mapping(uint256 market => Bound) internal _bound;
    mapping(uint256 market => JumpRule) private _rules;
    JumpRule private _defaultRule = JumpRule({boundBps: 1000, reports: 2, holdMs: 2000});

    /// @inheritdoc IMarkOracle
    function setJumpRule(uint256 market, JumpRule calldata rule) external onlyOwner {
        _requireMarket(market);
        bool isDefault = rule.boundBps == 0 && rule.reports == 0 && rule.holdMs == 0;
        if (!isDefault) _checkRule(rule);
        _rules[market] = rule;
        emit JumpRuleChanged(market, rule);
    }

    /// @inheritdoc IMarkOracle
    function setDefaultJumpRule(JumpRule calldata rule) external onlyOwner {
        _checkRule(rule);
        _defaultRule = rule;
        emit DefaultJumpRuleChanged(rule);
    }

    /// @inheritdoc IMarkOracle
    function jumpRule(uint256 market) public view returns (JumpRule memory rule) {
        _requireMarket(market);
        rule = _rules[market];
        if (rule.reports == 0) rule = _defaultRule;
    }

    /// @inheritdoc IMarkOracle
    function heldJump(uint256 market)
        external
        view
        returns (uint256 acceptedPriceE18, uint64 sinceMs, uint256 agreed)
    {
        _requireMarket(market);
        Memo memory memo = _memos[market];
        if (memo.acceptedPrice == 0) return (0, 0, 0);
        acceptedPriceE18 = uint256(memo.acceptedPrice).priceE18();
        return (acceptedPriceE18, uint64(uint256(memo.heldSinceMs).unixMs()), memo.agreed);
    }

    /// @dev What to store for a signed word: pauses stay, bad entries become MISSING, entries
    /// without a price keep the last one, and jumps are held.
    /// @param outdated The epoch that signed it, if numbers were bound since; 0 if none was.
    function _merge(uint256 group, uint256 old, uint256 signed, uint256 outdated)
        internal
        returns (uint256 word)
    {
        word = (signed.time() << GroupWord.TIME_SHIFT) | (old & GroupWord.PAUSE_MASK);
        for (uint256 i; i < GroupWord.MARKETS; ++i) {
            uint256 market = group * GroupWord.MARKETS + i;
            uint256 entry = signed.entry(i);
            uint256 before = old.entry(i);
            EntryFault fault = _faultOf(market, entry, outdated);
            if (fault != EntryFault.NONE) {
                emit EntryRejected(market, fault, entry);
                entry = GroupWord.MISSING_ENTRY;
            }
            if (entry.priced()) {
                entry = _judge(market, before, entry, signed.time(), old.time());
            } else {
                if (before.priced()) _memos[market].lostPriceMs = uint40(old.time());
                entry = entry.keepPrice(before);
            }
            word |= entry.place(i);
        }
    }

    function _faultOf(uint256 market, uint256 entry, uint256 outdated)
        private
        view
        returns (EntryFault fault)
    {
        fault = entry.fault();
        if (outdated != 0 && fault == EntryFault.NONE && entry.priced()) {
            if (_bound[market].fromEpoch > outdated) return EntryFault.BEFORE_BINDING;
        }
    }

    /// @dev Whether to store a well-formed entry with a price as it is, or as TOO_VOLATILE.
    function _judge(uint256 market, uint256 before, uint256 entry, uint256 timeMs, uint256 beforeMs)
        private
        returns (uint256)
    {
        if (before.price() == 0) return entry;
        Memo memory memo;
        // While a jump is held, nothing is trusted.
        if (!before.trusted()) memo = _memos[market];
        bool held = memo.acceptedPrice != 0;
        if (!held && entry.isNear(before)) return entry;

        JumpRule memory rule = jumpRule(market);
        uint256 accepted = held ? memo.acceptedPrice : before;
        if (_agree(rule, accepted, entry)) {
            if (held) _endHold(market, JumpEnd.RETURNED);
            return entry;
        }
        if (!before.priced()) beforeMs = memo.lostPriceMs;
        if (held && timeMs <= beforeMs + _gapMs(rule) && _agree(rule, before, entry)) {
            if (entry.doubted()) return entry.tooVolatile();
            // No further than it has to: a hold may last for any number of reports.
            if (memo.agreed < rule.reports) ++memo.agreed;
            if (memo.agreed >= rule.reports && timeMs >= uint256(memo.heldSinceMs) + rule.holdMs) {
                _endHold(market, JumpEnd.PROMOTED);
                return entry;
            }
            _memos[market].agreed = memo.agreed;
        } else {
            _memos[market] = Memo(memo.lostPriceMs, accepted.price(), uint40(timeMs), 0);
            emit JumpHeld(market, accepted.priceE18(), entry.priceE18());
        }
        return entry.tooVolatile();
    }

    function _endHold(uint256 market, JumpEnd how) private {
        // All of it: the market has a price again.
        delete _memos[market];
        emit JumpEnded(market, how);
    }

    /// @dev Forget all that is kept of a market's prices beside its entry.
    function _forget(uint256 market) internal {
        if (_memos[market].acceptedPrice != 0) emit JumpEnded(market, JumpEnd.FORGOTTEN);
        delete _memos[market];
    }

    function _agree(JumpRule memory rule, uint256 before, uint256 entry)
        private
        pure
        returns (bool)
    {
        if (rule.boundBps == 0) return true;
        (uint256 a, uint256 b) = (before.priceE18(), entry.priceE18());
        uint256 change = a > b ? a - b : b - a;
        return change * BPS <= a * rule.boundBps;
    }

    /// @dev How long after the price stored before a report may still agree with it.
    function _gapMs(JumpRule memory rule) private pure returns (uint256) {
        return rule.holdMs > MIN_GAP_MS ? rule.holdMs : MIN_GAP_MS;
    }

    function _checkRule(JumpRule calldata rule) private pure {
        bool bounded = rule.boundBps >= LEAST_BOUND_BPS && rule.boundBps <= BPS;
        bool reports = rule.reports >= 1 && rule.reports <= MAX_REPORTS;
        if (!((bounded || rule.boundBps == 0) && reports && rule.holdMs <= MAX_HOLD_MS)) {
            revert JumpRuleOutOfRange(rule);
        }
    }

    function _requireMarket(uint256 market) internal pure {
        if (market >= MAX_MARKETS) revert UnknownMarket(market, MAX_MARKETS);
    }
}
