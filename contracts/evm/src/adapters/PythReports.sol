// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EntryFault, IMarkOracle, Leaf, Validity} from "../interfaces/IMarkOracle.sol";
import {GroupWord} from "../report/GroupWord.sol";
import {ReadPolicy} from "./MarkReader.sol";
import {PythFeed, PythFeeds, PythSource} from "./PythFeeds.sol";
import {PythStructs} from "./interfaces/IPyth.sol";

/// @title PythReports
/// @notice The half of PythAdapter that takes prices from reports without storing them.
abstract contract PythReports is PythFeeds {
    using GroupWord for uint256;

    struct Signed {
        uint32 epoch;
        Leaf[] leaves;
    }

    struct Range {
        /// @dev Both ends are whole seconds, and belong to it.
        uint256 fromS;
        uint256 toS;
        /// @dev Only the first report after the range begins.
        bool first;
    }

    /// @notice The report was signed before the market's number meant the instrument.
    error EpochBeforeInstrument(uint256 market, uint256 epoch, uint256 fromEpoch);

    /// @notice The report is the first after a time in the chain of a committee whose epoch has ended;
    /// the present one has its own.
    error EpochNotCurrent(uint256 epoch, uint256 current);

    constructor(IMarkOracle oracle, ReadPolicy memory policy, PythFeed[] memory feeds)
        PythFeeds(oracle, policy, feeds)
    {}

    /// @dev For each id, the price in the first report that carries it within the range, and that
    /// report's slot.
    function _parse(bytes[] calldata updateData, bytes32[] calldata priceIds, Range memory range)
        internal
        view
        returns (PythStructs.PriceFeed[] memory priceFeeds, uint64[] memory slots)
    {
        _requireSequencer();
        priceFeeds = new PythStructs.PriceFeed[](priceIds.length);
        slots = new uint64[](priceIds.length);
        for (uint256 r; r < updateData.length; ++r) {
            (uint32 epoch, uint64 slot,, Leaf[] memory leaves) = ORACLE.verify(updateData[r]);
            Signed memory signed = Signed(epoch, leaves);
            for (uint256 i; i < priceIds.length; ++i) {
                if (priceFeeds[i].id == 0 && _parseInto(priceFeeds[i], signed, priceIds[i], range))
                {
                    slots[i] = slot;
                }
            }
        }
        for (uint256 i; i < priceIds.length; ++i) {
            if (priceFeeds[i].id == 0) revert PriceFeedNotFoundWithinRange();
        }
    }

    /// @dev Revert if a report has a group that none of the ids asks for.
    function _requireMinimal(bytes[] calldata updateData, bytes32[] calldata priceIds)
        internal
        view
    {
        for (uint256 r; r < updateData.length; ++r) {
            (,,, Leaf[] memory leaves) = ORACLE.verify(updateData[r]);
            for (uint256 i; i < leaves.length; ++i) {
                if (!_isAskedFor(leaves[i].group, priceIds)) revert InvalidArgument();
            }
        }
    }

    function _isAskedFor(uint256 group, bytes32[] calldata priceIds) private view returns (bool) {
        for (uint256 i; i < priceIds.length; ++i) {
            PythSource memory source = _sourceOf(priceIds[i]);
            if (source.market / GroupWord.MARKETS == group) return true;
            if (source.hasEma && source.emaMarket / GroupWord.MARKETS == group) return true;
        }
        return false;
    }

    /// @dev Fill `found` from a report, if that carries the feed's group within the range.
    function _parseInto(
        PythStructs.PriceFeed memory found,
        Signed memory signed,
        bytes32 id,
        Range memory range
    ) private view returns (bool inRange) {
        PythSource memory source = _sourceOf(id);
        (inRange, found.price) = _signedPrice(signed, source, range);
        if (!inRange) return false;
        found.id = id;
        if (!source.hasEma) return true;
        bool emaInRange;
        (emaInRange, found.emaPrice) = _signedPrice(signed, _emaOf(source), range);
        if (!emaInRange) revert PriceFeedNotFoundWithinRange();
    }

    /// @dev The market's price in a report, if that carries its group within the range. Reverts
    /// if the price there is not usable: another report must not stand in for it.
    function _signedPrice(Signed memory signed, PythSource memory source, Range memory range)
        private
        view
        returns (bool inRange, PythStructs.Price memory price)
    {
        for (uint256 i; i < signed.leaves.length; ++i) {
            Leaf memory leaf = signed.leaves[i];
            if (leaf.group != source.market / GroupWord.MARKETS) continue;
            uint256 timeMs = leaf.word.time().unixMs();
            if (!_isIn(range, timeMs, leaf.prevMs)) break;
            if (range.first) _requireCurrent(signed.epoch);

            (, uint32 fromEpoch) = ORACLE.instrumentOf(source.market);
            if (signed.epoch < fromEpoch) {
                revert EpochBeforeInstrument(source.market, signed.epoch, fromEpoch);
            }
            uint256 entry = leaf.word.entry(source.market % GroupWord.MARKETS);
            bool bad = entry.fault() != EntryFault.NONE;
            Validity validity = bad ? Validity.MISSING : entry.validity();
            _requireUnpaused(source.market, _wordOf(source.market));
            _requireUsable(source.market, validity);
            price = _priceOf(entry.priceE18(), entry.confidenceBpsE1(), source.decimals);
            price.publishTime = _pastS(timeMs);
            return (true, price);
        }
    }

    function _isIn(Range memory range, uint256 timeMs, uint256 prevMs) private pure returns (bool) {
        if (timeMs / 1000 < range.fromS || timeMs / 1000 > range.toS) return false;
        return !range.first || (prevMs != 0 && prevMs.unixMs() / 1000 < range.fromS);
    }

    /// @dev While the epoch before is still valid, its committee and the present one each have a chain
    /// of reports, so that each has a first after a time.
    function _requireCurrent(uint256 epoch) private view {
        uint256 current = ORACLE.currentEpoch();
        if (epoch != current) revert EpochNotCurrent(epoch, current);
    }
}
