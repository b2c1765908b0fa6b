// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GroupWord} from "../src/report/GroupWord.sol";
import {ReportBuilder} from "./ReportBuilder.sol";

/// @notice Which words skip the rules of each entry.
contract FastPathTest is ReportBuilder {
    using GroupWord for uint256;

    /// @notice The fast path takes a word only if each of its entries would be stored as signed by
    /// any rule that may be set, judged one by one; and it takes every ordinary word.
    function testFuzz_storesAsIs_OnlyWhatAnyRuleStores(uint256 seed, uint256 signed, uint256 old)
        public
        pure
    {
        if (seed % 4 != 0) (signed, old) = ordinary(seed);
        bool all = true;
        bool usual = true;
        for (uint256 i; i < 4; ++i) {
            uint256 entry = signed.entry(i);
            uint256 before = old.entry(i);
            bool unused = entry == 0 && before == 0;
            bool well = entry.priced() && uint256(entry.fault()) == 0 && before >> 50 > 3;
            bool near;
            if (well) {
                (uint256 a, uint256 b) = (before.priceE18(), entry.priceE18());
                // 157 bps, the least bound there is.
                near = (a > b ? a - b : b - a) * 10_000 <= a * 157;
            }
            all = all && (unused || (well && near));
            usual = usual && (unused || (well && near && isClose(before, entry)));
        }
        bool taken = signed.storesAsIs(old);
        if (taken) assertTrue(all, "taken");
        if (usual) assertTrue(taken, "not taken");
    }

    /// @dev Of one exponent, normalised, and within 1/64 of the mantissa.
    function isClose(uint256 before, uint256 entry) private pure returns (bool) {
        (uint256 a, uint256 b) = (before % 2 ** 27, entry % 2 ** 27);
        bool same = (before >> 27) % 32 == (entry >> 27) % 32;
        return same && a >= 10 ** 7 && b >= 10 ** 7 && (a > b ? a - b : b - a) <= a / 64;
    }

    /// @dev Two words such as committees sign, one after the other; one entry of them perhaps odd.
    function ordinary(uint256 seed) private pure returns (uint256 signed, uint256 old) {
        for (uint256 i; i < 4; ++i) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i)));
            if (draw % 8 == 0) continue;
            uint256 mantissa = 10 ** 7 + (draw >> 8) % (9 * 10 ** 7);
            uint256 limit = mantissa / 64;
            uint256 moved = mantissa + limit - (draw >> 40) % (2 * limit + 1);
            if ((draw >> 100) % 8 == 0) moved = mantissa + limit + 1;
            if ((draw >> 100) % 8 == 1) moved = mantissa - limit - 1;
            uint256 exponent = (draw >> 64) % 32;
            old |= pricedEntry(mantissa, exponent, 4 + (draw >> 70) % 3) << (53 * i);
            signed |= pricedEntry(moved, exponent, 3 + (draw >> 80) % 4) << (53 * i);
            if ((draw >> 110) % 16 == 0) signed ^= 1 << (53 * i + (draw >> 120) % 53);
            if ((draw >> 115) % 16 == 0) old ^= 1 << (53 * i + (draw >> 130) % 53);
        }
        old |= (seed >> 200) << 212;
        signed |= (seed >> 212) << 216;
    }
}
