// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title HeldMarkets
/// @notice The markets an account holds, in one word: 16 bits each, the market's number plus one,
/// without gaps from the lowest bit.
library HeldMarkets {
    uint256 internal constant MOST = 8;
    uint256 private constant BITS = 16;
    uint256 private constant MASK = (1 << BITS) - 1;

    function count(uint256 held) internal pure returns (uint256 number) {
        for (; held != 0; held >>= BITS) {
            ++number;
        }
    }

    /// @notice The first market of what is held.
    function first(uint256 held) internal pure returns (uint256 market) {
        return (held & MASK) - 1;
    }

    /// @notice What is held but for the first.
    function rest(uint256 held) internal pure returns (uint256) {
        return held >> BITS;
    }

    /// @dev The caller keeps to `MOST`, and adds no market twice.
    function with(uint256 held, uint256 market) internal pure returns (uint256) {
        return (held << BITS) | (market + 1);
    }

    function without(uint256 held, uint256 market) internal pure returns (uint256) {
        uint256 shift;
        while ((held >> shift) & MASK != market + 1) shift += BITS;
        uint256 below = held & ((1 << shift) - 1);
        return ((held >> (shift + BITS)) << shift) | below;
    }
}
