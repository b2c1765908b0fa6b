// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Validity} from "../../interfaces/IMarkOracle.sol";
import {Quote} from "../interfaces/IPerpEngine.sol";
import {Fields, MarketRisk} from "../lib/Fields.sol";
import {Impact} from "../lib/Impact.sol";
import {SignedMath} from "../lib/SignedMath.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Pricing
/// @notice How a trade is cut, at what price it fills, and what fee it pays.
library Pricing {
    using Fields for MarketRisk;
    using SignedMath for int256;

    /// @dev Tenths of a basis point.
    uint256 private constant CONFIDENCE_UNIT = 1e5;
    uint256 private constant E6 = 1e6;
    uint256 private constant UNIT = 1e18;

    /// @notice Cut a trade into what reduces a position and what opens one.
    function split(int256 sizeE18, int256 deltaE18)
        internal
        pure
        returns (int256 reducedE18, int256 openedE18)
    {
        if (sizeE18 == 0 || (sizeE18 > 0) == (deltaE18 > 0)) return (0, deltaE18);
        bool flips = deltaE18.abs() > sizeE18.abs();
        reducedE18 = flips ? -sizeE18 : deltaE18;
        return (reducedE18, deltaE18 - reducedE18);
    }

    /// @notice The price at which a trade fills: the quote's, worsened by its confidence unless it is
    /// VALID, and by the skew.
    function fillPrice(
        Quote calldata quote,
        MarketRisk memory risk,
        int256 skewE18,
        int256 deltaE18
    ) internal pure returns (uint256) {
        uint256 priceE18 = quote.priceE18;
        if (quote.validity != Validity.VALID) {
            uint256 worse =
                SignedMath.mulDiv(priceE18, quote.confidenceBpsE1, CONFIDENCE_UNIT, true);
            priceE18 = deltaE18 > 0 ? priceE18 + worse : Math.saturatingSub(priceE18, worse);
        }
        return Impact.fillPrice(
            priceE18,
            skewE18,
            deltaE18,
            risk.get(Fields.SKEW_SCALE_USD),
            risk.get(Fields.MAX_IMPACT_E6)
        );
    }

    /// @notice The trading fee: what takes the market's skew away is maker, the rest taker.
    function fee(MarketRisk memory risk, int256 skewE18, int256 deltaE18, uint256 priceE18)
        internal
        pure
        returns (uint256)
    {
        uint256 sizeE18 = deltaE18.abs();
        bool opposed = (skewE18 > 0) != (deltaE18 > 0);
        uint256 makerE18 = opposed ? Math.min(sizeE18, skewE18.abs()) : 0;
        uint256 weighted = makerE18 * risk.get(Fields.MAKER_FEE_E6) + (sizeE18 - makerE18)
            * risk.get(Fields.TAKER_FEE_E6);
        return SignedMath.mulDiv(weighted, priceE18, UNIT * E6, true);
    }
}
