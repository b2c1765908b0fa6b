// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AggregatorV3Interface} from "./AggregatorV3Interface.sol";

/// @title AggregatorInterface
/// @notice What older consumers of Chainlink's data feeds call, lending markets among them. Written
/// from the signatures of npm's chainlink/contracts 1.4.0 (MIT),
/// src/v0.8/shared/interfaces/AggregatorInterface.sol.
interface AggregatorInterface {
    function latestAnswer() external view returns (int256);

    function latestTimestamp() external view returns (uint256);

    function latestRound() external view returns (uint256);

    function getAnswer(uint256 roundId) external view returns (int256);

    function getTimestamp(uint256 roundId) external view returns (uint256);
}

/// @title AggregatorV2V3Interface
/// @notice Both, as Chainlink's own feeds have them.
interface AggregatorV2V3Interface is AggregatorInterface, AggregatorV3Interface {}
