// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle} from "../interfaces/IMarkOracle.sol";
import {GroupWord} from "../report/GroupWord.sol";
import {MarkWord} from "../report/MarkWord.sol";
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

/// @notice What is kept of a feed: one slot. The instruments are what the numbers mean for good.
struct PythSource {
    bool known;
    bool hasEma;
    uint16 market;
    uint16 emaMarket;
    uint8 decimals;
}

/// @title PythFeeds
/// @notice The half of PythAdapter that reads stored marks: which market a price id is, and what a
/// mark looks like as a price of Pyth.
abstract contract PythFeeds is IPyth, MarkReader {
    using GroupWord for uint256;

    /// @dev Confidences are in 0.1 bps.
    uint256 private constant CONFIDENCE_UNIT = 100_000;

    mapping(bytes32 id => PythSource) private _sources;

    /// @notice Two feeds have the same id, or one has the id 0.
    error BadFeedId(bytes32 id);

    /// @notice The feed was deployed without a market for its moving average.
    error NoEma(bytes32 id);

    constructor(IMarkOracle oracle, ReadPolicy memory policy, PythFeed[] memory feeds)
        MarkReader(oracle, policy)
    {
        for (uint256 i; i < feeds.length; ++i) {
            PythFeed memory feed = feeds[i];
            if (feed.id == 0 || _sources[feed.id].known) revert BadFeedId(feed.id);
            if (feed.decimals > PRICE_DECIMALS) {
                revert TooManyDecimals(feed.decimals, PRICE_DECIMALS);
            }
            _requireInstrument(feed.market, feed.instrument);
            bool hasEma = feed.emaInstrument != 0;
            if (hasEma) _requireInstrument(feed.emaMarket, feed.emaInstrument);
            _sources[feed.id] = PythSource(true, hasEma, feed.market, feed.emaMarket, feed.decimals);
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
        return _stored(_emaOf(id), MAX_AGE_MS);
    }

    /// @inheritdoc IPyth
    function getEmaPriceNoOlderThan(bytes32 id, uint256 age)
        external
        view
        returns (PythStructs.Price memory)
    {
        return _stored(_emaOf(id), _limitMs(age));
    }

    /// @notice What is behind a price id. The instrument of a retired number is zero.
    function feedOf(bytes32 id) external view returns (PythFeed memory feed) {
        PythSource memory source = _sourceOf(id);
        feed = PythFeed(id, 0, 0, source.market, source.emaMarket, source.decimals);
        (feed.instrument,) = ORACLE.instrumentOf(source.market);
        if (source.hasEma) (feed.emaInstrument,) = ORACLE.instrumentOf(source.emaMarket);
    }

    function _sourceOf(bytes32 id) internal view returns (PythSource memory source) {
        source = _sources[id];
        if (!source.known) revert PriceFeedNotFound();
    }

    /// @dev The average of a feed that has one, as if it were the price.
    function _emaOf(PythSource memory source) internal pure returns (PythSource memory) {
        return PythSource(true, false, source.emaMarket, 0, source.decimals);
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

    function _emaOf(bytes32 id) private view returns (PythSource memory source) {
        source = _sourceOf(id);
        if (!source.hasEma) revert NoEma(id);
        return _emaOf(source);
    }

    function _stored(PythSource memory source, uint256 maxAgeMs)
        private
        view
        returns (PythStructs.Price memory price)
    {
        _requireSequencer();
        uint256 word = _wordOf(source.market);
        _requireUnpaused(source.market, word);
        uint256 entry = word.entry(source.market % GroupWord.MARKETS);
        if (entry.price() == 0) revert PriceFeedNotFound();
        _requireUsable(source.market, entry.validity());
        // A price has the time of its group.
        uint256 timeMs = word.time().unixMs();
        if (MarkWord.ageMs(timeMs) > maxAgeMs) revert StalePrice();
        price = _priceOf(entry.priceE18(), entry.confidenceBpsE1(), source.decimals);
        price.publishTime = _pastS(timeMs);
    }

    /// @dev The stricter of what the caller and the policy allow.
    function _limitMs(uint256 ageS) private view returns (uint256) {
        return ageS <= MAX_AGE_MS / 1000 ? ageS * 1000 : MAX_AGE_MS;
    }
}
