// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle, Mark} from "../interfaces/IMarkOracle.sol";
import {ReadPolicy} from "./MarkReader.sol";
import {PythFeed} from "./PythFeeds.sol";
import {PythReports} from "./PythReports.sol";
import {UpdateFee} from "./UpdateFee.sol";
import {IPyth, PythStructs} from "./interfaces/IPyth.sol";

/// @title PythAdapter
/// @notice Markets for consumers of Pyth, by update and read or by parsing alone. The update data
/// are reports, each with as many groups as it likes.
/// @dev What differs from Pyth, always towards refusing: no function hands on a price that is
/// older than the policy allows (`parse…` apart, whose caller names the time), nor one that is
/// paused or below the policy's validity. No `PriceFeedUpdate` is emitted; `MarkOracle.Updated` is.
contract PythAdapter is PythReports, UpdateFee {
    /// @notice Cumulative prices do not exist here.
    error NoTwapUpdates();

    constructor(
        IMarkOracle oracle,
        ReadPolicy memory policy,
        PythFeed[] memory feeds,
        uint256 feeWei,
        address payable collector
    ) PythReports(oracle, policy, feeds) UpdateFee(feeWei, collector) {}

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
        Range memory range = Range(minPublishTime, maxPublishTime, false);
        (priceFeeds,) = _payAndParse(updateData, priceIds, range);
    }

    /// @inheritdoc IPyth
    /// @dev The report taken is the first that was signed after `minPublishTime` began, by the
    /// time of the report before it, in the present epoch: no caller can choose among prices.
    function parsePriceFeedUpdatesUnique(
        bytes[] calldata updateData,
        bytes32[] calldata priceIds,
        uint64 minPublishTime,
        uint64 maxPublishTime
    ) external payable returns (PythStructs.PriceFeed[] memory priceFeeds) {
        Range memory range = Range(minPublishTime, maxPublishTime, true);
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
        Range memory range = Range(minAllowedPublishTime, maxAllowedPublishTime, checkUniqueness);
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
        (priceFeeds, slots) = _parse(updateData, priceIds, range);
        _refund(dueWei);
    }

    function _requireFee(bytes[] calldata updateData) private view returns (uint256 dueWei) {
        dueWei = FEE_WEI * updateData.length;
        if (msg.value < dueWei) revert InsufficientFee();
    }
}
