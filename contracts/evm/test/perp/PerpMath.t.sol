// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Fields, MarketRisk} from "../../src/perp/lib/Fields.sol";
import {Funding} from "../../src/perp/lib/Funding.sol";
import {Haircuts} from "../../src/perp/lib/Haircuts.sol";
import {Impact} from "../../src/perp/lib/Impact.sol";
import {LiquidationSize} from "../../src/perp/lib/LiquidationSize.sol";
import {SignedMath} from "../../src/perp/lib/SignedMath.sol";
import {Tiers} from "../../src/perp/lib/Tiers.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Test} from "forge-std/Test.sol";

/// @dev Packs parameters as `Fields` says, and knows brackets that governance could set.
abstract contract MathFixture is Test {
    uint256 internal constant UNIT = 1e18;
    /// @dev What a size, and a price, may be: more than any that the caps let in.
    uint256 internal constant MOST_VALUE = 1e36;

    struct Brackets {
        uint256[3] capsUsd;
        uint256[3] initialBps;
        uint256[3] maintenanceBps;
    }

    function _put(uint256 word, uint256 field, uint256 value) internal pure returns (uint256) {
        assertLt(value, 1 << (field & 0xff), "wider than its field");
        return word | (value << ((field >> 8) & 0xff));
    }

    function _tiers(Brackets memory b) internal pure returns (uint256 word) {
        word = _put(word, Fields.CAP_0_USD, b.capsUsd[0]);
        word = _put(word, Fields.INITIAL_0_BPS, b.initialBps[0]);
        word = _put(word, Fields.MAINTENANCE_0_BPS, b.maintenanceBps[0]);
        word = _put(word, Fields.CAP_1_USD, b.capsUsd[1]);
        word = _put(word, Fields.INITIAL_1_BPS, b.initialBps[1]);
        word = _put(word, Fields.MAINTENANCE_1_BPS, b.maintenanceBps[1]);
        word = _put(word, Fields.CAP_2_USD, b.capsUsd[2]);
        word = _put(word, Fields.INITIAL_2_BPS, b.initialBps[2]);
        word = _put(word, Fields.MAINTENANCE_2_BPS, b.maintenanceBps[2]);
        word = _put(word, Fields.DEPTH, 4);
        word = _put(word, Fields.MARKET_STATE, Fields.LISTED);
    }

    /// @dev Ascending caps and shares, maintenance at or below initial.
    function _brackets(uint256 seed) internal pure returns (Brackets memory b) {
        uint256 cap;
        uint256 share;
        for (uint256 i; i < 3; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            cap += 1 + seed % 50_000_000;
            share += 1 + (seed >> 64) % 1_000;
            b.capsUsd[i] = cap;
            b.initialBps[i] = share;
            b.maintenanceBps[i] = share / 2 + 1;
        }
    }

    /// @dev 1 %, 2 % and 5 % of maintenance, twice that initially.
    function _example() internal pure returns (Brackets memory b) {
        b.capsUsd = [uint256(100_000), 1_000_000, 10_000_000];
        b.initialBps = [uint256(200), 400, 1_000];
        b.maintenanceBps = [uint256(100), 200, 500];
    }
}

