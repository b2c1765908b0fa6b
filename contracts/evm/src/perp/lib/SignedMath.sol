// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {
    SignedMath as OpenZeppelinSignedMath
} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

/// @title SignedMath
/// @notice Products of signed by unsigned numbers through 512 bits, with the rounding in the name:
/// `Floor` towards minus infinity, `Ceil` towards plus infinity.
library SignedMath {
    uint256 private constant UNIT = 1e18;

    function abs(int256 x) internal pure returns (uint256) {
        return OpenZeppelinSignedMath.abs(x);
    }

    function mulDivFloor(int256 x, uint256 y, uint256 denominator) internal pure returns (int256) {
        return _mulDiv(x, y, denominator, x < 0);
    }

    function mulDivCeil(int256 x, uint256 y, uint256 denominator) internal pure returns (int256) {
        return _mulDiv(x, y, denominator, x >= 0);
    }

    /// @notice x × y of numbers × 10^18.
    function mulFloor(int256 x, uint256 yE18) internal pure returns (int256) {
        return _mulDiv(x, yE18, UNIT, x < 0);
    }

    /// @notice x × y of numbers × 10^18.
    function mulCeil(int256 x, uint256 yE18) internal pure returns (int256) {
        return _mulDiv(x, yE18, UNIT, x >= 0);
    }

    /// @notice x between −limit and limit.
    function clamp(int256 x, uint256 limit) internal pure returns (int256) {
        if (abs(x) <= limit) return x;
        int256 bound = SafeCast.toInt256(limit);
        return x < 0 ? -bound : bound;
    }

    /// @notice x × y ÷ denominator, up or down.
    /// @dev Takes the short way where the product fits a word, as it does but for absurd numbers.
    function mulDiv(uint256 x, uint256 y, uint256 denominator, bool up)
        internal
        pure
        returns (uint256 quotient)
    {
        unchecked {
            uint256 product = x * y;
            if (x == 0 || product / x == y) {
                quotient = product / denominator;
                // Above the quotient of a product that was cut, there is room for one.
                if (up && product % denominator != 0) ++quotient;
                return quotient;
            }
        }
        return Math.mulDiv(x, y, denominator, up ? Math.Rounding.Ceil : Math.Rounding.Floor);
    }

    function _mulDiv(int256 x, uint256 y, uint256 denominator, bool awayFromZero)
        private
        pure
        returns (int256)
    {
        int256 size = SafeCast.toInt256(mulDiv(abs(x), y, denominator, awayFromZero));
        return x < 0 ? -size : size;
    }
}
