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
        (int256 sum, uint256 parts) = _meanSkew(skewE18, deltaE18, markE18, limit);
        parts *= skewScaleUsd * UNIT;
        int256 premium =
            deltaE18 > 0 ? sum.mulDivCeil(markE18, parts) : sum.mulDivFloor(markE18, parts);
        return SafeCast.toUint256(SafeCast.toInt256(markE18) + premium);
    }

    /// @dev The mean value of the skew, as a fraction, rounded up for a buy and down for a sale.
    function _meanSkew(int256 skewE18, int256 deltaE18, uint256 markE18, int256 limit)
        private
        pure
        returns (int256 sum, uint256 parts)
    {
        if (deltaE18 > 0) {
            return
                _clampedMean(skewE18.mulCeil(markE18), (skewE18 + deltaE18).mulCeil(markE18), limit);
        }
        return
            _clampedMean((skewE18 + deltaE18).mulFloor(markE18), skewE18.mulFloor(markE18), limit);
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