contract SignedMathTest is MathFixture {
    function testFuzz_mulDiv_roundsAsNamed(int128 x, uint128 y, uint128 d) public pure {
        d = uint128(bound(d, 1, type(uint128).max));
        x = int128(bound(x, -1e30, 1e30));
        y = uint128(bound(y, 0, 1e30));
        int256 exact = int256(x) * int256(uint256(y));
        int256 divisor = int256(uint256(d));
        int256 down = SignedMath.mulDivFloor(x, y, d);
        int256 up = SignedMath.mulDivCeil(x, y, d);
        assertLe(down * divisor, exact);
        assertGt((down + 1) * divisor, exact);
        assertGe(up * divisor, exact);
        assertLt((up - 1) * divisor, exact);
    }

    function test_mulDiv_exactNumbersStay() public pure {
        assertEq(SignedMath.mulDivFloor(-6, 2, 3), -4);
        assertEq(SignedMath.mulDivCeil(-6, 2, 3), -4);
        assertEq(SignedMath.mulDivFloor(-7, 1, 2), -4);
        assertEq(SignedMath.mulDivCeil(-7, 1, 2), -3);
        assertEq(SignedMath.mulDivFloor(7, 1, 2), 3);
        assertEq(SignedMath.mulDivCeil(7, 1, 2), 4);
        assertEq(SignedMath.mulFloor(-1, 1), -1);
        assertEq(SignedMath.mulCeil(-1, 1), 0);
        assertEq(SignedMath.mulFloor(1, 1), 0);
        assertEq(SignedMath.mulCeil(1, 1), 1);
    }

    function test_mulDiv_throughFiveHundredBits() public pure {
        int256 least = type(int256).min + 1;
        assertEq(SignedMath.mulDivFloor(least, type(uint256).max, type(uint256).max), least);
        assertEq(SignedMath.mulDivCeil(type(int256).max, 1e18, 1e18), type(int256).max);
    }

    function testFuzz_mulDiv_isTheLongWay(uint256 x, uint256 y, uint256 d, bool up) public pure {
        d = bound(d, 1, type(uint256).max);
        // Where the quotient fits: half of the cases through more than 256 bits.
        y = bound(y, 0, x <= d ? type(uint256).max : type(uint256).max / x);
        Math.Rounding rounding = up ? Math.Rounding.Ceil : Math.Rounding.Floor;
        assertEq(SignedMath.mulDiv(x, y, d, up), Math.mulDiv(x, y, d, rounding));
    }

    function test_mulDiv_atTheEdgeOfAWord() public pure {
        uint256 most = type(uint256).max;
        assertEq(SignedMath.mulDiv(most, 1, 1, true), most);
        assertEq(SignedMath.mulDiv(most, 1, 2, true), (most >> 1) + 1);
        assertEq(SignedMath.mulDiv(1 << 128, 1 << 127, 1, true), 1 << 255);
        assertEq(SignedMath.mulDiv(1 << 128, 1 << 128, 2, false), 1 << 255);
        assertEq(SignedMath.mulDiv(0, most, most, true), 0);
    }

    function testFuzz_clamp_staysWithin(int256 x, uint256 limit) public pure {
        limit = bound(limit, 0, uint256(type(int256).max));
        int256 got = SignedMath.clamp(x, limit);
        assertLe(SignedMath.abs(got), limit);
        if (SignedMath.abs(x) <= limit) assertEq(got, x);
        else assertEq(got, x < 0 ? -int256(limit) : int256(limit));
    }
}

