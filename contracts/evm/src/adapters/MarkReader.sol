// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle, Validity} from "../interfaces/IMarkOracle.sol";
import {GroupWord} from "../report/GroupWord.sol";
import {SequencerGrace} from "./SequencerGrace.sol";
import {AggregatorV3Interface} from "./interfaces/AggregatorV3Interface.sol";

/// @notice Which marks an adapter hands on. Fixed for its life.
struct ReadPolicy {
    /// @dev Lowest validity to hand on: TOO_VOLATILE to VALID.
    Validity least;
    /// @dev Greatest age in ms: 1 s to 1 day.
    uint64 maxAgeMs;
    /// @dev Uptime feed of the L2's sequencer, or zero.
    AggregatorV3Interface sequencerFeed;
    /// @dev Seconds the sequencer must have been up; 0 without a feed.
    uint64 graceS;
}

/// @title MarkReader
/// @notice What all adapters share: the oracle, and when a mark is good enough to hand on.
/// @dev Whatever is not good enough reverts: a consumer that asks an adapter never gets a price
/// below the policy.
abstract contract MarkReader is SequencerGrace {
    using GroupWord for uint256;

    uint256 private constant MIN_AGE_MS = 1 seconds * 1000;
    uint256 private constant MAX_AGE_LIMIT_MS = 1 days * 1000;

    /// @dev Decimals of `priceE18`, and the most that an adapter can hand on.
    uint256 internal constant PRICE_DECIMALS = 18;

    IMarkOracle public immutable ORACLE;
    Validity public immutable LEAST;
    uint256 public immutable MAX_AGE_MS;

    /// @notice HALTED, MISSING and STALE carry no price to act on.
    error LeastTooLow(Validity given, Validity least);

    /// @notice The maximum age is in milliseconds: perhaps seconds were given.
    error AgeOutOfRange(uint256 givenMs, uint256 leastMs, uint256 mostMs);

    /// @notice The market's number means another instrument, or none.
    error OtherInstrument(uint256 market, bytes32 given, bytes32 expected);

    /// @notice More decimals than prices have.
    error TooManyDecimals(uint256 given, uint256 limit);

    /// @notice The price cannot be said with these decimals: it rounds to 0, or overflows.
    error PriceOutOfRange(uint256 priceE18, uint256 decimals);

    constructor(IMarkOracle oracle, ReadPolicy memory policy)
        SequencerGrace(policy.sequencerFeed, policy.graceS)
    {
        if (policy.least <= Validity.STALE) {
            revert LeastTooLow(policy.least, Validity.TOO_VOLATILE);
        }
        if (policy.maxAgeMs < MIN_AGE_MS || policy.maxAgeMs > MAX_AGE_LIMIT_MS) {
            revert AgeOutOfRange(policy.maxAgeMs, MIN_AGE_MS, MAX_AGE_LIMIT_MS);
        }
        (ORACLE, LEAST, MAX_AGE_MS) = (oracle, policy.least, policy.maxAgeMs);
    }

    /// @dev Revert unless the number means the instrument. To be asked once, at deployment: a number
    /// never means another, and once it is retired the market is paused for good.
    function _requireInstrument(uint256 market, bytes32 instrument) internal view {
        (bytes32 bound,) = ORACLE.instrumentOf(market);
        if (bound != instrument || bound == 0) revert OtherInstrument(market, bound, instrument);
    }

    /// @dev What is stored of the market's group: a word costs less to hand over than a `Mark`.
    function _wordOf(uint256 market) internal view returns (uint256 word) {
        return ORACLE.groupWord(market / GroupWord.MARKETS);
    }

    /// @dev Revert unless the policy allows what an entry says, whatever its age.
    function _requireUsable(uint256 market, Validity validity) internal view {
        if (validity < LEAST) revert IMarkOracle.ValidityTooLow(market, validity, LEAST);
    }

    /// @dev Revert if the market is paused in the stored word of its group.
    function _requireUnpaused(uint256 market, uint256 word) internal pure {
        if (word.isPaused(market % GroupWord.MARKETS)) revert IMarkOracle.Paused(market);
    }

    /// @dev Seconds for consumers, who subtract them from the block's time: never ahead of it.
    function _pastS(uint256 unixMs) internal view returns (uint256) {
        uint256 unixS = unixMs / 1000;
        return unixS < block.timestamp ? unixS : block.timestamp;
    }

    /// @dev The price with `decimals` instead of 18, rounded down; never 0.
    function _scaledDown(uint256 priceE18, uint256 decimals) internal pure returns (uint256 price) {
        price = priceE18 / 10 ** (PRICE_DECIMALS - decimals);
        if (price == 0) revert PriceOutOfRange(priceE18, decimals);
    }
}
