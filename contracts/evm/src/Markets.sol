// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {JumpHold} from "./JumpHold.sol";
import {Binding, IMarkOracle} from "./interfaces/IMarkOracle.sol";
import {GroupWord} from "./report/GroupWord.sol";
import {MAX_GROUPS} from "./report/Reports.sol";

/// @title Markets
/// @notice What the owner and the guardian may do to markets. Nothing here stores a price.
abstract contract Markets is JumpHold {
    using GroupWord for uint256;

    /// @dev A bit for each market whose pause is the owner's, 256 to a word.
    mapping(uint256 word => uint256) private _ownersPauses;

    /// @inheritdoc IMarkOracle
    function setCommittee(
        uint32 epoch,
        address[] calldata members,
        uint8 threshold,
        uint64 previousValidUntilS,
        Binding[] calldata bindings
    ) external onlyOwner {
        _startEpoch(epoch, members, threshold, previousValidUntilS);
        bool changed = false;
        for (uint256 i; i < bindings.length; ++i) {
            if (_bind(bindings[i].market, bindings[i].instrument, epoch)) changed = true;
        }
        if (changed && epoch > 1) _outdatePreviousEpoch();
    }

    /// @inheritdoc IMarkOracle
    function instrumentOf(uint256 market)
        external
        view
        returns (bytes32 instrument, uint32 fromEpoch)
    {
        _requireMarket(market);
        Bound storage bound = _bound[market];
        return (bound.instrument, bound.fromEpoch);
    }

    /// @inheritdoc IMarkOracle
    function pauseMarket(uint256 market, string calldata reason) external onlyGuardian {
        _pause(market, reason);
    }

    /// @inheritdoc IMarkOracle
    function unpauseMarket(uint256 market, string calldata reason) external onlyGuardian {
        uint256 group = _groupOf(market);
        if (_words[group] & _pauseBit(market) == 0) return;
        _words[group] &= ~_pauseBit(market);
        uint256 bit = 1 << (market & 0xff);
        if (_ownersPauses[market >> 8] & bit != 0) {
            if (msg.sender != owner()) revert PausedByOwner(market);
            if (_isRetired(market)) revert MarketRetired(market);
            _ownersPauses[market >> 8] &= ~bit;
        }
        emit MarketUnpaused(market, msg.sender, reason);
    }

    /// @inheritdoc IMarkOracle
    function resetTime(uint256 group, uint64 timeMs, string calldata reason) external onlyOwner {
        uint256 old = _words[_requireGroup(group)];
        uint256 storedMs = old.time().unixMs();
        uint256 leastMs = uint256(1).unixMs();
        if (timeMs < leastMs || timeMs >= storedMs) {
            revert ResetOutOfRange(timeMs, leastMs, storedMs);
        }
        uint40 wordMs = uint40(timeMs - uint256(0).unixMs());
        uint256 word = (uint256(wordMs) << GroupWord.TIME_SHIFT) | (old & GroupWord.PAUSE_MASK);
        for (uint256 i; i < GroupWord.MARKETS; ++i) {
            uint256 entry = old.entry(i);
            Memo storage memo = _memos[group * GroupWord.MARKETS + i];
            if (entry.priced()) {
                memo.lostPriceMs = wordMs;
                entry = entry.missing();
            } else if (memo.lostPriceMs > wordMs) {
                memo.lostPriceMs = wordMs;
            }
            if (memo.heldSinceMs > wordMs) memo.heldSinceMs = wordMs;
            word |= entry.place(i);
        }
        _words[group] = word;
        emit GroupTimeReset(group, uint64(storedMs), timeMs, word, reason);
    }

    /// @dev Pause for the caller. Says so where that changes anything.
    function _pause(uint256 market, string memory reason) private {
        uint256 group = _groupOf(market);
        uint256 paused = _words[group] | _pauseBit(market);
        uint256 owners = _ownersPauses[market >> 8];
        if (msg.sender == owner()) owners |= 1 << (market & 0xff);
        if (paused == _words[group] && owners == _ownersPauses[market >> 8]) return;
        (_words[group], _ownersPauses[market >> 8]) = (paused, owners);
        emit MarketPaused(market, msg.sender, reason);
    }

    /// @dev Give a number its one meaning, or retire it.
    /// @return changed False where it means that already.
    function _bind(uint256 market, bytes32 instrument, uint32 epoch)
        private
        returns (bool changed)
    {
        uint256 group = _groupOf(market);
        Bound storage bound = _bound[market];
        if (bytes28(instrument) != instrument) revert InstrumentTooLong(market, instrument);
        if (bytes28(instrument) == bound.instrument) return false;
        if (instrument != 0 && bound.fromEpoch != 0) {
            revert NumberTaken(market, bound.instrument, bound.fromEpoch);
        }
        _words[group] = _words[group].cleared(market % GroupWord.MARKETS);
        _forget(market);
        (bound.instrument, bound.fromEpoch) = (bytes28(instrument), epoch);
        emit MarketBound(market, instrument, epoch);
        if (instrument == 0) _pause(market, "retired");
        return true;
    }

    function _isRetired(uint256 market) private view returns (bool) {
        return _bound[market].fromEpoch != 0 && _bound[market].instrument == 0;
    }

    function _requireGroup(uint256 group) internal pure returns (uint256) {
        if (group >= MAX_GROUPS) revert UnknownGroup(group, MAX_GROUPS);
        return group;
    }

    function _groupOf(uint256 market) internal pure returns (uint256) {
        if (market >= MAX_MARKETS) revert UnknownMarket(market, MAX_MARKETS);
        return market / GroupWord.MARKETS;
    }

    function _pauseBit(uint256 market) internal pure returns (uint256) {
        unchecked {
            return 1 << (GroupWord.PAUSE_SHIFT + market % GroupWord.MARKETS);
        }
    }
}
