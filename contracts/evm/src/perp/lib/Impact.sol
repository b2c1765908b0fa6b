// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SignedMath} from "./SignedMath.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Impact
/// @notice What a trade pays over the mark for the skew that it makes, or gets for the skew that it
/// takes away: each unit its own premium, skew value ÷ scale within ±the greatest impact, and the trade
/// their mean.
/// @dev Each unit is clamped, not the mean: the price is the integral of one curve, so that a trade
/// split in parts pays the same. For values of skew up to 2^140.
library Impact {
    using SignedMath for int256;

    uint256 private constant UNIT = 1e18;
    uint256 private constant E12 = 1e12;

    /// @notice The price at which a trade fills, rounded against the trader.
    /// @param skewE18 Longs less shorts before the trade.
    /// @param deltaE18 Bought; below zero sold.
    /// @param skewScaleUsd Value of skew whose premium is 100 %; 0 for no impact.
    function fillPrice(
        uint256 markE18,
        int256 skewE18,
        int256 deltaE18,
        uint256 skewScaleUsd,
        uint256 maxImpactE6
    ) internal pure returns (uint256 priceE18) {
        if (skewScaleUsd == 0) return markE18;
        int256 limit = SafeCast.toInt256(maxImpactE6 * skewScaleUsd * E12);
        bool buys = deltaE18 > 0;
        int256 before = _value(skewE18, markE18, buys);
        int256 afterwards = _value(skewE18 + deltaE18, markE18, buys);
        (int256 sum, uint256 parts) =
            buys ? _clampedMean(before, afterwards, limit) : _clampedMean(afterwards, before, limit);
        uint256 scale = skewScaleUsd * UNIT * parts;
        int256 premium = buys ? sum.mulDivCeil(markE18, scale) : sum.mulDivFloor(markE18, scale);
        return SafeCast.toUint256(SafeCast.toInt256(markE18) + premium);
    }

    function _value(int256 sizeE18, uint256 markE18, bool up) private pure returns (int256) {
        return up ? sizeE18.mulCeil(markE18) : sizeE18.mulFloor(markE18);
    }

    /// @dev The mean of x clamped to ±limit over x from `low` to `high`, as a fraction.
    function _clampedMean(int256 low, int256 high, int256 limit)
        private
        pure
        returns (int256 sum, uint256 parts)
    {
        if (low >= limit) return (limit, 1);
        if (high <= -limit) return (-limit, 1);
        if (low >= -limit && high <= limit) return (low + high, 2);
        int256 from = low < -limit ? -limit : low;
        int256 to = high > limit ? limit : high;
        int256 outside = (high - to) - (from - low);
        return (2 * limit * outside + (from + to) * (to - from), 2 * SafeCast.toUint256(high - low));
    }
}
