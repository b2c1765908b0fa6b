// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Fields, MarketRisk} from "./Fields.sol";
import {SignedMath} from "./SignedMath.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Funding
/// @notice What longs pay shorts: a part that the skew builds up over time, and the perp's premium
/// over its index.
library Funding {
    using Fields for MarketRisk;
    using SignedMath for int256;

    int256 private constant UNIT = 1e18;
    uint256 private constant E12 = 1e12;
    /// @dev Premiums are hundredths of a basis point, the weight hundredths of times a day.
    int256 private constant PREMIUM_UNIT = 1e10;
    uint256 private constant DAY_S = 86_400;

    /// @notice Advance a market's funding by `dtS`. Rates are × 10^18 per day. Quotients are cut
    /// towards zero: neither side gains by it, since one pays the other the same number.
    /// @param velocityRateE18 The part of the rate that the skew had built up.
    /// @param skewE18 Longs less shorts in that time.
    /// @param premiumBpsE2 Of the perp over its index; 0 if unknown.
    /// @return newVelocityRateE18 What the skew has built up now.
    /// @return rateE18 The rate that held in that time.
    /// @return deltaE18 What one base unit of a long pays for that time.
    function step(
        int256 velocityRateE18,
        int256 skewE18,
        uint256 markE18,
        int256 premiumBpsE2,
        uint256 dtS,
        MarketRisk memory risk
    ) internal pure returns (int256 newVelocityRateE18, int256 rateE18, int256 deltaE18) {
        uint256 maxRateE18 = risk.get(Fields.MAX_FUNDING_E6) * E12;
        dtS = Math.min(dtS, risk.get(Fields.MAX_ACCRUAL_S));
        newVelocityRateE18 =
            (velocityRateE18 + _built(skewE18, markE18, dtS, risk)).clamp(maxRateE18);
        premiumBpsE2 *= SafeCast.toInt256(risk.get(Fields.PREMIUM_WEIGHT_E2)) * PREMIUM_UNIT;
        rateE18 = ((velocityRateE18 + newVelocityRateE18) / 2 + premiumBpsE2).clamp(maxRateE18);
        deltaE18 = _cut(rateE18, markE18 * dtS, uint256(UNIT) * DAY_S);
    }

    /// @dev What the skew adds to the rate in `dtS`.
    function _built(int256 skewE18, uint256 markE18, uint256 dtS, MarketRisk memory risk)
        private
        pure
        returns (int256)
    {
        return _skewShare(skewE18, markE18, risk.get(Fields.SKEW_SCALE_USD))
            * SafeCast.toInt256(risk.get(Fields.FUNDING_VELOCITY_E6) * dtS)
            / SafeCast.toInt256(1e6 * DAY_S);
    }

    /// @dev Value of the skew ÷ scale, × 10^18, between −1 and 1.
    function _skewShare(int256 skewE18, uint256 markE18, uint256 scaleUsd)
        private
        pure
        returns (int256)
    {
        if (scaleUsd == 0) return 0;
        return _cut(skewE18, markE18, uint256(UNIT) * scaleUsd).clamp(uint256(UNIT));
    }

    function _cut(int256 x, uint256 y, uint256 denominator) private pure returns (int256) {
        return x < 0 ? x.mulDivCeil(y, denominator) : x.mulDivFloor(y, denominator);
    }
}
