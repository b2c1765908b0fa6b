// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Validity} from "../../src/interfaces/IMarkOracle.sol";
import {IPerpEngine, MarketState, Trade} from "../../src/perp/interfaces/IPerpEngine.sol";
import {PerpEngineFixture} from "./PerpEngineFixture.sol";

/// @notice Funding, shared losses, and what traders would gain.
contract PerpEngineFundingTest is PerpEngineFixture {
    uint256[] private all;

    function setUp() public override {
        super.setUp();
        all.push(account);
        all.push(other);
    }

    function test_accrue_LongsPayWhatShortsGet() public {
        fill(account, BTC, 10e18);
        fill(other, BTC, -4e18);
        skipS(3600);
        store();
        engine.accrue(BTC);
        MarketState memory s = engine.marketState(BTC);
        // Skew of 360,000 of 2 billion, velocity 1 % a day and day, an hour: to 7.5e-8, half on average.
        assertApproxEqAbs(s.velocityRateE18, 7.5e10, 1);
        assertApproxEqAbs(s.longIndexE18, 60_000 * 3.75e10 / 24, 1);
        assertEq(s.shortIndexE18, -s.longIndexE18);
        int256 before = vault.cashOf(account);
        int256 index = s.longIndexE18;
        closePart(account, BTC, 10e18, 60_000e18);
        int256 paid = before - vault.cashOf(account) + 10 * 60_000e18;
        assertApproxEqAbs(paid - 600_090e18, 10 * index, 1);
    }

    function test_accrue_PremiumIsPaidByTheWeight() public {
        fill(account, BTC, 1e18);
        // Exponent 5, mantissa 0: 2^10 hundredths of a basis point.
        setEntry(BTC, entryOf(BTC_PRICE_E18, 5, (5 << 6) | 0, Validity.VALID));
        skipS(2);
        store();
        engine.accrue(BTC);
        int256 before = engine.marketState(BTC).longIndexE18;
        skipS(8640);
        store();
        engine.accrue(BTC);
        // 1,024 hundredths of a basis point, three times a day, for a tenth of one.
        int256 paid = engine.marketState(BTC).longIndexE18 - before;
        assertApproxEqRel(paid, int256(60_000e18) * 1024 * 3 / 1e6 / 10, 0.001e18);
    }

    function test_accrue_ATimeWithoutAMarkCostsNothing() public {
        fill(account, BTC, 10e18);
        skipS(3600);
        engine.accrue(BTC);
        assertEq(engine.marketState(BTC).longIndexE18, 0);
        assertEq(engine.marketState(BTC).accruedAtS, block.timestamp);
        setMark(BTC, BTC_PRICE_E18, Validity.TOO_UNCERTAIN);
        skipS(3600);
        store();
        engine.accrue(BTC);
        assertEq(engine.marketState(BTC).longIndexE18, 0);
        setPrice(BTC, BTC_PRICE_E18);
        skipS(10);
        store();
        engine.accrue(BTC);
        assertGt(engine.marketState(BTC).longIndexE18, 0);
    }

    function test_accrue_OnlyUpToTheLongestTime() public {
        fill(account, BTC, 10e18);
        uint256 snapshot = vm.snapshotState();
        skipS(6 hours);
        store();
        engine.accrue(BTC);
        int256 six = engine.marketState(BTC).longIndexE18;
        vm.revertToState(snapshot);
        skipS(6 days);
        store();
        engine.accrue(BTC);
        assertEq(engine.marketState(BTC).longIndexE18, six);
    }

    function test_accrue_TwiceInABlockIsOnce() public {
        fill(account, BTC, 10e18);
        skipS(60);
        store();
        engine.accrue(BTC);
        MarketState memory s = engine.marketState(BTC);
        engine.accrue(BTC);
        assertEq(engine.marketState(BTC).longIndexE18, s.longIndexE18);
    }

    function test_accrue_RevertIf_NotListed() public {
        vm.expectRevert(abi.encodeWithSelector(IPerpEngine.MarketNotOpen.selector, 9, 0));
        engine.accrue(9);
    }

    function test_marginOf_CountsFundingThatIsNotAccruedYet() public {
        fill(account, BTC, 10e18);
        skipS(3600);
        store();
        int256 before = marginFor(account).equityE18;
        engine.accrue(BTC);
        assertEq(marginFor(account).equityE18, before);
    }

    function test_shareLoss_IsPaidBySize() public {
        fill(account, BTC, 3e18);
        fill(other, BTC, 1e18);
        int256 a = marginFor(account).equityE18;
        int256 b = marginFor(other).equityE18;
        int256 before = engine.tradersPnlE18(BTC, BTC_PRICE_E18);
        vm.prank(address(liquidator));
        engine.shareLoss(BTC, true, 1000e18);
        assertApproxEqAbs(marginFor(account).equityE18, a - 750e18, 2);
        assertApproxEqAbs(marginFor(other).equityE18, b - 250e18, 2);
        assertApproxEqAbs(engine.tradersPnlE18(BTC, BTC_PRICE_E18), before - 1000e18, 5);
        fill(account, BTC, -3e18);
        fill(other, BTC, -1e18);
        assertSums(BTC, all);
    }

    function test_shareLoss_OfShorts() public {
        fill(account, BTC, -2e18);
        int256 a = marginFor(account).equityE18;
        vm.prank(address(liquidator));
        engine.shareLoss(BTC, false, 100e18);
        assertApproxEqAbs(marginFor(account).equityE18, a - 100e18, 2);
        assertEq(engine.marketState(BTC).longIndexE18, 0);
    }

    function test_shareLoss_RevertIf_MoreThanTheSideIsWorth() public {
        fill(account, BTC, 1e18);
        vm.startPrank(address(liquidator));
        vm.expectRevert(
            abi.encodeWithSelector(IPerpEngine.LossTooLarge.selector, BTC, 60_000e18 + 1, 60_000e18)
        );
        engine.shareLoss(BTC, true, 60_000e18 + 1);
        // Nobody is short.
        vm.expectRevert(abi.encodeWithSelector(IPerpEngine.LossTooLarge.selector, BTC, 1, 0));
        engine.shareLoss(BTC, false, 1);
    }

    function test_shareLoss_RevertIf_NotTheLiquidator() public {
        vm.expectRevert(abi.encodeWithSelector(IPerpEngine.NotAModule.selector, address(this)));
        engine.shareLoss(BTC, true, 0);
    }

    /// @dev Whatever happens: sums are those of the positions, cash stays as much as it was, and the
    /// pool never thinks that it owes traders less than it pays them.
    function testFuzz_fill_ConservesSumsAndCash(uint256 seed) public {
        int256 cash = cashSum(all);
        uint256 price = BTC_PRICE_E18;
        for (uint256 i; i < 6; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 who = all[seed % 2];
            int256 delta = int256((seed >> 8) % 4e18) - 2e18;
            skipS((seed >> 80) % 4000 + 1);
            price = price * (97 + (seed >> 96) % 7) / 100;
            setPrice(BTC, price);
            store();
            vm.prank(address(orders));
            try engine.fill(_tradeAt(who, delta)) {} catch {}
            assertSums(BTC, all);
            assertEq(cashSum(all), cash);
        }
        _closeAll(cash);
    }

    function _tradeAt(uint256 who, int256 delta) private view returns (Trade memory t) {
        t = tradeOf(who, BTC, delta);
        t.quote = quoteAt(oracle.readMark(BTC).priceE18);
    }

    function _closeAll(int256 cash) private {
        uint256 mark = oracle.readMark(BTC).priceE18;
        int256 owed = engine.tradersPnlE18(BTC, mark);
        int256 got;
        for (uint256 i; i < all.length; ++i) {
            int256 size = sizeOf(all[i], BTC);
            if (size != 0) got += closePart(all[i], BTC, uint256(abs(size)), mark);
        }
        assertLe(got, owed);
        assertApproxEqAbs(got, owed, 12);
        assertEq(cashSum(all), cash);
        MarketState memory s = engine.marketState(BTC);
        assertEq(s.longE18 + s.shortE18, 0);
        assertEq(s.costE18, 0);
        assertEq(s.fundingBasisE18, 0);
        assertEq(engine.tradersPnlE18(BTC, mark), 0);
    }
}
