// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EntryFault, Validity} from "../interfaces/IMarkOracle.sol";

/// @title GroupWord
/// @notice The 32-byte word that holds four markets and their time: how it is laid out and what
/// its fields mean. docs/report-format.md is the specification.
/// @dev An *entry* is one market's 53 bits, shifted down to bit 0.
library GroupWord {
    uint256 internal constant MARKETS = 4;
    uint256 internal constant TIME_SHIFT = 216;
    uint256 internal constant PAUSE_SHIFT = 212;
    uint256 internal constant PAUSE_MASK = 0xf << PAUSE_SHIFT;

    /// @dev 2020-01-01T00:00:00Z, from which a word counts its milliseconds.
    uint256 internal constant TIME_ORIGIN_UNIX_MS = 1_577_836_800_000;

    /// @dev The entry of a market that has no price and no reason to be halted.
    uint256 internal constant MISSING_ENTRY = uint256(Validity.MISSING) << VALIDITY_SHIFT;

    uint256 private constant ENTRY_BITS = 53;
    uint256 private constant ENTRY_MASK = (1 << ENTRY_BITS) - 1;
    uint256 private constant MANTISSA_MASK = (1 << 27) - 1;
    uint256 private constant EXPONENT_SHIFT = 27;
    uint256 private constant EXPONENT_MASK = 0x1f;
    uint256 private constant PRICE_MASK = (1 << 32) - 1;
    uint256 private constant CONFIDENCE_SHIFT = 32;
    uint256 private constant PREMIUM_SHIFT = 39;
    uint256 private constant PREMIUM_SIGN = 0x400;
    uint256 private constant VALIDITY_SHIFT = 50;
    uint256 private constant VALIDITY_MASK = 7;

    uint256 private constant MANTISSA_MIN = 10 ** 7;
    uint256 private constant MANTISSA_MAX = 10 ** 8 - 1;

    /// @dev A one in the lowest bit of every entry: times x, it is x in every entry.
    uint256 private constant EACH = 1 | (1 << 53) | (1 << 106) | (1 << 159);

    function time(uint256 word) internal pure returns (uint256 ms) {
        return word >> TIME_SHIFT;
    }

    /// @notice Turn a word's time, which has 40 bits, into unix milliseconds.
    function unixMs(uint256 timeMs) internal pure returns (uint256) {
        unchecked {
            return timeMs + TIME_ORIGIN_UNIX_MS;
        }
    }

    /// @notice Take the entry of the market at `position` 0 to 3 out of a word.
    function entry(uint256 word, uint256 position) internal pure returns (uint256) {
        return (word >> (ENTRY_BITS * position)) & ENTRY_MASK;
    }

    /// @notice Move an entry to its place in a word.
    function place(uint256 entry_, uint256 position) internal pure returns (uint256) {
        return entry_ << (ENTRY_BITS * position);
    }

    /// @notice Tell, for all four entries at once, whether a signed word may be stored as it is:
    /// each entry is well formed and has a price, or is unused (zero, here and in the `old` word).
    /// @dev May say false for a word that is fine (a mantissa below 10^7 at exponent 0): `fault`
    /// decides then. Sums show in one bit of each entry whether a field is in range:
    /// - bit 52, whether the entry is not zero: its own bit 52, or a carry out of those below;
    /// - with only mantissa and validity left, bit 27, whether the mantissa is at least
    ///   MANTISSA_MIN, or above MANTISSA_MAX; and bit 52, whether the validity is TOO_VOLATILE (3)
    ///   to VALID (6), since these plus 1 are 4 to 7. A validity of 7 carries into the next entry,
    ///   but by then its own has failed.
    function storesAsIs(uint256 signed, uint256 old) internal pure returns (bool) {
        unchecked {
            uint256 low = EACH * ((1 << 52) - 1);
            uint256 both = signed | old;
            uint256 used = (((both & low) + low) | both) & (EACH << 52);

            uint256 fields = signed & (EACH * (MANTISSA_MASK | (VALIDITY_MASK << VALIDITY_SHIFT)));
            uint256 reached = fields + EACH * (((1 << 27) - MANTISSA_MIN) | (1 << VALIDITY_SHIFT));
            uint256 passed = fields + EACH * ((1 << 27) - MANTISSA_MAX - 1);
            // Who passed the greatest has reached the least: bit 27 vanishes.
            uint256 good = reached ^ (passed & (EACH << 27));
            uint256 needed = used | (used >> 25);
            return good & needed == needed;
        }
    }

    /// @notice Say what is wrong with a signed entry.
    function fault(uint256 entry_) internal pure returns (EntryFault) {
        uint256 validity_ = entry_ >> VALIDITY_SHIFT;
        if (validity_ == uint256(Validity.STALE) || validity_ > uint256(Validity.VALID)) {
            return EntryFault.UNKNOWN_VALIDITY;
        }
        if (validity_ < uint256(Validity.STALE)) {
            bool bare = entry_ & ((1 << VALIDITY_SHIFT) - 1) == 0;
            return bare ? EntryFault.NONE : EntryFault.PRICE_WITHOUT_VALIDITY;
        }
        uint256 mantissa = entry_ & MANTISSA_MASK;
        uint256 least = (entry_ >> EXPONENT_SHIFT) & EXPONENT_MASK == 0 ? 1 : MANTISSA_MIN;
        bool normalised = mantissa >= least && mantissa <= MANTISSA_MAX;
        return normalised ? EntryFault.NONE : EntryFault.NOT_NORMALISED;
    }

    /// @notice Tell whether a well-formed entry's own report carried a price.
    function priced(uint256 entry_) internal pure returns (bool) {
        return entry_ >> VALIDITY_SHIFT > uint256(Validity.STALE);
    }

    /// @notice Give an entry without a price the last price that `before` holds.
    function keepPrice(uint256 entry_, uint256 before) internal pure returns (uint256) {
        return entry_ | (before & PRICE_MASK);
    }

    function validity(uint256 entry_) internal pure returns (Validity) {
        return Validity(entry_ >> VALIDITY_SHIFT);
    }

    function priceE18(uint256 entry_) internal pure returns (uint256) {
        return (entry_ & MANTISSA_MASK) * 10 ** ((entry_ >> EXPONENT_SHIFT) & EXPONENT_MASK);
    }

    /// @notice Decode the confidence: half-width relative to the index, in 0.1 bps.
    function confidenceBpsE1(uint256 entry_) internal pure returns (uint32) {
        return uint32(_minifloat((entry_ >> CONFIDENCE_SHIFT) & 0x7f, 3));
    }

    /// @notice Decode the premium of the perp against the index, in 0.01 bps.
    function premiumBpsE2(uint256 entry_) internal pure returns (bool known, int32 premium) {
        uint256 code = (entry_ >> PREMIUM_SHIFT) & 0x7ff;
        int32 size = int32(uint32(_minifloat(code & (PREMIUM_SIGN - 1), 6)));
        return (code != PREMIUM_SIGN, code & PREMIUM_SIGN == 0 ? size : -size);
    }

    function _minifloat(uint256 code, uint256 mantissaBits) private pure returns (uint256) {
        uint256 exponent = code >> mantissaBits;
        if (exponent == 0) return code;
        uint256 one = 1 << mantissaBits;
        return (one | (code & (one - 1))) << (exponent - 1);
    }
}