contract TiersTest is MathFixture {
    function test_required_ofTheExample() public pure {
        uint256 word = _tiers(_example());
        assertEq(Tiers.required(word, 0, true), 0);
        assertEq(Tiers.required(word, 50_000 * UNIT, true), 1_000 * UNIT);
        assertEq(Tiers.required(word, 50_000 * UNIT, false), 500 * UNIT);
        assertEq(Tiers.required(word, 100_000 * UNIT, false), 1_000 * UNIT);
        assertEq(Tiers.required(word, 500_000 * UNIT, false), 9_000 * UNIT);
        assertEq(Tiers.required(word, 2_000_000 * UNIT, false), 69_000 * UNIT);
        assertEq(Tiers.required(word, 20_000_000 * UNIT, false), 969_000 * UNIT);
        assertEq(Tiers.required(word, 20_000_000 * UNIT, true), 1_938_000 * UNIT);
        assertEq(Tiers.capE18(word), 10_000_000 * UNIT);
    }

    function test_required_roundsUp() public pure {
        uint256 word = _tiers(_example());
        assertEq(Tiers.required(word, 1, false), 1);
        assertEq(Tiers.required(word, 100, false), 1);
        assertEq(Tiers.required(word, 101, false), 2);
    }

    function testFuzz_required_sumOfTheBrackets(uint256 seed, uint256 notional, bool initial)
        public
        pure
    {
        Brackets memory b = _brackets(seed);
        notional = bound(notional, 0, MOST_VALUE);
        uint256[3] memory shares = initial ? b.initialBps : b.maintenanceBps;
        uint256 exact = notional * shares[0];
        for (uint256 i = 1; i < 3; ++i) {
            uint256 cap = b.capsUsd[i - 1] * UNIT;
            if (notional > cap) exact += (notional - cap) * (shares[i] - shares[i - 1]);
        }
        uint256 got = Tiers.required(_tiers(b), notional, initial);
        assertGe(got * 10_000, exact);
        assertLt(got * 10_000, exact + 10_000);
    }

    function testFuzz_required_risesAndNeverJumps(uint256 seed, uint256 notional, uint256 more)
        public
        pure
    {
        Brackets memory b = _brackets(seed);
        uint256 word = _tiers(b);
        notional = bound(notional, 0, MOST_VALUE);
        more = bound(more, 0, MOST_VALUE);
        uint256 before = Tiers.required(word, notional, false);
        uint256 afterwards = Tiers.required(word, notional + more, false);
        assertGe(afterwards, before);
        assertLe(afterwards - before, more * b.maintenanceBps[2] / 10_000 + 1);
        assertLe(before, Tiers.required(word, notional, true));
    }

    function testFuzz_required_continuousAtTheCaps(uint256 seed, bool initial) public pure {
        Brackets memory b = _brackets(seed);
        uint256 word = _tiers(b);
        for (uint256 i; i < 3; ++i) {
            uint256 cap = b.capsUsd[i] * UNIT;
            uint256 at = Tiers.required(word, cap, initial);
            assertLe(Tiers.required(word, cap + 1, initial) - at, 1);
            assertLe(at - Tiers.required(word, cap - 1, initial), 1);
        }
    }

    function testFuzz_marginalBps_isTheSlope(uint256 seed, uint256 notional, bool initial)
        public
        pure
    {
        Brackets memory b = _brackets(seed);
        uint256 word = _tiers(b);
        notional = bound(notional, UNIT, MOST_VALUE);
        (uint256 share, uint256 from) = Tiers.marginal(word, notional, initial);
        assertEq(Tiers.marginalBps(word, notional, initial), share);
        uint256 rise = Tiers.required(word, notional, initial) - Tiers.required(word, from, initial);
        assertApproxEqAbs(rise, (notional - from) * share / 10_000, 1);
        assertLt(from, notional);
    }

    function test_marginalBps_ofTheBracketBelowItsCap() public pure {
        uint256 word = _tiers(_example());
        assertEq(Tiers.marginalBps(word, 0, false), 100);
        assertEq(Tiers.marginalBps(word, 100_000 * UNIT, false), 100);
        assertEq(Tiers.marginalBps(word, 100_000 * UNIT + 1, false), 200);
        assertEq(Tiers.marginalBps(word, 1_000_000 * UNIT + 1, true), 1_000);
        assertEq(Tiers.marginalBps(word, 99_000_000 * UNIT, true), 1_000);
    }
}

