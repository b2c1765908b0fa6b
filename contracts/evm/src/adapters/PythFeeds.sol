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
    /// @dev What the market's number must mean, such as "BTC-USD".
    bytes32 instrument;
    /// @dev The same for the market that is served as the moving average, such as
    /// "BTC-USD.twap"; zero for none.
    bytes32 emaInstrument;
    uint16 market;
    uint16 emaMarket;
    /// @dev Pyth's exponent, negated: 8 for prices × 10^8.
    uint8 decimals;
}

/// @notice A market, and how its prices are written.
struct PythSource {
    bytes32 instrument;
    uint16 market;
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
            if (feed.id == 0 || _feeds[feed.id].instrument != 0) revert BadFeedId(feed.id);
            if (feed.decimals > PRICE_DECIMALS) {
                revert TooManyDecimals(feed.decimals, PRICE_DECIMALS);
            }
            _requireInstrument(feed.market, feed.instrument);
            if (feed.emaInstrument != 0) _requireInstrument(feed.emaMarket, feed.emaInstrument);
            _feeds[feed.id] = feed;
        }
    }

    /// @inheritdoc IPyth
    function getPriceUnsafe(bytes32 id) external view returns (PythStructs.Price memory) {
        return _stored(_sourceOf(id), MAX_AGE_MS);
    }

    /// @inheritdoc IPyth
    function getPriceNoOlderThan(bytes32 id, uint256 age)
        external
        view
        returns (PythStructs.Price memory)
    {
        return _stored(_sourceOf(id), _limitMs(age));
    }

    /// @inheritdoc IPyth
    function getEmaPriceUnsafe(bytes32 id) external view returns (PythStructs.Price memory) {
        return _stored(_emaSourceOf(id), MAX_AGE_MS);
    }

    /// @inheritdoc IPyth
    function getEmaPriceNoOlderThan(bytes32 id, uint256 age)
        external
        view
        returns (PythStructs.Price memory)
    {
        return _stored(_emaSourceOf(id), _limitMs(age));
    }

    /// @notice What is behind a price id.
    function feedOf(bytes32 id) public view returns (PythFeed memory feed) {
        feed = _feeds[id];
        if (feed.instrument == 0) revert PriceFeedNotFound();
    }

    function _sourceOf(bytes32 id) internal view returns (PythSource memory source) {
        PythFeed storage feed = _feeds[id];
        source = PythSource(feed.instrument, feed.market, feed.decimals);
        if (source.instrument == 0) revert PriceFeedNotFound();
    }

    /// @dev The confidence becomes a half-width in units of the price. It is wide enough to hold the
    /// interval that was signed, though the price is rounded down.
    function _priceOf(uint256 priceE18, uint256 confidenceBpsE1, uint256 decimals)
        internal
        pure
        returns (PythStructs.Price memory price)
    {
        uint256 scaled = _scaledDown(priceE18, decimals);
        if (scaled > uint64(type(int64).max)) revert PriceOutOfRange(priceE18, decimals);
        uint256 unit = 10 ** (PRICE_DECIMALS - decimals);
        uint256 halfE18 = Math.ceilDiv(priceE18 * confidenceBpsE1, CONFIDENCE_UNIT);
        uint256 conf = Math.ceilDiv(priceE18 - scaled * unit + halfE18, unit);
        price.price = int64(uint64(scaled));
        price.conf = conf < type(uint64).max ? uint64(conf) : type(uint64).max;
        price.expo = -int32(uint32(decimals));
    }

    function _emaSourceOf(bytes32 id) private view returns (PythSource memory source) {
        PythFeed memory feed = feedOf(id);
        if (feed.emaInstrument == 0) revert NoEma(id);
        return PythSource(feed.emaInstrument, feed.emaMarket, feed.decimals);
    }

    function _stored(PythSource memory source, uint256 maxAgeMs)
        private
        view
        returns (PythStructs.Price memory price)
    {
        _requireSequencer();
        _requireInstrument(source.market, source.instrument);
        Mark memory mark = ORACLE.readMark(source.market);
        if (mark.priceTimeMs == 0) revert PriceFeedNotFound();
        _requireUsable(source.market, mark.paused, mark.validity);
        if (_ageMs(mark.priceTimeMs) > maxAgeMs) revert StalePrice();
        price = _priceOf(mark.priceE18, mark.confidenceBpsE1, source.decimals);
        price.publishTime = _pastS(mark.priceTimeMs);
    }

    /// @dev The stricter of what the caller and the policy allow.
    function _limitMs(uint256 ageS) private view returns (uint256) {
        return ageS <= MAX_AGE_MS / 1000 ? ageS * 1000 : MAX_AGE_MS;
    }
}
