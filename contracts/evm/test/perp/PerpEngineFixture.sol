// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Validity} from "../../src/interfaces/IMarkOracle.sol";
import {MarketState, Position, Quote, Trade} from "../../src/perp/interfaces/IPerpEngine.sol";
import {Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {PerpFixture} from "./PerpFixture.sol";

/// @notice The engine as its modules call it: trades at quotes of one's own.
abstract contract PerpEngineFixture is PerpFixture {
    uint256 internal account;
    uint256 internal other;

    function setUp() public virtual override {
        super.setUp();
        account = cross(alice);
        other = cross(bob);
        fund(account, 100_000);
        fund(other, 1_000_000);
    }

    function quoteAt(uint256 priceE18) internal view returns (Quote memory) {
        return Quote(priceE18, block.timestamp * 1000, Validity.VALID, 5, 0, true);
    }

    /// @dev A trade at the price that the market had at first.
    function tradeOf(uint256 who, uint256 market, int256 sizeDeltaE18)
        internal
        view
        returns (Trade memory t)
    {
        t.account = who;
        t.market = market;
        t.sizeDeltaE18 = sizeDeltaE18;
        t.quote = quoteAt(market == BTC ? BTC_PRICE_E18 : market == ETH ? ETH_PRICE_E18 : 100e18);
    }

    function fillTrade(Trade memory t) internal returns (int256 sizeDeltaE18, uint256 priceE18) {
        vm.prank(address(orders));
        return engine.fill(t);
    }

    function fill(uint256 who, uint256 market, int256 sizeDeltaE18)
        internal
        returns (int256, uint256)
    {
        return fillTrade(tradeOf(who, market, sizeDeltaE18));
    }

    function fillAt(uint256 who, uint256 market, int256 sizeDeltaE18, uint256 priceE18) internal {
        Trade memory t = tradeOf(who, market, sizeDeltaE18);
        t.quote = quoteAt(priceE18);
        fillTrade(t);
    }

    function expectFill(bytes memory refusal, Trade memory t) internal {
        vm.expectRevert(refusal);
        fillTrade(t);
    }

    function closePart(uint256 who, uint256 market, uint256 sizeE18, uint256 priceE18)
        internal
        returns (int256)
    {
        vm.prank(address(liquidator));
        return engine.close(who, market, sizeE18, priceE18);
    }

    function setParam(Scope scope, uint256 id, uint256 field, uint256 value) internal {
        skipS(1 days + 1);
        vm.prank(owner);
        params.change(one(scope, id, field, value));
        store();
    }

    function listMore(uint256 market) internal {
        vm.prank(owner);
        params.list(Scope.MARKET, market, ethDefaults(market));
    }

    function pauseMark(uint256 market) internal {
        vm.prank(guardian);
        oracle.pauseMarket(market, "test");
    }

    function cashSum(uint256[] memory accounts) internal view returns (int256 sum) {
        for (uint256 row = Accounts.POOL; row <= Accounts.DEFICIT; ++row) {
            sum += vault.cashOf(row);
        }
        for (uint256 i; i < accounts.length; ++i) {
            sum += vault.cashOf(accounts[i]);
        }
    }

    /// @dev The market's sums are those over the positions of these accounts, to the unit.
    function assertSums(uint256 market, uint256[] memory accounts) internal view {
        MarketState memory state = engine.marketState(market);
        uint256 longs;
        uint256 shorts;
        int256 cost;
        int256 basis;
        for (uint256 i; i < accounts.length; ++i) {
            Position memory p = engine.position(accounts[i], market);
            if (p.sizeE18 > 0) longs += uint256(int256(p.sizeE18));
            else shorts += uint256(-int256(p.sizeE18));
            cost += p.costE18;
            basis += ceilE18(abs(p.sizeE18) * p.fundingIndexE18);
        }
        assertEq(state.longE18, longs, "longs");
        assertEq(state.shortE18, shorts, "shorts");
        assertEq(state.costE18, cost, "cost");
        assertEq(state.fundingBasisE18, basis, "basis");
    }

    function abs(int256 x) internal pure returns (int256) {
        return x < 0 ? -x : x;
    }

    function ceilE18(int256 x) internal pure returns (int256) {
        return x / 1e18 + (x > 0 && x % 1e18 != 0 ? int256(1) : int256(0));
    }
}