contract HaircutsTest is MathFixture {
    struct Cuts {
        uint256[3] capsUsd;
        uint256[3] bps;
    }

    function _haircuts(Cuts memory c) internal pure returns (uint256 word) {
        word = _put(word, Fields.INDEX_MARKET, 7);
        word = _put(word, Fields.TWAP_MARKET, 8);
        word = _put(word, Fields.INDEX_MAX_AGE_MS, 60_000);
        word = _put(word, Fields.TWAP_MAX_AGE_MS, 60_000);
        word = _put(word, Fields.HAIRCUT_CAP_0_USD, c.capsUsd[0]);
        word = _put(word, Fields.HAIRCUT_0_BPS, c.bps[0]);
        word = _put(word, Fields.HAIRCUT_CAP_1_USD, c.capsUsd[1]);
        word = _put(word, Fields.HAIRCUT_1_BPS, c.bps[1]);
        word = _put(word, Fields.HAIRCUT_CAP_2_USD, c.capsUsd[2]);
        word = _put(word, Fields.HAIRCUT_2_BPS, c.bps[2]);
    }

    function _cuts(uint256 seed) internal pure returns (Cuts memory c) {
        uint256 cap;
        uint256 cut;
        for (uint256 i; i < 3; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            cap += seed % 50_000_000;
            cut += (seed >> 64) % 3_334;
            c.capsUsd[i] = cap;
            c.bps[i] = cut < 10_000 ? cut : 10_000;
        }
    }

    function test_counted_ofAnExample() public pure {
        Cuts memory c;
        c.capsUsd = [uint256(1_000), 10_000, 100_000];
        c.bps = [uint256(500), 1_000, 5_000];
        uint256 word = _haircuts(c);
        assertEq(Haircuts.counted(word, 0), 0);
        assertEq(Haircuts.counted(word, 1_000 * UNIT), 950 * UNIT);
        assertEq(Haircuts.counted(word, 2_000 * UNIT), 1_850 * UNIT);
        assertEq(Haircuts.counted(word, 20_000 * UNIT), 14_050 * UNIT);
        assertEq(Haircuts.counted(word, 100_000 * UNIT), 54_050 * UNIT);
        assertEq(Haircuts.counted(word, 1e9 * UNIT), 54_050 * UNIT);
        assertEq(Haircuts.counted(word, 1), 0);
    }

    function testFuzz_counted_risesByNoMoreThanTheValue(uint256 seed, uint256 value, uint256 more)
        public
        pure
    {
        uint256 word = _haircuts(_cuts(seed));
        value = bound(value, 0, MOST_VALUE);
        more = bound(more, 0, 1e27);
        uint256 before = Haircuts.counted(word, value);
        uint256 afterwards = Haircuts.counted(word, value + more);
        assertLe(before, value);
        assertGe(afterwards, before);
        assertLe(afterwards - before, more + 1);
    }

    function testFuzz_counted_nothingBeyondTheLastCap(uint256 seed, uint256 value) public pure {
        Cuts memory c = _cuts(seed);
        uint256 word = _haircuts(c);
        value = bound(value, c.capsUsd[2] * UNIT, MOST_VALUE);
        assertEq(Haircuts.counted(word, value), Haircuts.counted(word, c.capsUsd[2] * UNIT));
    }

    function testFuzz_counted_sumOfTheBracketsRoundedDown(uint256 seed, uint256 value) public pure {
        Cuts memory c = _cuts(seed);
        value = bound(value, 0, MOST_VALUE);
        uint256 exact;
        uint256 from;
        for (uint256 i; i < 3; ++i) {
            uint256 to = c.capsUsd[i] * UNIT < value ? c.capsUsd[i] * UNIT : value;
            exact += (to - from) * (10_000 - c.bps[i]);
            from = to;
        }
        uint256 got = Haircuts.counted(_haircuts(c), value);
        assertLe(got * 10_000, exact);
        assertGt((got + 1) * 10_000, exact);
    }
}

