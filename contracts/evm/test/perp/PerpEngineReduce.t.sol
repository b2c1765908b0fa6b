// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Validity} from "../../src/interfaces/IMarkOracle.sol";
import {IPerpEngine, Margin, Trade} from "../../src/perp/interfaces/IPerpEngine.sol";
import {Purpose} from "../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {Action} from "../../src/perp/lib/Fields.sol";
import {PerpEngineFixture} from "./PerpEngineFixture.sol";

/// @notice Reducing, closing by the liquidator, and withdrawing.
contract PerpEngineReduceTest is PerpEngineFixture {
    function test_fill_RealisesAsMuchAsIsReduced() public {
        fill(account, BTC, 4e18);
        int256 cost = engine.position(account, BTC).costE18;
        int256 before = vault.cashOf(account);
        moveTo(BTC, 61_000e18);
        Trade memory t = tradeOf(account, BTC, -1e18);
        t.quote = quoteAt(61_000e18);
        (, uint256 price) = fillTrade(t);
        // Above the mark: it takes skew away, and pays the maker fee.
        assertGt(price, 61_000e18);
        int256 owed = before - vault.cashOf(account) + int256(price) - cost / 4;
        assertApproxEqAbs(owed, int256(price * 200 / 1e6), 0.1e18);
        assertEq(engine.position(account, BTC).costE18, cost - cost / 4);
    }

    function test_fill_ReduceOnlyIsCutToThePosition() public {
        fill(account, BTC, 1e18);
        Trade memory t = tradeOf(account, BTC, -5e18);
        t.reduceOnly = true;
        (int256 size,) = fillTrade(t);
        assertEq(size, -1e18);
        assertEq(sizeOf(account, BTC), 0);
    }

    function test_fill_RevertIf_ThereIsNothingToReduce() public {
        bytes memory refusal =
            abi.encodeWithSelector(IPerpEngine.NothingToReduce.selector, account, BTC);
        Trade memory t = tradeOf(account, BTC, -1e18);
        t.reduceOnly = true;
        expectFill(refusal, t);
        fill(account, BTC, 1e18);
        t.sizeDeltaE18 = 1e18;
        expectFill(refusal, t);
    }

    function test_fill_ReducesAtTheWorseOfTheConfidence() public {
        fill(account, BTC, 1e18);
        Trade memory t = tradeOf(account, BTC, -0.5e18);
        // 1 % of half-width.
        t.quote.confidenceBpsE1 = 1000;
        t.quote.validity = Validity.TOO_UNCERTAIN;
        (, uint256 price) = fillTrade(t);
        // Less 600; and 0.75 × 59,400² ÷ 2 billion more for the skew that is taken away.
        assertApproxEqAbs(price, 59_401.323e18, 0.001e18);
        fill(other, BTC, -3e18);
        t = tradeOf(other, BTC, 1e18);
        (t.quote.confidenceBpsE1, t.quote.validity) = (1000, Validity.GUARDED);
        (, price) = fillTrade(t);
        // 60,600 of which 2 × 60,600 ÷ 2 billion is off, for the skew taken away.
        assertApproxEqAbs(price, 60_596.328e18, 0.001e18);
    }

    function test_fill_RevertIf_QuoteMayNotReduce() public {
        fill(account, BTC, 1e18);
        for (uint8 v; v <= uint8(Validity.STALE); ++v) {
            Trade memory t = tradeOf(account, BTC, -1e18);
            t.quote.validity = Validity(v);
            expectFill(
                abi.encodeWithSelector(
                    IPerpEngine.NotAllowed.selector, BTC, Action.REDUCE, Validity(v), 0
                ),
                t
            );
        }
    }

    function test_fill_ReducesWhateverIsStored() public {
        fill(account, BTC, 2e18);
        setMark(BTC, BTC_PRICE_E18, Validity.HALTED);
        skipS(2);
        store();
        fill(account, BTC, -1e18);
        skipS(1 hours);
        fill(account, BTC, -0.5e18);
        assertEq(sizeOf(account, BTC), 0.5e18);
    }

    function test_fill_OtherMarketsNeverHinderReducing() public {
        fill(account, BTC, 1e18);
        fill(account, ETH, 10e18);
        setMark(ETH, ETH_PRICE_E18, Validity.HALTED);
        skipS(2);
        store();
        pauseMark(ETH);
        fill(account, BTC, -0.5e18);
        fill(account, BTC, -0.5e18);
        assertEq(sizeOf(account, BTC), 0);
        assertFalse(engine.marginOf(account, Purpose.PERMIT).complete);
    }

    function test_fill_RevertIf_ReducingLowersTheMarginRatio() public {
        uint256 sub = isolated(alice, 1);
        fund(sub, 2500);
        fill(sub, BTC, 1e18);
        // Little equity is left; the confidence of 3 % would cost more than it frees.
        moveTo(BTC, 58_700e18);
        Trade memory t = tradeOf(sub, BTC, -0.5e18);
        t.quote = quoteAt(58_700e18);
        (t.quote.validity, t.quote.confidenceBpsE1) = (Validity.TOO_UNCERTAIN, 3000);
        expectFill(abi.encodeWithSelector(IPerpEngine.WouldLowerMarginRatio.selector, sub), t);
        t.quote.confidenceBpsE1 = 10;
        fillTrade(t);
    }

    function test_fill_WithoutEquityWhatIsLackingMayNotRise() public {
        uint256 sub = isolated(alice, 1);
        fund(sub, 2500);
        fill(sub, BTC, 1e18);
        moveTo(BTC, 57_000e18);
        assertLt(marginFor(sub).equityE18, 0);
        Trade memory t = tradeOf(sub, BTC, -0.5e18);
        t.quote = quoteAt(57_000e18);
        (t.quote.validity, t.quote.confidenceBpsE1) = (Validity.GUARDED, 3000);
        expectFill(abi.encodeWithSelector(IPerpEngine.WouldLowerMarginRatio.selector, sub), t);
        t.quote.confidenceBpsE1 = 10;
        fillTrade(t);
        assertEq(sizeOf(sub, BTC), 0.5e18);
    }

    function testFuzz_fill_ReducingNeverLowersTheRatio(
        uint256 opened,
        uint256 reduced,
        uint256 price,
        uint256 confidence
    ) public {
        opened = bound(opened, 0.01e18, 20e18);
        reduced = bound(reduced, 1, opened - 1);
        price = bound(price, 55_000e18, 70_000e18);
        fill(account, ETH, 10e18);
        fill(account, BTC, int256(opened));
        moveTo(BTC, price);
        price = engine.priceFor(BTC, Action.FUND);
        Margin memory before = marginFor(account);
        Trade memory t = tradeOf(account, BTC, -int256(reduced));
        t.quote = quoteAt(price);
        t.quote.validity = Validity.GUARDED;
        t.quote.confidenceBpsE1 = uint32(bound(confidence, 0, 3000));
        vm.prank(address(orders));
        try engine.fill(t) {
            Margin memory m = marginFor(account);
            if (before.equityE18 > 0) {
                assertGe(
                    m.equityE18 * int256(before.maintenanceE18),
                    before.equityE18 * int256(m.maintenanceE18)
                );
            } else {
                assertLe(
                    int256(m.maintenanceE18) - m.equityE18,
                    int256(before.maintenanceE18) - before.equityE18
                );
            }
        } catch (bytes memory reason) {
            assertEq(bytes4(reason), IPerpEngine.WouldLowerMarginRatio.selector);
        }
    }

    function test_close_RealisesAtThePriceWithoutFee() public {
        fill(account, BTC, -2e18);
        int256 cost = engine.position(account, BTC).costE18;
        int256 before = vault.cashOf(account);
        int256 pnl = closePart(account, BTC, 0.5e18, 58_000e18);
        assertEq(pnl, -29_000e18 - cost / 4);
        assertEq(vault.cashOf(account), before + pnl);
        assertEq(sizeOf(account, BTC), -1.5e18);
        closePart(account, BTC, 1.5e18, 58_000e18);
        assertEq(engine.openMarkets().length, 0);
    }

    function test_close_LeavesADebt() public {
        uint256 sub = isolated(alice, 1);
        fund(sub, 3000);
        fill(sub, BTC, 1e18);
        closePart(sub, BTC, 1e18, 50_000e18);
        assertLt(vault.cashOf(sub), -7000e18);
        assertEq(vault.totalDebtE18(), uint256(-vault.cashOf(sub)));
    }

    function test_close_RevertIf_NotTheLiquidator() public {
        fill(account, BTC, 1e18);
        vm.prank(address(orders));
        vm.expectRevert(abi.encodeWithSelector(IPerpEngine.NotAModule.selector, address(orders)));
        engine.close(account, BTC, 1e18, BTC_PRICE_E18);
    }

    function test_close_RevertIf_NothingOrTooMuch() public {
        fill(account, BTC, 1e18);
        bytes memory refusal =
            abi.encodeWithSelector(IPerpEngine.NothingToReduce.selector, account, BTC);
        vm.startPrank(address(liquidator));
        vm.expectRevert(refusal);
        engine.close(account, BTC, 0, BTC_PRICE_E18);
        vm.expectRevert(refusal);
        engine.close(account, BTC, 1e18 + 1, BTC_PRICE_E18);
    }

    function test_requireWithdrawable_LeavesUnrealisedProfitOut() public {
        uint256 sub = isolated(alice, 1);
        fund(sub, 10_000);
        fill(sub, BTC, 1e18);
        moveTo(BTC, 70_000e18);
        // Initial margin by now 2,800; the profit of 10,000 cannot be taken out.
        vm.startPrank(alice);
        vm.expectPartialRevert(IPerpEngine.BelowInitialMargin.selector);
        vault.withdraw(sub, 0, 7200e6, alice);
        vault.withdraw(sub, 0, 7100e6, alice);
    }

    function test_requireWithdrawable_RevertIf_AMarketCannotBePriced() public {
        fill(account, BTC, 1e18);
        skipS(61);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IPerpEngine.MarginUnknown.selector, account, BTC));
        vault.withdraw(account, 0, 1e6, alice);
    }

    function test_marginOf_WhatCannotBePricedCountsForTheAccount() public {
        fill(account, BTC, 1e18);
        fill(account, ETH, 1e18);
        Margin memory all = marginFor(account);
        moveTo(BTC, 61_000e18);
        setMark(BTC, 1, Validity.HALTED);
        skipS(2);
        store();
        Margin memory m = marginFor(account);
        assertFalse(m.complete);
        assertEq(m.maintenanceE18, all.maintenanceE18 - 1200e18);
        // The last known profit counts to who may be liquidated, and to nothing else.
        assertApproxEqAbs(m.equityE18, all.equityE18 + 1000e18, 10e18);
        m = engine.marginOf(account, Purpose.PERMIT);
        assertFalse(m.complete);
        assertApproxEqAbs(m.equityE18, all.equityE18, 10e18);
    }

    function test_marginOf_ALossThatCannotBePricedCountsNothing() public {
        fill(account, BTC, 1e18);
        moveTo(BTC, 50_000e18);
        pauseMark(BTC);
        Margin memory m = marginFor(account);
        assertEq(m.equityE18, vault.cashOf(account));
        assertEq(m.maintenanceE18, 0);
    }

    function test_pool_IsTheCounterparty() public {
        fill(account, BTC, 1e18);
        int256 sum = vault.cashOf(account) + vault.cashOf(Accounts.POOL);
        int256 insurance = vault.cashOf(Accounts.INSURANCE);
        fillAt(account, BTC, -1e18, 66_000e18);
        // With the last position of the market, the insurance gets its share of the fees.
        insurance = vault.cashOf(Accounts.INSURANCE) - insurance;
        assertGt(insurance, 0);
        assertEq(vault.cashOf(account) + vault.cashOf(Accounts.POOL), sum - insurance);
        assertGt(vault.cashOf(account), 105_000e18);
    }
}
