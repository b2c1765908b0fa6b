// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Validity} from "../../src/interfaces/IMarkOracle.sol";
import {IPerpEngine, Position, Quote, Trade} from "../../src/perp/interfaces/IPerpEngine.sol";
import {Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {Purpose} from "../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {Action, Fields} from "../../src/perp/lib/Fields.sol";
import {PerpEngineFixture} from "./PerpEngineFixture.sol";

/// @notice Opening, and what it must keep to.
contract PerpEngineTest is PerpEngineFixture {
    function test_fill_OpensAndClosesByOrders() public {
        trade(account, BTC, 0.5e18);
        assertEq(sizeOf(account, BTC), 0.5e18);
        assertEq(engine.openMarkets().length, 1);
        assertEq(engine.marketsOf(account).length, 1);
        reduce(account, BTC, -0.5e18);
        assertEq(sizeOf(account, BTC), 0);
        assertEq(engine.openMarkets().length, 0);
        assertEq(engine.marketsOf(account).length, 0);
    }

    function test_fill_PaysImpactAndFee() public {
        (int256 size, uint256 price) = fill(account, BTC, 1e18);
        assertEq(size, 1e18);
        // Half of 60,000 of 2 billion of skew, up.
        assertEq(price, 60_000.9e18);
        Position memory p = engine.position(account, BTC);
        assertEq(p.costE18, 60_000.9e18);
        // Taker, 0.06 %; a fifth of it for the insurance, when the market is accrued.
        uint256 fee = 36.00054e18;
        assertEq(vault.cashOf(account), int256(100_000e18 - fee));
        assertEq(vault.cashOf(Accounts.POOL), int256(POOL_USD * 1e18 + fee));
        assertEq(engine.marketState(BTC).insuredE18, fee / 5);
        engine.accrue(BTC);
        assertEq(vault.cashOf(Accounts.POOL), int256(POOL_USD * 1e18 + fee - fee / 5));
        assertEq(vault.cashOf(Accounts.INSURANCE), int256(INSURANCE_USD * 1e18 + fee / 5));
        assertEq(engine.marketState(BTC).insuredE18, 0);
    }

    function test_fill_TakesMakerFeeForWhatEvensTheSkew() public {
        fill(other, BTC, 1e18);
        int256 before = vault.cashOf(account);
        (, uint256 price) = fill(account, BTC, -3e18);
        // One of three takes the skew away: 0.02 %; two make it: 0.06 %.
        uint256 fee = (1 * price * 200 + 2 * price * 600) / 1e6;
        assertEq(vault.cashOf(account), before - int256(fee));
        // The mean of skews 1 and -2 is -0.5.
        assertEq(price, 60_000e18 - uint256(60_000e18) * 30_000 / 2_000_000_000);
    }

    function test_fill_RevertIf_NotOrders() public {
        Trade memory t = tradeOf(account, BTC, 1e18);
        address[3] memory callers = [alice, owner, address(liquidator)];
        for (uint256 i; i < callers.length; ++i) {
            vm.prank(callers[i]);
            vm.expectRevert(abi.encodeWithSelector(IPerpEngine.NotAModule.selector, callers[i]));
            engine.fill(t);
        }
    }

    function test_fill_RevertIf_MarketNotListed() public {
        expectFill(
            abi.encodeWithSelector(IPerpEngine.MarketNotOpen.selector, 7, 0),
            tradeOf(account, 7, 1e18)
        );
    }

    function test_fill_ReduceOnlyMarketLetsNothingOpen() public {
        fill(account, BTC, 1e18);
        setParam(Scope.MARKET, BTC, Fields.MARKET_STATE, Fields.REDUCE_ONLY);
        bytes memory refusal =
            abi.encodeWithSelector(IPerpEngine.MarketNotOpen.selector, BTC, Fields.REDUCE_ONLY);
        expectFill(refusal, tradeOf(account, BTC, 1e18));
        // What would turn the position around is refused as a whole.
        expectFill(refusal, tradeOf(account, BTC, -2e18));
        fill(account, BTC, -1e18);
        assertEq(sizeOf(account, BTC), 0);
    }

    function test_fill_RevertIf_QuoteMayNotOpen() public {
        for (uint8 v; v < uint8(Validity.VALID); ++v) {
            Trade memory t = tradeOf(account, BTC, 1e18);
            t.quote.validity = Validity(v);
            expectFill(
                abi.encodeWithSelector(
                    IPerpEngine.NotAllowed.selector, BTC, Action.OPEN, Validity(v), 0
                ),
                t
            );
        }
    }

    function test_fill_RevertIf_StoredMarkMayNotOpen() public {
        moveTo(BTC, BTC_PRICE_E18);
        skipS(61);
        expectFill(
            abi.encodeWithSelector(
                IPerpEngine.NotAllowed.selector, BTC, Action.OPEN, Validity.VALID, 61_000
            ),
            tradeOf(account, BTC, 1e18)
        );
        setMark(BTC, BTC_PRICE_E18, Validity.GUARDED);
        store();
        expectFill(
            abi.encodeWithSelector(
                IPerpEngine.NotAllowed.selector, BTC, Action.OPEN, Validity.GUARDED, 0
            ),
            tradeOf(account, BTC, 1e18)
        );
    }

    function test_fill_RevertIf_Paused() public {
        fill(account, BTC, 1e18);
        pauseMark(BTC);
        expectFill(
            abi.encodeWithSelector(
                IPerpEngine.NotAllowed.selector, BTC, Action.REDUCE, Validity.VALID, 0
            ),
            tradeOf(account, BTC, -1e18)
        );
    }

    function test_fill_RevertIf_PriceNotAcceptable() public {
        Trade memory t = tradeOf(account, BTC, 1e18);
        t.acceptablePriceE18 = 60_000.9e18 - 1;
        expectFill(
            abi.encodeWithSelector(
                IPerpEngine.PriceNotAcceptable.selector, 60_000.9e18, 60_000.9e18 - 1
            ),
            t
        );
        t.acceptablePriceE18 = 60_000.9e18;
        fillTrade(t);
        t.sizeDeltaE18 = -1e18;
        t.acceptablePriceE18 = 60_000.9e18 + 1;
        expectFill(
            abi.encodeWithSelector(
                IPerpEngine.PriceNotAcceptable.selector, 60_000.9e18, 60_000.9e18 + 1
            ),
            t
        );
    }

    function test_fill_RevertIf_BelowInitialMargin() public {
        uint256 poor = isolated(alice, 1);
        fund(poor, 2500);
        // 4 % of 60,000 and the fee of 36; impact 0.9.
        (int256 size,) = fill(poor, BTC, 1e18);
        assertEq(size, 1e18);
        uint256 poorer = isolated(alice, 2);
        fund(poorer, 2436);
        vm.expectPartialRevert(IPerpEngine.BelowInitialMargin.selector);
        fill(poorer, BTC, 1e18);
    }

    function test_fill_CountsTheWorseOfTwoPrices() public {
        uint256 long = isolated(alice, 1);
        uint256 short = isolated(alice, 2);
        fund(long, 2500);
        fund(short, 2500);
        // The stored mark has moved away from the settling one, by more than is to spare.
        moveTo(BTC, 59_900e18);
        vm.expectPartialRevert(IPerpEngine.BelowInitialMargin.selector);
        fill(long, BTC, 1e18);
        moveTo(BTC, 60_100e18);
        vm.expectPartialRevert(IPerpEngine.BelowInitialMargin.selector);
        fill(short, BTC, -1e18);
        // The profit by the stored mark does not help either.
        fill(long, BTC, 1e18);
    }

    function test_fill_RevertIf_BelowMinimumMargin() public {
        uint256 poor = isolated(alice, 1);
        fund(poor, 49);
        vm.expectPartialRevert(IPerpEngine.BelowMinimumMargin.selector);
        fill(poor, BTC, 0.001e18);
    }

    function test_fill_RevertIf_PositionTooLarge() public {
        fund(account, 9_000_000);
        vm.expectPartialRevert(IPerpEngine.PositionTooLarge.selector);
        fill(account, ETH, 1700e18);
        fill(account, ETH, 1600e18);
    }

    function test_fill_RevertIf_OpenInterestCap() public {
        fund(account, 9_000_000);
        fund(other, 9_000_000);
        // 10 million by the cap and the depth, half of the pool's 20.
        fill(account, BTC, 100e18);
        vm.expectPartialRevert(IPerpEngine.OpenInterestCap.selector);
        fill(other, BTC, 70e18);
        fill(other, BTC, -100e18);
    }

    function test_fill_OpenInterestIsAShareOfThePool() public {
        fund(account, 9_000_000);
        vault.move(Accounts.POOL, Accounts.REQUESTS, 19_000_000e18);
        // Half of one million.
        vm.expectPartialRevert(IPerpEngine.OpenInterestCap.selector);
        fill(account, BTC, 8.4e18);
        fill(account, BTC, 8.3e18);
    }

    function test_fill_RevertIf_IsolatedAccountOpensASecondMarket() public {
        uint256 sub = isolated(alice, 1);
        fund(sub, 10_000);
        fill(sub, BTC, 0.1e18);
        expectFill(
            abi.encodeWithSelector(IPerpEngine.TooManyMarkets.selector, sub, 1),
            tradeOf(sub, ETH, 1e18)
        );
        fill(sub, BTC, 0.1e18);
        fill(sub, BTC, -0.2e18);
        fill(sub, ETH, 1e18);
    }

    function test_fill_RevertIf_NinthMarket() public {
        fill(account, BTC, 0.1e18);
        fill(account, ETH, 1e18);
        for (uint256 market = 6; market < 12; ++market) {
            listMore(market);
            fill(account, market, 1e18);
        }
        assertEq(engine.marketsOf(account).length, 8);
        listMore(12);
        expectFill(
            abi.encodeWithSelector(IPerpEngine.TooManyMarkets.selector, account, 8),
            tradeOf(account, 12, 1e18)
        );
        // One from the middle of the list.
        fill(account, 7, -1e18);
        fill(account, 12, 1e18);
        assertEq(engine.marketsOf(account).length, 8);
        assertEq(engine.openMarkets().length, 8);
    }

    function test_fill_RevertIf_AnotherMarketCannotBePriced() public {
        fill(account, ETH, 1e18);
        setMark(ETH, ETH_PRICE_E18, Validity.TOO_UNCERTAIN);
        store2();
        expectFill(
            abi.encodeWithSelector(IPerpEngine.MarginUnknown.selector, account, ETH),
            tradeOf(account, BTC, 0.1e18)
        );
    }

    function test_fill_RevertIf_OwesTooMuch() public {
        // Collateral in ether, and a loss in cash beyond what an account may owe to open.
        uint256 sub = isolated(alice, 1);
        fund(sub, 200);
        fundEther(sub, 100e18);
        fill(sub, BTC, 3e18);
        moveTo(BTC, 50_000e18);
        fillAt(sub, BTC, -2.9e18, 50_000e18);
        assertLt(vault.cashOf(sub), -10_000e18);
        vm.expectPartialRevert(IPerpEngine.OwesTooMuch.selector);
        fillAt(sub, BTC, 0.1e18, 50_000e18);
    }

    function test_fill_RevertIf_OutOfRange() public {
        Trade memory t = tradeOf(account, BTC, 2e36 + 1);
        expectFill(
            abi.encodeWithSelector(IPerpEngine.OutOfRange.selector, BTC_PRICE_E18, 2e36 + 1), t
        );
        t.sizeDeltaE18 = type(int256).min;
        expectFill(
            abi.encodeWithSelector(IPerpEngine.OutOfRange.selector, BTC_PRICE_E18, 2 ** 255), t
        );
        t.sizeDeltaE18 = 1;
        t.quote = quoteAt(1e30 + 1);
        expectFill(abi.encodeWithSelector(IPerpEngine.OutOfRange.selector, 1e30 + 1, 1), t);
    }

    function test_fill_RevertIf_Zero() public {
        expectFill(
            abi.encodeWithSelector(IPerpEngine.NothingToReduce.selector, account, BTC),
            tradeOf(account, BTC, 0)
        );
    }

    function test_fill_TurnsAPositionAround() public {
        fill(account, BTC, 1e18);
        (int256 size,) = fill(account, BTC, -3e18);
        assertEq(size, -3e18);
        assertEq(sizeOf(account, BTC), -2e18);
        assertEq(engine.marketState(BTC).longE18, 0);
        assertEq(engine.marketState(BTC).shortE18, 2e18);
        assertEq(engine.marketsOf(account).length, 1);
        assertEq(engine.marketsOf(account)[0], BTC);
    }

    function test_fill_TurningAroundNeedsInitialMargin() public {
        uint256 sub = isolated(alice, 1);
        fund(sub, 3000);
        fill(sub, BTC, 1e18);
        vm.expectPartialRevert(IPerpEngine.BelowInitialMargin.selector);
        fill(sub, BTC, -3e18);
        assertEq(sizeOf(sub, BTC), 1e18);
    }

    function test_priceFor_ReadsOrRefuses() public {
        assertEq(engine.priceFor(BTC, Action.OPEN), BTC_PRICE_E18);
        setMark(BTC, BTC_PRICE_E18, Validity.TOO_VOLATILE);
        store2();
        assertEq(engine.priceFor(BTC, Action.REDUCE), BTC_PRICE_E18);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPerpEngine.NotAllowed.selector, BTC, Action.LIQUIDATE, Validity.TOO_VOLATILE, 0
            )
        );
        engine.priceFor(BTC, Action.LIQUIDATE);
    }

    function test_marginOf_AddsUp() public {
        fill(account, BTC, 1e18);
        fill(account, ETH, -10e18);
        fundEther(account, 1e18);
        moveTo(BTC, 61_000e18);
        int256 equity = vault.cashOf(account);
        // One ether with 10 % off; the cost includes impact.
        equity += 2700e18 + 61_000e18 - engine.position(account, BTC).costE18;
        equity += -30_000e18 - engine.position(account, ETH).costE18;
        assertApproxEqAbs(engine.marginOf(account, Purpose.PERMIT).equityE18, equity, 0.01e18);
        assertEq(engine.marginOf(account, Purpose.PERMIT).initialE18, 2440e18 + 1500e18);
        assertEq(engine.marginOf(account, Purpose.PERMIT).maintenanceE18, 1220e18 + 750e18);
        assertTrue(engine.marginOf(account, Purpose.PERMIT).complete);
    }

    function store2() private {
        skipS(2);
        store();
    }
}