contract ImpactTest is MathFixture {
    uint256 private constant SCALE_USD = 1_000_000;
    uint256 private constant MAX_E6 = 20_000;

    struct Case {
        uint256 mark;
        int256 skew;
        int256 delta;
        uint256 scaleUsd;
        uint256 maxE6;
    }

    function _bounded(Case memory c) private pure {
        c.mark = bound(c.mark, 1, 1e27);
        int256 most = int256(MOST_VALUE / 1e6 * UNIT / c.mark);
        if (most > 1e32) most = 1e32;
        c.skew = bound(c.skew, -most, most);
        c.delta = bound(c.delta, -most, most);
        c.scaleUsd = bound(c.scaleUsd, 1, 1e12);
        c.maxE6 = bound(c.maxE6, 0, type(uint16).max);
    }

    function _price(Case memory c) private pure returns (uint256) {
        return Impact.fillPrice(c.mark, c.skew, c.delta, c.scaleUsd, c.maxE6);
    }

    function _cost(Case memory c) private pure returns (int256) {
        return SignedMath.mulCeil(c.delta, _price(c));
    }

    function test_fillPrice_ofExamples() public pure {
        assertEq(Impact.fillPrice(100e18, 0, 200e18, SCALE_USD, MAX_E6), 101e18);
        assertEq(Impact.fillPrice(100e18, 0, -200e18, SCALE_USD, MAX_E6), 99e18);
        assertEq(Impact.fillPrice(100e18, -200e18, 200e18, SCALE_USD, MAX_E6), 99e18);
        assertEq(Impact.fillPrice(100e18, 200e18, -200e18, SCALE_USD, MAX_E6), 101e18);
        assertEq(Impact.fillPrice(100e18, -100e18, 200e18, SCALE_USD, MAX_E6), 100e18);
        assertEq(Impact.fillPrice(100e18, 1e24, 1e18, SCALE_USD, MAX_E6), 102e18);
        assertEq(Impact.fillPrice(100e18, -1e24, 1e18, SCALE_USD, MAX_E6), 98e18);
        assertEq(Impact.fillPrice(100e18, 1e24, -1e18, SCALE_USD, MAX_E6), 102e18);
    }

    function test_fillPrice_clampsEachUnitNotTheMean() public pure {
        // Half of it pays 1 % on average, the other half the greatest impact of 2 %.
        assertEq(Impact.fillPrice(100e18, 0, 400e18, SCALE_USD, MAX_E6), 101.5e18);
        assertEq(Impact.fillPrice(100e18, 0, -400e18, SCALE_USD, MAX_E6), 98.5e18);
        assertEq(Impact.fillPrice(100e18, -400e18, 800e18, SCALE_USD, MAX_E6), 100e18);
    }

    function test_fillPrice_noImpactWithoutScale() public pure {
        assertEq(Impact.fillPrice(123, 1e30, 1e30, 0, MAX_E6), 123);
    }

    function test_fillPrice_roundsAgainstTheTrader() public pure {
        assertEq(Impact.fillPrice(100e18, 0, 1, SCALE_USD, MAX_E6), 100e18 + 1);
        assertEq(Impact.fillPrice(100e18, 0, -1, SCALE_USD, MAX_E6), 100e18 - 1);
        assertEq(Impact.fillPrice(100e18, -1, 1, SCALE_USD, MAX_E6), 100e18);
        assertEq(Impact.fillPrice(100e18, 1, -1, SCALE_USD, MAX_E6), 100e18);
    }

    function testFuzz_fillPrice_withinTheGreatestImpact(Case memory c) public pure {
        _bounded(c);
        assertApproxEqAbs(_price(c), c.mark, c.mark * c.maxE6 / 1e6 + 1);
    }

    function testFuzz_fillPrice_risesWithTheSkewAndTheTrade(Case memory c, uint256 more)
        public
        pure
    {
        _bounded(c);
        uint256 price = _price(c);
        c.skew += int256(bound(more, 0, 1e30));
        assertGe(_price(c), price);
        c.delta = c.delta < 0 ? -c.delta : c.delta + 1;
        assertGe(_price(c), price);
    }

    function testFuzz_fillPrice_splittingGainsNothing(Case memory c, uint256 share) public pure {
        _bounded(c);
        int256 all = c.delta;
        int256 whole = _cost(c);
        // What the whole may have been rounded by: two units of price and one of value.
        int256 dust = int256(SignedMath.abs(all) / UNIT) * 2 + int256(c.mark / 1e6) + 3;
        c.delta = all * int256(bound(share, 0, 1_000)) / 1_000;
        int256 first = _cost(c);
        c.skew += c.delta;
        c.delta = all - c.delta;
        assertGe(first + _cost(c) + dust, whole);
        assertLe(first + _cost(c), whole + 2 * dust);
    }

    function testFuzz_fillPrice_roundTripGainsNothing(Case memory c) public pure {
        _bounded(c);
        int256 there = _cost(c);
        c.skew += c.delta;
        c.delta = -c.delta;
        assertGe(there + _cost(c), 0);
    }

    function testFuzz_fillPrice_widestInputs(int128 skew, int128 delta, bool up) public pure {
        uint256 mark = up ? 1e30 : 1;
        skew = int128(bound(skew, -1e29, 1e29));
        delta = int128(bound(delta, -1e29, 1e29));
        uint256 price = Impact.fillPrice(mark, skew, delta, type(uint48).max, type(uint16).max);
        assertApproxEqAbs(price, mark, mark * 65_535 / 1e6 + 1);
    }
}

