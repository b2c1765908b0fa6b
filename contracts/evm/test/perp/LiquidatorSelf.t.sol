// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {LiquidatorFixture} from "./LiquidatorFixture.sol";

/// @notice What who liquidates himself gains: nothing, hedged or not, with a full reserve or an empty
/// one.
contract LiquidatorSelfTest is LiquidatorFixture {
    uint256 private constant MARGIN_USD = 4000;

    /// @dev Two accounts of one owner against each other, and an account for his rewards.
    uint256 private long;
    uint256 private short;
    uint256 private own;

    function setUp() public override {
        super.setUp();
        (long, short, own) = (isolated(alice, 1), isolated(alice, 2), cross(alice));
        fund(long, MARGIN_USD);
        fund(short, MARGIN_USD);
        trade(long, BTC, 1e18);
        trade(short, BTC, -1e18);
    }

    function liquidateOwn(uint256 account) private {
        vm.prank(alice);
        liquidator.liquidate(account, BTC, "");
    }

    function worth() private view returns (int256) {
        return equityOf(long) + equityOf(short) + cash(own);
    }

    /// @dev Every price at which the long is below maintenance and not below zero.
    function testFuzz_liquidate_CostsWhoLiquidatesHimself(uint256 price) public {
        price = bound(price, 56_100, 57_000);
        moveTo(BTC, price * 1e18);
        int256 beforeE18 = worth();
        liquidateOwn(long);
        assertLt(worth(), beforeE18);
        assertGt(cash(own), 0);
    }

    /// @dev A gap through zero, and a reserve that pays the flat reward: the reward is less than the two
    /// accounts have paid in fees to stand there.
    function testFuzz_liquidate_PaysNobodyForAGapHeWaitedFor(uint256 price) public {
        setRow(Accounts.RESERVE, 1_000_000e18);
        price = bound(price, 40_000, 55_900);
        moveTo(BTC, price * 1e18);
        int256 lossE18 = equityOf(long);
        assertLt(lossE18, 0);
        liquidateOwn(long);
        int256 rewardE18 = cash(own);
        assertGt(rewardE18, 0);
        reduce(short, BTC, 1e18);
        // Beside what the gap itself left unpaid, he is out of pocket.
        int256 keptE18 = cash(short) + cash(own);
        assertLt(keptE18 + lossE18, int256(2 * MARGIN_USD * 1e18));
    }

    function test_liquidate_PaysAFlatReward_NoMoreThanTheTakerFee() public {
        setRow(Accounts.RESERVE, 1_000_000e18);
        moveTo(BTC, 55_000e18);
        liquidateOwn(long);
        assertEq(cash(own), int256(globalValue(Fields.KEEPER_FLAT_E6) * 1e12));

        fund(cross(bob), 60);
        trade(cross(bob), BTC, 0.02e18);
        moveTo(BTC, 51_000e18);
        uint256 takerE6 = marketValue(BTC, Fields.TAKER_FEE_E6);
        vm.prank(hunter);
        liquidator.liquidate(cross(bob), BTC, "");
        assertApproxEqAbs(cash(cross(hunter)), int256(0.02e18 * 51_000 * takerE6 / 1e6), 1);
    }

    function test_liquidate_PaysNoMoreThanTheReserveHas() public {
        setRow(Accounts.RESERVE, 1e18);
        moveTo(BTC, 55_000e18);
        liquidateOwn(long);
        assertEq(cash(own), 1e18);
        assertEq(cash(Accounts.RESERVE), 0);
    }

    /// @dev Cut into many small ones, a gap pays the keeper no more than its share of the taker fees.
    function test_liquidate_PaysNoMoreForManySmallAccounts() public {
        setRow(Accounts.RESERVE, 1_000_000e18);
        uint256 paidE18;
        for (uint96 i = 10; i < 14; ++i) {
            uint256 account = isolated(bob, i);
            fund(account, 60);
            trade(account, BTC, 0.02e18);
            paidE18 += 0.02e18 * 60_000 * 600 / 1e6;
        }
        moveTo(BTC, 50_000e18);
        for (uint96 i = 10; i < 14; ++i) {
            vm.prank(bob);
            liquidator.liquidate(isolated(bob, i), BTC, "");
        }
        assertGt(cash(cross(bob)), 0);
        assertLt(cash(cross(bob)), int256(paidE18));
    }

    /// @dev Who liquidates in front of another takes his reward, and changes nothing else.
    function test_liquidate_IsTheSameWhoeverComesFirst() public {
        moveTo(BTC, 57_000e18);
        uint256 state = vm.snapshotState();
        vm.prank(hunter);
        uint256 sizeE18 = liquidator.liquidate(long, BTC, "");
        int256 rewardE18 = cash(cross(hunter));
        int256 equityE18 = equityOf(long);
        vm.revertToState(state);
        vm.prank(carol);
        assertEq(liquidator.liquidate(long, BTC, ""), sizeE18);
        assertEq(cash(cross(carol)), rewardE18);
        assertEq(equityOf(long), equityE18);
    }

    function test_liquidate_PaysTheAccountItself_NoMoreThanAnother() public {
        uint256 account = cross(bob);
        fund(account, MARGIN_USD);
        trade(account, BTC, 1e18);
        moveTo(BTC, 57_000e18);
        int256 equityE18 = equityOf(account);
        vm.prank(bob);
        liquidator.liquidate(account, BTC, "");
        assertLt(equityOf(account), equityE18);
    }
}
