// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle, Mark} from "../interfaces/IMarkOracle.sol";
import {MarkReader, ReadPolicy} from "./MarkReader.sol";
import {IPyth, PythStructs} from "./interfaces/IPyth.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice A price id and what is behind it.
struct PythFeed {
    /// @dev Any number the consumer already uses.
    bytes32 id;
    uint16 market;
    /// @dev The market whose price is served as the moving average: a `.twap` market.
    uint16 emaMarket;
    bool hasEma;
    /// @dev Pyth's exponent, negated: 8 for prices × 10^8.
    uint8 decimals;
}

/// @title PythFeeds
/// @notice The half of PythAdapter that reads stored marks: which market a price id is, and what a
/// mark looks like as a price of Pyth.
abstract contract PythFeeds is IPyth, MarkReader {
    /// @dev Confidences are in 0.1 bps.
    uint256 private constant CONFIDENCE_UNIT = 100_000;

    mapping(bytes32 id => PythFeed) private _feeds;

    /// @notice Two feeds have the same id, or one has the id 0.
    error BadFeedId(bytes32 id);

    /// @notice The feed was deployed without a market for its moving average.
    error NoEma(bytes32 id);

    constructor(IMarkOracle oracle, ReadPolicy memory policy, PythFeed[] memory feeds)
        MarkReader(oracle, policy)
    {
        for (uint256 i; i < feeds.length; ++i) {
            PythFeed memory feed = feeds[i];
            if (feed.id == 0 || _feeds[feed.id].id != 0) revert BadFeedId(feed.id);
            if (feed.decimals > PRICE_DECIMALS) {
                revert TooManyDecimals(feed.decimals, PRICE_DECIMALS);
            }
            oracle.readMark(feed.market);
            if (feed.hasEma) oracle.readMark(feed.emaMarket);
            _feeds[feed.id] = feed;
        }
    }

    /// @inheritdoc IPyth
    function getPriceUnsafe(bytes32 id) external view returns (PythStructs.Price memory) {
        PythFeed memory feed = _feed(id);
        return _stored(feed.market, feed.decimals, MAX_AGE_MS);
    }

    /// @inheritdoc IPyth
    function getPriceNoOlderThan(bytes32 id, uint256 age)
        external
        view
        returns (PythStructs.Price memory)
    {
        PythFeed memory feed = _feed(id);
        return _stored(feed.market, feed.decimals, _limitMs(age));
    }

    /// @inheritdoc IPyth
    function getEmaPriceUnsafe(bytes32 id) external view returns (PythStructs.Price memory) {
        PythFeed memory feed = _feedWithEma(id);
        return _stored(feed.emaMarket, feed.decimals, MAX_AGE_MS);
    }

    /// @inheritdoc IPyth
    function getEmaPriceNoOlderThan(bytes32 id, uint256 age)
        external
        view
        returns (PythStructs.Price memory)
    {
        PythFeed memory feed = _feedWithEma(id);
        return _stored(feed.emaMarket, feed.decimals, _limitMs(age));
    }

    /// @notice What is behind a price id.
    function feedOf(bytes32 id) external view returns (PythFeed memory) {
        return _feed(id);
    }

    function _feed(bytes32 id) internal view returns (PythFeed memory feed) {
        feed = _feeds[id];
        if (feed.id == 0) revert PriceFeedNotFound();
    }

    /// @dev The confidence becomes a half-width in units of the price, rounded up.
    function _priceOf(uint256 priceE18, uint256 confidenceBpsE1, uint256 decimals)
        internal
        pure
        returns (PythStructs.Price memory price)
    {
        uint256 scaled = _scaledDown(priceE18, decimals);
        if (scaled > uint64(type(int64).max)) revert PriceOutOfRange(priceE18, decimals);
        uint256 conf = Math.ceilDiv(scaled * confidenceBpsE1, CONFIDENCE_UNIT);
        price.price = int64(uint64(scaled));
        price.conf = conf < type(uint64).max ? uint64(conf) : type(uint64).max;
        price.expo = -int32(uint32(decimals));
    }

    function _stored(uint256 market, uint256 decimals, uint256 maxAgeMs)
        private
        view
        returns (PythStructs.Price memory price)
    {
        _requireSequencer();
        Mark memory mark = ORACLE.readMark(market);
        if (mark.priceTimeMs == 0) revert PriceFeedNotFound();
        _requireUsable(market, mark.paused, mark.validity);
        if (_ageMs(mark.priceTimeMs) > maxAgeMs) revert StalePrice();
        price = _priceOf(mark.priceE18, mark.confidenceBpsE1, decimals);
        price.publishTime = _pastS(mark.priceTimeMs);
    }

    function _feedWithEma(bytes32 id) private view returns (PythFeed memory feed) {
        feed = _feed(id);
        if (!feed.hasEma) revert NoEma(id);
    }

    /// @dev The stricter of what the caller and the policy allow.
    function _limitMs(uint256 ageS) private view returns (uint256) {
        return ageS < MAX_AGE_MS / 1000 ? ageS * 1000 : MAX_AGE_MS;
    }
}