contract FundingTest is MathFixture {
    using Fields for MarketRisk;

    uint256 private constant DAY_S = 86_400;
    int256 private constant DAILY_MOST = 0.02e18;

    struct Case {
        int256 velocityRate;
        int256 skew;
        uint256 mark;
        int256 premium;
        uint256 dtS;
    }

    function _risk() private pure returns (MarketRisk memory risk) {
        risk.limits = _put(0, Fields.SKEW_SCALE_USD, 1_000_000);
        risk.limits = _put(risk.limits, Fields.MAX_FUNDING_E6, 20_000);
        risk.limits = _put(risk.limits, Fields.FUNDING_VELOCITY_E6, 40_000);
        risk.limits = _put(risk.limits, Fields.PREMIUM_WEIGHT_E2, 300);
        risk.limits = _put(risk.limits, Fields.MAX_ACCRUAL_S, DAY_S);
    }

    function _bounded(Case memory c) private pure {
        c.velocityRate = bound(c.velocityRate, -DAILY_MOST, DAILY_MOST);
        c.skew = bound(c.skew, -1e30, 1e30);
        c.mark = bound(c.mark, 1, 1e27);
        c.premium = bound(c.premium, type(int32).min, type(int32).max);
        c.dtS = bound(c.dtS, 0, 100 * DAY_S);
    }

    function _step(Case memory c) private pure returns (int256, int256, int256) {
        return Funding.step(c.velocityRate, c.skew, c.mark, c.premium, c.dtS, _risk());
    }

    function test_step_velocityBuildsUp() public pure {
        // A quarter of the scale for half a day: 0.25 × 4 % × 0.5 = 0.5 %.
        (int256 velocity, int256 rate, int256 delta) =
            Funding.step(0, 2_500e18, 100e18, 0, DAY_S / 2, _risk());
        assertEq(velocity, 0.005e18);
        assertEq(rate, 0.0025e18);
        assertEq(delta, 0.125e18);
    }

    function test_step_premiumIsPaidThriceADay() public pure {
        // 10 bps, three times a day, for a day at 100.
        (int256 velocity, int256 rate, int256 delta) =
            Funding.step(0, 0, 100e18, 1_000, DAY_S, _risk());
        assertEq(velocity, 0);
        assertEq(rate, 0.003e18);
        assertEq(delta, 0.3e18);
    }

    function test_step_clamps() public pure {
        (int256 velocity, int256 rate, int256 delta) =
            Funding.step(0.019e18, 1e30, 100e18, 1e6, 100 * DAY_S, _risk());
        assertEq(velocity, DAILY_MOST);
        assertEq(rate, DAILY_MOST);
        assertEq(delta, 2e18, "one day at most");
    }

    function test_step_skewWithoutScaleBuildsNothing() public pure {
        MarketRisk memory risk = _risk();
        risk.limits = (risk.limits >> 48) << 48;
        (int256 velocity, int256 rate,) = Funding.step(0.01e18, 1e24, 100e18, 0, DAY_S, risk);
        assertEq(velocity, 0.01e18);
        assertEq(rate, 0.01e18);
    }

    function testFuzz_step_withinItsLimits(Case memory c) public pure {
        _bounded(c);
        (int256 velocity, int256 rate, int256 delta) = _step(c);
        assertLe(SignedMath.abs(velocity), uint256(DAILY_MOST));
        assertLe(SignedMath.abs(rate), uint256(DAILY_MOST));
        assertLe(SignedMath.abs(delta), c.mark * uint256(DAILY_MOST) / UNIT + 1);
    }

    function testFuzz_step_sidesAreAlike(Case memory c) public pure {
        _bounded(c);
        (int256 velocity, int256 rate, int256 delta) = _step(c);
        c.velocityRate = -c.velocityRate;
        c.skew = -c.skew;
        c.premium = -c.premium;
        (int256 velocity2, int256 rate2, int256 delta2) = _step(c);
        assertEq(velocity, -velocity2);
        assertEq(rate, -rate2);
        assertEq(delta, -delta2);
    }

    function testFuzz_step_noTimeCostsNothing(Case memory c) public pure {
        _bounded(c);
        c.dtS = 0;
        (int256 velocity,, int256 delta) = _step(c);
        assertEq(velocity, c.velocityRate);
        assertEq(delta, 0);
    }

    function testFuzz_step_risesWithSkewAndPremium(Case memory c, uint256 more) public pure {
        _bounded(c);
        (int256 velocity, int256 rate, int256 delta) = _step(c);
        c.skew += int256(bound(more, 0, 1e30));
        c.premium += int256(more >> 224);
        (int256 velocity2, int256 rate2, int256 delta2) = _step(c);
        assertGe(velocity2, velocity);
        assertGe(rate2, rate);
        assertGe(delta2, delta);
    }
}

