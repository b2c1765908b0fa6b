// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Haircuts
/// @notice What a collateral counts, by brackets of its value: the more of it an account holds, the
/// less the next unit would fetch.
/// @dev The word is `CollateralRisk.haircuts`. What lies beyond the last cap counts nothing.
library Haircuts {
    uint256 private constant BRACKETS = 3;
    /// @dev Below the brackets lie the markets and their ages.
    uint256 private constant FIRST_SHIFT = 80;
    /// @dev A bracket: cap 40 bits ‖ haircut 16, from the lowest bit.
    uint256 private constant BRACKET_BITS = 56;
    uint256 private constant CAP_MASK = (1 << 40) - 1;
    uint256 private constant HAIRCUT_SHIFT = 40;
    uint256 private constant HAIRCUT_MASK = (1 << 16) - 1;
    uint256 private constant UNIT = 1e18;
    uint256 private constant BPS = 10_000;

    /// @notice What collateral of this value counts, rounded down.
    function counted(uint256 haircutsWord, uint256 valueE18) internal pure returns (uint256) {
        uint256 word = haircutsWord >> FIRST_SHIFT;
        uint256 fromE18 = 0;
        uint256 sum = 0;
        for (uint256 i; i < BRACKETS && fromE18 < valueE18; ++i) {
            uint256 toE18 = Math.min((word & CAP_MASK) * UNIT, valueE18);
            if (toE18 > fromE18) {
                sum += (toE18 - fromE18) * (BPS - ((word >> HAIRCUT_SHIFT) & HAIRCUT_MASK));
                fromE18 = toE18;
            }
            word >>= BRACKET_BITS;
        }
        return sum / BPS;
    }
}
