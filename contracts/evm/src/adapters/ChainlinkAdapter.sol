// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle} from "../interfaces/IMarkOracle.sol";
import {MarkReader, ReadPolicy} from "./MarkReader.sol";
import {
    AggregatorInterface,
    AggregatorV2V3Interface
} from "./interfaces/AggregatorV2V3Interface.sol";
import {AggregatorV3Interface} from "./interfaces/AggregatorV3Interface.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title ChainlinkAdapter
/// @notice One market for consumers of Chainlink's data feeds. Each read is safe by itself, also
/// `latestAnswer`, which says no time: what it returns is fresh and valid by the adapter's policy, or
/// it reverts.
/// @dev A round is a price: its number is the price's time in unix ms, so that it rises with each.
contract ChainlinkAdapter is AggregatorV2V3Interface, MarkReader {
    uint256 public immutable MARKET;
    bytes32 public immutable INSTRUMENT;

    /// @inheritdoc AggregatorV3Interface
    uint8 public immutable decimals;

    /// @inheritdoc AggregatorV3Interface
    uint256 public constant version = 1;

    /// @inheritdoc AggregatorV3Interface
    string public description;

    /// @notice There is no history: only the latest round can be read.
    error NoRoundHistory(uint256 roundId);

    /// @param instrument What the market's number must mean, such as "BTC-USD".
    /// @param decimals_ Decimals of answers, up to 18.
    /// @param description_ Such as "BTC / USD".
    constructor(
        IMarkOracle oracle,
        uint256 market,
        bytes32 instrument,
        ReadPolicy memory policy,
        uint8 decimals_,
        string memory description_
    ) MarkReader(oracle, policy) {
        if (decimals_ > PRICE_DECIMALS) {
            revert TooManyDecimals(decimals_, PRICE_DECIMALS);
        }
        (MARKET, INSTRUMENT, decimals) = (market, instrument, decimals_);
        description = description_;
        _requireInstrument(market, instrument);
    }

    /// @inheritdoc AggregatorV3Interface
    function latestRoundData()
        external
        view
        returns (
            uint80 roundId,
            int256 answer,
            uint256 startedAt,
            uint256 updatedAt,
            uint80 answeredInRound
        )
    {
        uint256 timeMs;
        (answer, timeMs) = _latest();
        roundId = SafeCast.toUint80(timeMs);
        updatedAt = _pastS(timeMs);
        return (roundId, answer, updatedAt, updatedAt, roundId);
    }

    /// @inheritdoc AggregatorInterface
    function latestAnswer() external view returns (int256 answer) {
        (answer,) = _latest();
    }

    /// @inheritdoc AggregatorInterface
    function latestTimestamp() external view returns (uint256) {
        (, uint256 timeMs) = _latest();
        return _pastS(timeMs);
    }

    /// @inheritdoc AggregatorInterface
    function latestRound() external view returns (uint256 roundId) {
        (, roundId) = _latest();
    }

    /// @inheritdoc AggregatorV3Interface
    function getRoundData(uint80 roundId)
        external
        pure
        returns (uint80, int256, uint256, uint256, uint80)
    {
        revert NoRoundHistory(roundId);
    }

    /// @inheritdoc AggregatorInterface
    function getAnswer(uint256 roundId) external pure returns (int256) {
        revert NoRoundHistory(roundId);
    }

    /// @inheritdoc AggregatorInterface
    function getTimestamp(uint256 roundId) external pure returns (uint256) {
        revert NoRoundHistory(roundId);
    }

    function _latest() private view returns (int256 answer, uint256 timeMs) {
        _requireSequencer();
        uint256 priceE18;
        (priceE18, timeMs) = ORACLE.priceNoOlderNorWorse(MARKET, MAX_AGE_MS, LEAST);
        answer = SafeCast.toInt256(_scaledDown(priceE18, decimals));
    }
}
