// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Tiers
/// @notice A market's margin by brackets of notional, as of a tax: each share holds for what lies
/// within its bracket, so that the requirement never jumps.
/// @dev The word is `MarketRisk.tiers`. Beyond the last cap the last share goes on: a position may
/// come there by price alone.
library Tiers {
    uint256 private constant BRACKETS = 3;
    /// @dev A bracket: cap 48 bits ‖ initial share 16 ‖ maintenance share 16, from the lowest bit.
    uint256 private constant BRACKET_BITS = 80;
    uint256 private constant CAP_MASK = (1 << 48) - 1;
    uint256 private constant INITIAL_SHIFT = 48;
    uint256 private constant MAINTENANCE_SHIFT = 64;
    uint256 private constant SHARE_MASK = (1 << 16) - 1;
    uint256 private constant UNIT = 1e18;
    uint256 private constant BPS = 10_000;

    /// @notice The margin that a position of this notional needs, rounded up.
    function required(uint256 tiersWord, uint256 notionalE18, bool initial)
        internal
        pure
        returns (uint256 requiredE18)
    {
        uint256 shift = initial ? INITIAL_SHIFT : MAINTENANCE_SHIFT;
        uint256 fromE18 = 0;
        uint256 sum = 0;
        for (uint256 i; i < BRACKETS && fromE18 < notionalE18; ++i) {
            uint256 toE18 = i == BRACKETS - 1
                ? notionalE18
                : Math.min((tiersWord & CAP_MASK) * UNIT, notionalE18);
            if (toE18 > fromE18) {
                sum += (toE18 - fromE18) * ((tiersWord >> shift) & SHARE_MASK);
                fromE18 = toE18;
            }
            tiersWord >>= BRACKET_BITS;
        }
        return Math.ceilDiv(sum, BPS);
    }

    /// @notice The share that holds for the last unit of this notional, and where its bracket begins.
    function marginal(uint256 tiersWord, uint256 notionalE18, bool initial)
        internal
        pure
        returns (uint256 shareBps, uint256 fromE18)
    {
        for (uint256 i; i < BRACKETS - 1; ++i) {
            uint256 capE18_ = (tiersWord & CAP_MASK) * UNIT;
            if (notionalE18 <= capE18_) break;
            fromE18 = capE18_;
            tiersWord >>= BRACKET_BITS;
        }
        shareBps = (tiersWord >> (initial ? INITIAL_SHIFT : MAINTENANCE_SHIFT)) & SHARE_MASK;
    }

    /// @notice The share that holds for the last unit of this notional.
    function marginalBps(uint256 tiersWord, uint256 notionalE18, bool initial)
        internal
        pure
        returns (uint256 shareBps)
    {
        (shareBps,) = marginal(tiersWord, notionalE18, initial);
    }

    /// @notice The notional beyond which no position may grow.
    function capE18(uint256 tiersWord) internal pure returns (uint256) {
        return ((tiersWord >> (BRACKET_BITS * (BRACKETS - 1))) & CAP_MASK) * UNIT;
    }
}
