// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EntryFault, IMarkOracle, Leaf, Mark, Validity} from "../interfaces/IMarkOracle.sol";
import {GroupWord} from "../report/GroupWord.sol";
import {ReadPolicy} from "./MarkReader.sol";
import {PythFeed, PythFeeds, PythSource} from "./PythFeeds.sol";
import {UpdateFee} from "./UpdateFee.sol";
import {IPyth, PythStructs} from "./interfaces/IPyth.sol";

/// @title PythAdapter
/// @notice Markets for consumers of Pyth, by update and read or by parsing alone. The update data
/// are reports, each with as many groups as it likes.
/// @dev What differs from Pyth, always towards refusing: no function hands on a price that is
/// older than the policy allows (`parse…` apart, whose caller names the time), nor one that is
/// paused or below the policy's validity. No `PriceFeedUpdate` is emitted; `MarkOracle.Updated` is.
contract PythAdapter is PythFeeds, UpdateFee {
    using GroupWord for uint256;

    struct Signed {
        uint32 epoch;
        Leaf[] leaves;
    }

    struct Range {
        uint256 fromMs;
        uint256 toS;
        bool first;
    }

    /// @notice The report was signed while the market's number meant something else.
    error EpochBeforeInstrument(uint256 market, uint256 epoch, uint256 fromEpoch);

    /// @notice Cumulative prices do not exist here.
    error NoTwapUpdates();

    constructor(
        IMarkOracle oracle,
        ReadPolicy memory policy,
        PythFeed[] memory feeds,
        uint256 feeWei,
        address payable collector
    ) PythFeeds(oracle, policy, feeds) UpdateFee(feeWei, collector) {}

    /// @inheritdoc IPyth
    function updatePriceFeeds(bytes[] calldata updateData) external payable {
        uint256 dueWei = _requireFee(updateData);
        _store(updateData);
        _refund(dueWei);
    }

    /// @inheritdoc IPyth
    function updatePriceFeedsIfNecessary(
        bytes[] calldata updateData,
        bytes32[] calldata priceIds,
        uint64[] calldata publishTimes
    ) external payable {
        if (priceIds.length != publishTimes.length) {
            revert InvalidArgument();
        }
        uint256 dueWei = _requireFee(updateData);
        bool necessary;
        for (uint256 i; i < priceIds.length && !necessary; ++i) {
            Mark memory mark = ORACLE.readMark(_sourceOf(priceIds[i]).market);
            necessary = mark.priceTimeMs / 1000 < publishTimes[i];
        }
        if (!necessary) revert NoFreshUpdate();
        _store(updateData);
        _refund(dueWei);
    }

    /// @inheritdoc IPyth
    function parsePriceFeedUpdates(
        bytes[] calldata updateData,
        bytes32[] calldata priceIds,
        uint64 minPublishTime,
        uint64 maxPublishTime
    ) external payable returns (PythStructs.PriceFeed[] memory priceFeeds) {
        Range memory range = Range(uint256(minPublishTime) * 1000, maxPublishTime, false);
        (priceFeeds,) = _payAndParse(updateData, priceIds, range);
    }

    /// @inheritdoc IPyth
    /// @dev The report taken is the first that was signed after `minPublishTime` began, by the
    /// time of the report before it: no caller can choose among prices.
    function parsePriceFeedUpdatesUnique(
        bytes[] calldata updateData,
        bytes32[] calldata priceIds,
        uint64 minPublishTime,
        uint64 maxPublishTime
    ) external payable returns (PythStructs.PriceFeed[] memory priceFeeds) {
        Range memory range = Range(uint256(minPublishTime) * 1000, maxPublishTime, true);
        (priceFeeds,) = _payAndParse(updateData, priceIds, range);
    }

    /// @inheritdoc IPyth
    /// @dev Update data are minimal if each of their groups has one of the markets asked for.
    /// `slots` are those of the reports.
    function parsePriceFeedUpdatesWithConfig(
        bytes[] calldata updateData,
        bytes32[] calldata priceIds,
        uint64 minAllowedPublishTime,
        uint64 maxAllowedPublishTime,
        bool checkUniqueness,
        bool checkUpdateDataIsMinimal,
        bool storeUpdatesIfFresh
    ) external payable returns (PythStructs.PriceFeed[] memory priceFeeds, uint64[] memory slots) {
        if (checkUpdateDataIsMinimal) _requireMinimal(updateData, priceIds);
        if (storeUpdatesIfFresh) _store(updateData);
        Range memory range =
            Range(uint256(minAllowedPublishTime) * 1000, maxAllowedPublishTime, checkUniqueness);
        return _payAndParse(updateData, priceIds, range);
    }

    /// @inheritdoc IPyth
    function parseTwapPriceFeedUpdates(bytes[] calldata, bytes32[] calldata)
        external
        payable
        returns (PythStructs.TwapPriceFeed[] memory)
    {
        revert NoTwapUpdates();
    }

    /// @inheritdoc IPyth
    function getUpdateFee(bytes[] calldata updateData) external view returns (uint256 feeAmount) {
        return FEE_WEI * updateData.length;
    }

    /// @inheritdoc IPyth
    function getTwapUpdateFee(bytes[] calldata) external pure returns (uint256) {
        revert NoTwapUpdates();
    }

    function _store(bytes[] calldata updateData) private {
        for (uint256 i; i < updateData.length; ++i) {
            ORACLE.update(updateData[i]);
        }
    }

    function _payAndParse(
        bytes[] calldata updateData,
        bytes32[] calldata priceIds,
        Range memory range
    ) private returns (PythStructs.PriceFeed[] memory priceFeeds, uint64[] memory slots) {
        uint256 dueWei = _requireFee(updateData);
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
        _refund(dueWei);
    }

    /// @dev Fill `found` from a report, if that carries the feed's group within the range.
    function _parseInto(
        PythStructs.PriceFeed memory found,
        Signed memory signed,
        bytes32 id,
        Range memory range
    ) private view returns (bool inRange) {
        PythFeed memory feed = feedOf(id);
        PythSource memory source = PythSource(feed.instrument, feed.market, feed.decimals);
        (inRange, found.price) = _signedPrice(signed, source, range);
        if (!inRange) return false;
        found.id = id;
        if (feed.emaInstrument == 0) return true;
        source = PythSource(feed.emaInstrument, feed.emaMarket, feed.decimals);
        bool emaInRange;
        (emaInRange, found.emaPrice) = _signedPrice(signed, source, range);
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
            if (timeMs < range.fromMs || timeMs / 1000 > range.toS) break;
            if (range.first && !_isFirst(leaf.prevMs, range.fromMs)) break;

            uint32 fromEpoch = _requireInstrument(source.market, source.instrument);
            if (signed.epoch < fromEpoch) {
                revert EpochBeforeInstrument(source.market, signed.epoch, fromEpoch);
            }
            uint256 entry = leaf.word.entry(source.market % GroupWord.MARKETS);
            bool bad = entry.fault() != EntryFault.NONE;
            Validity validity = bad ? Validity.MISSING : entry.validity();
            _requireUsable(source.market, ORACLE.readMark(source.market).paused, validity);
            price = _priceOf(entry.priceE18(), entry.confidenceBpsE1(), source.decimals);
            price.publishTime = timeMs / 1000;
            return (true, price);
        }
    }

    function _isFirst(uint256 prevMs, uint256 fromMs) private pure returns (bool) {
        return prevMs != 0 && prevMs.unixMs() < fromMs;
    }

    function _requireFee(bytes[] calldata updateData) private view returns (uint256 dueWei) {
        dueWei = FEE_WEI * updateData.length;
        if (msg.value < dueWei) revert InsufficientFee();
    }

    function _requireMinimal(bytes[] calldata updateData, bytes32[] calldata priceIds)
        private
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
            PythFeed memory feed = feedOf(priceIds[i]);
            if (feed.market / GroupWord.MARKETS == group) return true;
            if (feed.emaInstrument != 0 && feed.emaMarket / GroupWord.MARKETS == group) {
                return true;
            }
        }
        return false;
    }
}
