// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AggregatorV3Interface} from "../adapters/interfaces/AggregatorV3Interface.sol";
import {ExampleLending} from "./ExampleLending.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @title LendingOnChainlink
/// @notice Reads as consumers of Chainlink do, with the checks they are told to make.
contract LendingOnChainlink is ExampleLending {
    uint256 public constant HEARTBEAT_S = 60;

    AggregatorV3Interface public immutable FEED;
    uint256 private immutable FEED_UNIT;

    error BadRound(int256 answer, uint256 updatedAt);

    constructor(
        address lender,
        IERC20Metadata collateral,
        IERC20Metadata debt,
        AggregatorV3Interface feed
    ) ExampleLending(lender, collateral, debt) {
        (FEED, FEED_UNIT) = (feed, 10 ** feed.decimals());
    }

    /// @inheritdoc ExampleLending
    function priceOfCollateralE18() public view override returns (uint256) {
        (, int256 answer,, uint256 updatedAt,) = FEED.latestRoundData();
        if (answer <= 0 || block.timestamp - updatedAt > HEARTBEAT_S) {
            revert BadRound(answer, updatedAt);
        }
        return (uint256(answer) * 1e18) / FEED_UNIT;
    }
}
