// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Validity} from "../../interfaces/IMarkOracle.sol";
import {IExecutionGate} from "./IExecutionGate.sol";

/// @notice What a market must have shown before it is listed.
struct Terms {
    /// @dev How long its number must have had its meaning, and its mark been watched.
    uint32 probationS;
    /// @dev Least time between two samples that count.
    uint32 sampleIntervalS;
    /// @dev Greatest age of a mark that counts.
    uint32 maxAgeMs;
    /// @dev Least time at each depth before the next.
    uint32 promotionS;
}

struct Probation {
    uint40 sinceS;
    uint40 lastS;
    uint32 samples;
}

/// @title IListingGate
/// @notice Lets governance list only what has been watched for a while, small at first.
///
/// Assumptions:
/// - Anyone samples marks, at any time: who wants a market listed takes the good ones, who does not the
///   bad ones. One bad sample begins the time anew; staleness counts neither way, but too long a gap
///   does.
/// - That a price is steady for weeks says nothing of depth: wash trades are cheap where nobody else
///   trades. So what is listed begins at the least depth, and a collateral with no more value than that.
interface IListingGate is IExecutionGate {
    event Sampled(uint256 indexed market, uint256 samples, uint256 sinceS);
    event ProbationRestarted(uint256 indexed market, Validity validity, bool paused, address by);
    event TermsChanged(Terms terms);
    event Promoted(uint256 indexed market, uint256 depth);

    error NotExecutor(address caller);
    error TermOutOfRange(bytes32 name, uint256 given, uint256 least, uint256 most);
    error NotBound(uint256 market);
    /// @notice The mark is neither good nor bad: it counts neither way.
    error NothingToSample(uint256 market, Validity validity);
    error TooEarly(uint256 nextS);
    error NotProven(uint256 market, uint256 sinceS, uint256 samples, uint256 neededSamples);
    error DepthTooGreat(uint256 market, uint256 given, uint256 most);
    error PromotedTooSoon(uint256 market, uint256 nextS);
    error DepositCapTooGreat(uint256 collateral, uint256 givenUsd, uint256 mostUsd);

    /// @notice Look at a market's stored mark now. By anyone.
    function sample(uint256 market) external;

    /// @notice By governance, within bounds.
    function setTerms(Terms calldata terms_) external;

    /// @notice Revert unless the market may be listed now.
    function requireProven(uint256 market) external view;

    function terms() external view returns (Terms memory);
    function probationOf(uint256 market) external view returns (Probation memory);
}