contract LiquidationSizeTest is MathFixture {
    uint256 private constant TARGET_BPS = 12_500;
    uint256 private constant FEE_E6 = 5_000;

    function test_notional_ofAnExample() public pure {
        // 5 % of maintenance, equity at 4 %: (4 − n/2) = 1.25 × (5 − n × 5) hundredths of 100.
        uint256 n = LiquidationSize.notional(4e18, 5e18, 100e18, 500, 5_000, 12_500);
        assertEq(n, Math.ceilDiv(2.25e18 * 1e4, 575));
    }

    function test_notional_nothingWhereTheTargetHolds() public pure {
        assertEq(LiquidationSize.notional(6.25e18, 5e18, 100e18, 500, 5_000, 12_500), 0);
        assertEq(LiquidationSize.notional(7e18, 5e18, 100e18, 500, 5_000, 12_500), 0);
    }

    function test_notional_allWhereOutOfReach() public pure {
        assertEq(LiquidationSize.notional(-1, 5e18, 100e18, 500, 5_000, 12_500), 100e18);
        assertEq(LiquidationSize.notional(0.4e18, 5e18, 100e18, 500, 5_000, 12_500), 100e18);
        // A fee above what closing frees: closing can only make it worse.
        assertEq(LiquidationSize.notional(4e18, 5e18, 100e18, 500, 62_500, 12_500), 100e18);
    }

    function test_toTarget_freesTheHighestBracketFirst() public pure {
        uint256 word = _tiers(_example());
        // 2,000,000 needs 69,000; at 12,500 bps 86,250. Closing one million from the top frees 62,500.
        assertEq(LiquidationSize.toTarget(23_750e18, 69_000e18, 2e24, word, 0, TARGET_BPS), 1e24);
        assertEq(
            LiquidationSize.toTarget(23_725e18, 69_000e18, 2e24, word, 0, TARGET_BPS), 1e24 + 1e21
        );
    }

    function testFuzz_toTarget_reachesItAndNoFurther(
        uint256 seed,
        uint256 notional,
        uint256 other,
        uint256 shareOfMargin,
        uint256 feeE6
    ) public pure {
        uint256 word = _tiers(_brackets(seed));
        notional = bound(notional, UNIT, 1e27);
        feeE6 = bound(feeE6, 0, 20_000);
        uint256 maintenance = Tiers.required(word, notional, false) + bound(other, 0, 1e24);
        int256 equity = int256(maintenance * bound(shareOfMargin, 0, 12_499) / 10_000);
        uint256 n = LiquidationSize.toTarget(equity, maintenance, notional, word, feeE6, TARGET_BPS);
        assertGt(n, 0);
        assertLe(n, notional);
        // A unit or two for each rounding on the way, at the price of a unit in the last bracket.
        int256 slack = 3e4;
        if (n < notional) {
            assertGe(_surplus(equity, maintenance, notional, word, feeE6, n), -slack);
        }
        uint256 less = 1e6;
        if (n > less && n < notional) {
            assertLt(_surplus(equity, maintenance, notional, word, feeE6, n - less), slack);
        }
    }

    function testFuzz_toTarget_noOverflow(int256 equity, uint256 maintenance, uint256 notional)
        public
        pure
    {
        equity = bound(equity, -1e50, 1e50);
        maintenance = bound(maintenance, 0, 1e50);
        notional = bound(notional, 0, 1e50);
        uint256 n = LiquidationSize.toTarget(
            equity, maintenance, notional, _tiers(_example()), FEE_E6, TARGET_BPS
        );
        assertLe(n, notional);
    }

    /// @dev Equity less target × maintenance after closing n, × 10^4.
    function _surplus(
        int256 equity,
        uint256 maintenance,
        uint256 notional,
        uint256 word,
        uint256 feeE6,
        uint256 n
    ) private pure returns (int256) {
        uint256 freed = Tiers.required(word, notional, false)
            - Tiers.required(word, notional - n, false);
        int256 left = (equity - int256((n * feeE6 + 999_999) / 1e6)) * 10_000;
        return left - int256((maintenance - freed) * TARGET_BPS);
    }
}
