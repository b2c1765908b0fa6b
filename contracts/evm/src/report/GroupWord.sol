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

    /// @dev A price that moved by less than 1/64 of the mantissa before is no jump.
    uint256 internal constant NEAR_SHIFT = 6;
    uint256 internal constant PRICE_BITS = 32;

    /// @dev 2020-01-01T00:00:00Z, from which a word counts its milliseconds.
    uint256 internal constant TIME_ORIGIN_UNIX_MS = 1_577_836_800_000;

    /// @dev The entry of a market that has no price and no reason to be halted.
    uint256 internal constant MISSING_ENTRY = uint256(Validity.MISSING) << VALIDITY_SHIFT;

    uint256 private constant ENTRY_BITS = 53;
    uint256 private constant ENTRY_MASK = (1 << ENTRY_BITS) - 1;
    uint256 private constant MANTISSA_MASK = 0x7ffffff;
    uint256 private constant EXPONENT_SHIFT = 27;
    uint256 private constant EXPONENT_MASK = 0x1f;
    uint256 private constant PRICE_MASK = (1 << PRICE_BITS) - 1;
    uint256 private constant CONFIDENCE_SHIFT = 32;
    uint256 private constant PREMIUM_SHIFT = 39;
    uint256 private constant PREMIUM_SIGN = 0x400;
    uint256 private constant VALIDITY_SHIFT = 50;
    uint256 private constant VALIDITY_MASK = 7;

    uint256 private constant MANTISSA_MIN = 10 ** 7;
    uint256 private constant MANTISSA_MAX = 10 ** 8 - 1;

    /// @dev A one in the lowest bit of every entry: times x, it is x in every entry.
    uint256 private constant EACH = 1 | (1 << 53) | (1 << 106) | (1 << 159);
    uint256 private constant TOP = EACH << (ENTRY_BITS - 1);

    function time(uint256 word) internal pure returns (uint256 ms) {
        return word >> TIME_SHIFT;
    }

    /// @notice Tell whether a word's time is later than another's.
    function isNewer(uint256 word, uint256 old) internal pure returns (bool) {
        return word > (old | ((1 << TIME_SHIFT) - 1));
    }

    /// @notice Tell whether the market at `position` is paused.
    function isPaused(uint256 word, uint256 position) internal pure returns (bool) {
        return (word >> (PAUSE_SHIFT + position)) & 1 != 0;
    }

    /// @notice Tell whether a word has no pause bits and is below `limit`: in one branch.
    function isBelow(uint256 word, uint256 limit) internal pure returns (bool below) {
        uint256 pauses = word & PAUSE_MASK;
        assembly ("memory-safe") {
            below := gt(lt(word, limit), pauses)
        }
    }

    /// @notice Turn a word's time, which has 40 bits, into unix milliseconds.
    function unixMs(uint256 timeMs) internal pure returns (uint256) {
        unchecked {
            return timeMs + TIME_ORIGIN_UNIX_MS;
        }
    }

    /// @notice Take the entry of the market at `position` 0 to 3 out of a word.
    function entry(uint256 word, uint256 position) internal pure returns (uint256) {
        unchecked {
            return (word >> (ENTRY_BITS * position)) & ENTRY_MASK;
        }
    }

    /// @notice Move an entry to its place in a word.
    function place(uint256 entry_, uint256 position) internal pure returns (uint256) {
        return entry_ << (ENTRY_BITS * position);
    }

    /// @notice Tell, for all four entries at once, whether a signed word may be stored as it is:
    /// each entry is well formed and has a price near the `old` one, which was taken as signed
    /// (its validity is above TOO_VOLATILE); or is unused (zero, here and in the old word).
    /// @dev May say false for a word that is fine: each entry is then judged by itself. One bit of
    /// each entry shows the outcome of a sum:
    /// - bit 52, whether the price is near: what may be added to the old price, plus or minus what
    ///   was added, has not fallen below bit 52, which is added too. Prices are compared with
    ///   their exponents on top: one step of those is more than any step that is near.
    /// - with only mantissa and validity left, bit 27, whether the mantissa is at least
    ///   MANTISSA_MIN, or above MANTISSA_MAX; and bit 52, whether the validity is TOO_VOLATILE (3)
    ///   to VALID (6), since these plus 1 are 4 to 7. A validity of 7 carries into the next entry,
    ///   but by then its own has failed.
    function storesAsIs(uint256 signed, uint256 old) internal pure returns (bool) {
        unchecked {
            // TOO_UNCERTAIN, GUARDED and VALID have bit 52.
            uint256 live = old & TOP;
            uint256 liveBits = (live << 1) - (live >> (ENTRY_BITS - 1));
            if (((signed | old) & ~liveBits) << (256 - PAUSE_SHIFT) != 0) return false;

            uint256 step = ((old >> NEAR_SHIFT) & (EACH * (MANTISSA_MASK >> NEAR_SHIFT))) + TOP;
            uint256 moved = (signed & (EACH * PRICE_MASK)) - (old & (EACH * PRICE_MASK));
            uint256 good = (step + moved) & (step - moved);

            uint256 fields = signed & (EACH * (MANTISSA_MASK | (VALIDITY_MASK << VALIDITY_SHIFT)));
            uint256 reached = fields + EACH * (((1 << 27) - MANTISSA_MIN) | (1 << VALIDITY_SHIFT));
            uint256 passed = fields + EACH * ((1 << 27) - MANTISSA_MAX - 1);
            good &= reached & ((reached & ~passed) << (ENTRY_BITS - 1 - 27));
            return good & live == live;
        }
    }

    /// @notice Tell whether an entry's price is so near to `before`'s that it is no jump by any
    /// bound that may be set: within `before` >> NEAR_SHIFT of it.
    function isNear(uint256 entry_, uint256 before) internal pure returns (bool) {
        unchecked {
            uint256 step = (before & MANTISSA_MASK) >> NEAR_SHIFT;
            return (entry_ & PRICE_MASK) + step - (before & PRICE_MASK) <= 2 * step;
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

    /// @notice Take the price alone: mantissa and exponent. Zero where there never was one.
    function price(uint256 entry_) internal pure returns (uint32) {
        return uint32(entry_);
    }

    /// @notice Tell whether an entry was taken as signed, with a price.
    function trusted(uint256 entry_) internal pure returns (bool) {
        return entry_ >> VALIDITY_SHIFT > uint256(Validity.TOO_VOLATILE);
    }

    /// @notice Tell whether those who signed a price doubt it: TOO_VOLATILE or TOO_UNCERTAIN.
    function doubted(uint256 entry_) internal pure returns (bool) {
        return entry_ >> VALIDITY_SHIFT < uint256(Validity.GUARDED);
    }

    /// @notice Give an entry the validity TOO_VOLATILE.
    function tooVolatile(uint256 entry_) internal pure returns (uint256) {
        return
            (entry_ & ((1 << VALIDITY_SHIFT) - 1))
                | (uint256(Validity.TOO_VOLATILE) << VALIDITY_SHIFT);
    }

    /// @notice Give an entry the validity MISSING and take its confidence and premium away.
    function missing(uint256 entry_) internal pure returns (uint256) {
        return (entry_ & PRICE_MASK) | MISSING_ENTRY;
    }

    /// @notice Empty the entry at `position` of a word.
    function cleared(uint256 word, uint256 position) internal pure returns (uint256) {
        return word & ~(ENTRY_MASK << (ENTRY_BITS * position));
    }

    /// @notice Give an entry without a price the last price that `before` holds.
    function keepPrice(uint256 entry_, uint256 before) internal pure returns (uint256) {
        return entry_ | (before & PRICE_MASK);
    }

    function validity(uint256 entry_) internal pure returns (Validity) {
        return Validity(entry_ >> VALIDITY_SHIFT);
    }

    function priceE18(uint256 entry_) internal pure returns (uint256) {
        // Below 2^27 × 10^31.
        unchecked {
            return (entry_ & MANTISSA_MASK) * 10 ** ((entry_ >> EXPONENT_SHIFT) & EXPONENT_MASK);
        }
    }

    /// @notice Decode the confidence: half-width relative to the index, in 0.1 bps.
    function confidenceBpsE1(uint256 entry_) internal pure returns (uint32) {
        return uint32(_minifloat((entry_ >> CONFIDENCE_SHIFT) & 0x7f, 3));
    }

    /// @notice Decode the premium of the perp against the index, in 0.01 bps.
    function premiumBpsE2(uint256 entry_) internal pure returns (bool known, int32 premium) {
        uint256 code = (entry_ >> PREMIUM_SHIFT) & 0x7ff;
        int32 size = int32(uint32(_minifloat(code & (PREMIUM_SIGN - 1), 6)));
        unchecked {
            return (code != PREMIUM_SIGN, code & PREMIUM_SIGN == 0 ? size : -size);
        }
    }

    /// @notice Write what a word says of the market at `position` to the memory at `mark`, where a
    /// Mark has room; but for the time of a price that was lost: whether one was is returned.
    /// @dev The same as the functions above at half their gas, without branches. The widths of the
    /// bit fields keep to each field's type; no stored validity is above VALID. Without a price,
    /// confidence and premium are zero bits already.
    function decodeTo(uint256 mark, uint256 word, uint256 position)
        internal
        pure
        returns (bool lost)
    {
        uint256 entry_ = entry(word, position);
        uint256 price_ = priceE18(entry_);
        assembly ("memory-safe") {
            let statusMs := shr(TIME_SHIFT, word)
            statusMs := mul(gt(statusMs, 0), add(statusMs, TIME_ORIGIN_UNIX_MS))
            let validity_ := shr(VALIDITY_SHIFT, entry_)
            // TOO_VOLATILE or better.
            let priced_ := gt(validity_, 2)
            lost := gt(price_, mul(priced_, price_))

            mstore(mark, price_)
            mstore(add(mark, 0x20), mul(priced_, statusMs))
            mstore(add(mark, 0x40), statusMs)
            mstore(add(mark, 0x60), validity_)
            mstore(add(mark, 0x80), and(1, shr(add(PAUSE_SHIFT, position), word)))

            let code := and(shr(CONFIDENCE_SHIFT, entry_), 0x7f)
            let e := shr(3, code)
            let normal := gt(e, 0)
            mstore(add(mark, 0xa0), shl(sub(e, normal), or(shl(3, normal), and(code, 7))))

            code := and(shr(PREMIUM_SHIFT, entry_), 0x7ff)
            e := and(shr(6, code), 0xf)
            normal := gt(e, 0)
            let size := shl(sub(e, normal), or(shl(6, normal), and(code, 0x3f)))
            let negative := sub(0, shr(10, code))
            mstore(add(mark, 0xc0), sub(xor(size, negative), negative))
            mstore(add(mark, 0xe0), mul(priced_, gt(xor(code, PREMIUM_SIGN), 0)))
        }
    }

    function _minifloat(uint256 code, uint256 mantissaBits) private pure returns (uint256) {
        unchecked {
            uint256 exponent = code >> mantissaBits;
            if (exponent == 0) return code;
            uint256 one = 1 << mantissaBits;
            return (one | (code & (one - 1))) << (exponent - 1);
        }
    }
}
