// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Binding, Validity} from "../../src/interfaces/IMarkOracle.sol";
import {IOrders, OrderEnd} from "../../src/perp/interfaces/IOrders.sol";
import {IPerpEngine} from "../../src/perp/interfaces/IPerpEngine.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {Draft} from "../ReportBuilder.sol";
import {OrdersFixture} from "./OrdersFixture.sol";

/// @notice Which report decides an order: exactly one, that nobody could know when it was committed.
contract OrdersSettleTest is OrdersFixture {
    uint256 private dueMs;
    uint256 private id;

    function setUp() public override {
        super.setUp();
        id = commitMarket(ONE);
        dueMs = dueMsNow();
        skipS(2);
    }

    function expectNotFirst(uint256 prevMs, uint256 timeMs) private {
        vm.expectRevert(
            abi.encodeWithSelector(IOrders.NotTheFirstReport.selector, prevMs, dueMs, timeMs)
        );
    }

    function test_settle_TakesAReportOfTheVeryMillisecond() public {
        assertEnd(orders.settle(id, reportAfter(dueMs, dueMs - 1)), OrderEnd.FILLED);
        assertEq(sizeOf(account, BTC), ONE);
        assertGone(id);
    }

    function test_settle_RevertIf_TheReportIsAMillisecondEarly() public {
        bytes memory report = reportAfter(dueMs - 1, dueMs - 2);
        expectNotFirst(dueMs - 2, dueMs - 1);
        orders.settle(id, report);
    }

    function test_settle_RevertIf_TheReportBeforeWasAlreadyDue() public {
        bytes memory report = reportAfter(dueMs + 1, dueMs);
        expectNotFirst(dueMs, dueMs + 1);
        orders.settle(id, report);
    }

    function testFuzz_settle_TakesExactlyTheFirstReport(uint256 prevMs, uint256 gapMs) public {
        skipS(20);
        store();
        prevMs = bound(prevMs, dueMs - 5000, dueMs + 5000);
        uint256 timeMs = prevMs + bound(gapMs, 1, 5000);
        bytes memory report = reportAfter(timeMs, prevMs);
        bool first = prevMs < dueMs && dueMs <= timeMs;
        if (!first) expectNotFirst(prevMs, timeMs);
        orders.settle(id, report);
        assertEq(sizeOf(account, BTC), first ? ONE : int256(0));
    }

    function test_settle_TakesOneOfTwoCandidates() public {
        setPrice(BTC, 50_000e18);
        bytes memory second = reportAfter(dueMs + 500, dueMs + 100);
        setPrice(BTC, 61_000e18);
        bytes memory first = reportAfter(dueMs + 100, dueMs - 400);
        expectNotFirst(dueMs + 100, dueMs + 500);
        orders.settle(id, second);
        orders.settle(id, first);
        assertApproxEqRel(engine.position(account, BTC).costE18, 61_000e18, 0.001e18);
    }

    function test_settle_TakesAReportOlderThanTheStored() public {
        bytes memory report = deciding(dueMs);
        skipS(20);
        setPrice(BTC, 61_000e18);
        store();
        assertEnd(orders.settle(id, report), OrderEnd.FILLED);
        assertEq(oracle.readMark(BTC).priceE18, 61_000e18);
        assertApproxEqRel(engine.position(account, BTC).costE18, 60_000e18, 0.001e18);
    }

    /// @dev The chain's clock may be as far behind the committee's as the oracle lets it: the latest
    /// report that any block could have known when the order was committed does not settle it.
    function test_settle_RevertIf_TheReportWasKnownAtTheCommit() public {
        uint256 latestMs = START_S * 1000 + 10_000 + MAX_FUTURE_MS;
        vm.warp(START_S + 10);
        bytes memory report = reportAfter(latestMs, latestMs - 1100);
        oracle.verify(report);
        vm.expectRevert();
        oracle.verify(reportAfter(latestMs + 1, latestMs - 1100));
        uint256 late = commitMarket(ONE);
        assertEq(orders.order(late).dueMs, latestMs + DELAY_MS);
        vm.expectRevert(
            abi.encodeWithSelector(
                IOrders.NotTheFirstReport.selector, latestMs - 1100, latestMs + DELAY_MS, latestMs
            )
        );
        orders.settle(late, report);
    }

    /// @dev The chain's clock ahead of the committee's: the report that decides comes later, and is the
    /// same.
    function test_settle_WorksWithTheChainAhead() public {
        bytes memory report = deciding(dueMs);
        skipS(OPEN_S - 5);
        store();
        assertEnd(orders.settle(id, report), OrderEnd.FILLED);
    }

    function test_settle_WorksWithTheChainBehind() public {
        vm.warp(dueMs / 1000 - MAX_FUTURE_MS / 1000);
        assertEnd(orders.settle(id, deciding(dueMs)), OrderEnd.FILLED);
    }

    function test_settle_RevertIf_TheReportIsOfTheFuture() public {
        vm.warp(dueMs / 1000 - MAX_FUTURE_MS / 1000 - 1);
        bytes memory report = deciding(dueMs);
        vm.expectRevert();
        orders.settle(id, report);
    }

    function test_settle_RevertIf_ThereIsNoReportBefore() public {
        bytes memory report = reportAfter(dueMs, ORIGIN_MS);
        expectNotFirst(ORIGIN_MS, dueMs);
        orders.settle(id, report);
    }

    function test_settle_RevertIf_OnlyAnotherGroupIsCarried() public {
        bytes memory report = reportOf(1, dueMs, dueMs - 1);
        vm.expectRevert(abi.encodeWithSelector(IOrders.NoLeaf.selector, 0));
        orders.settle(id, report);
    }

    function test_settle_TakesALeafOfItsGroupAlone() public {
        assertEnd(orders.settle(id, reportOf(0, dueMs, dueMs - 1)), OrderEnd.FILLED);
    }

    function test_settle_RevertIf_TheEpochIsInOverlap() public {
        bytes memory report = deciding(dueMs);
        rotate(3, members, THRESHOLD, block.timestamp + 60);
        oracle.verify(report);
        vm.expectRevert(abi.encodeWithSelector(IOrders.WrongEpoch.selector, 2, 3));
        orders.settle(id, report);
        vm.expectRevert(abi.encodeWithSelector(IOrders.WrongEpoch.selector, 2, 3));
        orders.settleMany(ids(id, id), report);
    }

    function test_settle_RevertIf_NotSigned() public {
        bytes memory report = deciding(dueMs);
        report[report.length - 70] ^= 0x01;
        vm.expectRevert();
        orders.settle(id, report);
    }

    function test_settle_RevertIf_Replayed() public {
        bytes memory report = deciding(dueMs);
        orders.settle(id, report);
        vm.expectRevert(abi.encodeWithSelector(IOrders.UnknownOrder.selector, id));
        orders.settle(id, report);
    }

    /// @dev Who copies a settlement gets its reward, and changes nothing else.
    function test_settle_GivesACopierTheRewardAlone() public {
        bytes memory report = deciding(dueMs);
        uint256 before = vm.snapshotState();
        settleAs(keeper, id, report);
        int256 honestE18 = cash(account);
        int128 costE18 = engine.position(account, BTC).costE18;
        vm.revertToState(before);
        vm.roll(block.number + 3);
        skipS(10);
        settleAs(bob, id, report);
        assertEq(cash(account), honestE18);
        assertEq(engine.position(account, BTC).costE18, costE18);
        assertEq(cash(cross(bob)), int256(REWARD_E18));
    }

    function test_settle_RevertIf_Expired() public {
        bytes memory report = deciding(dueMs);
        uint256 endS = orders.order(id).expiresAtS;
        vm.warp(endS + 1);
        vm.expectRevert(abi.encodeWithSelector(IOrders.Expired.selector, id, endS));
        orders.settle(id, report);
        vm.warp(endS);
        store();
        orders.settle(id, report);
        assertGone(id);
    }

    function test_settle_RevertIf_Unknown() public {
        bytes memory report = deciding(dueMs);
        vm.expectRevert(abi.encodeWithSelector(IOrders.UnknownOrder.selector, 77));
        orders.settle(77, report);
    }

    function test_settleMany_SkipsWhatIsNotDecided() public {
        skipS(1);
        uint256 later = commitMarket(-ONE / 2);
        skipS(1);
        bytes memory report = deciding(dueMs);
        uint256[] memory all = new uint256[](4);
        (all[0], all[1], all[2], all[3]) = (99, id, later, id);
        vm.expectEmit(address(orders));
        emit IOrders.Skipped(99, IOrders.UnknownOrder.selector);
        vm.expectEmit(address(orders));
        emit IOrders.Skipped(later, IOrders.NotTheFirstReport.selector);
        vm.expectEmit(address(orders));
        emit IOrders.Skipped(id, IOrders.UnknownOrder.selector);
        vm.prank(keeper);
        orders.settleMany(all, report);
        assertEq(sizeOf(account, BTC), ONE);
        assertEq(orders.pendingOf(account), 1);
        assertEq(cash(cross(keeper)), int256(REWARD_E18));
    }

    function test_settleMany_SettlesAllThatAReportDecides() public {
        uint256 second = commitMarket(ONE);
        bytes memory report = reportAfter(dueMs + 3000, dueMs - 1);
        skipS(10);
        orders.settleMany(ids(id, second), report);
        assertEq(sizeOf(account, BTC), 2 * ONE);
        assertGone(id);
    }

    /// @dev What cannot be judged because of another market's stored price is left as it was.
    function test_settleMany_LeavesWhatAnotherMarketBlocks() public {
        trade(account, ETH, ONE);
        id = commitMarket(ONE);
        dueMs = dueMsNow();
        bytes memory was = abi.encode(orders.order(id));
        skipS(70);
        bytes memory report = deciding(dueMs);
        vm.expectEmit(address(orders));
        emit IOrders.Skipped(id, IPerpEngine.NotAllowed.selector);
        orders.settleMany(ids(id, 1e9), report);
        assertEq(abi.encode(orders.order(id)), was);
        vm.expectRevert();
        orders.settle(id, report);
        store();
        assertEnd(orders.settle(id, report), OrderEnd.FILLED);
    }

    /// @dev 63 of 64 parts of the gas go to the engine: with whatever is given, the order fills or the
    /// settlement reverts, and never does the order fail.
    function testFuzz_settle_NeverFailsForLackOfGas(uint256 gasGiven) public {
        bytes memory report = deciding(dueMs);
        gasGiven = bound(gasGiven, 30_000, 400_000);
        try orders.settle{gas: gasGiven}(id, report) returns (OrderEnd how) {
            assertEnd(how, OrderEnd.FILLED);
        } catch {
            assertEq(orders.pendingOf(account), 1);
            assertEq(cash(Accounts.ESCROW), int256(REWARD_E18 + FAILURE_E18));
        }
    }

    function test_settle_NeverFailsForLackOfGas() public {
        bytes memory report = deciding(dueMs);
        uint256 filled;
        for (uint256 gasGiven = 60_000; gasGiven < 400_000; gasGiven += 2011) {
            uint256 before = vm.snapshotState();
            try orders.settle{gas: gasGiven}(id, report) returns (OrderEnd how) {
                assertEnd(how, OrderEnd.FILLED);
                ++filled;
            } catch {}
            vm.revertToState(before);
        }
        assertGt(filled, 10);
    }

    function test_settle_ForbidsWhereTheCommitteeHalts() public {
        setEntry(BTC, bareEntry(uint256(Validity.HALTED)));
        forbidden(deciding(dueMs));
    }

    function test_settle_ForbidsOpeningWhereTheReportIsGuarded() public {
        setMark(BTC, BTC_PRICE_E18, Validity.GUARDED);
        forbidden(deciding(dueMs));
    }

    /// @dev An entry that no honest committee signs, such as VALID without a price, trades nothing.
    function testFuzz_settle_ForbidsEntriesThatAreMalformed(uint256 entry) public {
        entry = bound(entry, 0, 2 ** 53 - 1);
        setEntry(BTC, entry);
        OrderEnd how = orders.settle(id, deciding(dueMs));
        uint256 mantissa = entry & 0x7ffffff;
        bool malformed = entry >> 50 == 2 || entry >> 50 == 7 || mantissa > 99_999_999
            || (mantissa < 1e7 && (entry >> 27) & 0x1f != 0);
        if (malformed || entry >> 50 < 6) assertEnd(how, OrderEnd.FORBIDDEN);
    }

    function test_settle_ForbidsWhileTheMarketIsPaused() public {
        vm.prank(guardian);
        oracle.pauseMarket(BTC, "test");
        forbidden(deciding(dueMs));
    }

    function test_settle_ForbidsAMarketThatWasRetired() public {
        Binding[] memory bindings = new Binding[](1);
        bindings[0] = Binding(BTC, 0);
        vm.prank(owner);
        oracle.setCommittee(3, members, THRESHOLD, 0, bindings);
        forbidden(ofEpoch(3));
    }

    /// @dev A report that says the market halted ends the order once and for all: no later one is asked.
    function forbidden(bytes memory report) private {
        int256 beforeE18 = cash(account);
        assertEnd(settleAs(keeper, id, report), OrderEnd.FORBIDDEN);
        assertEq(sizeOf(account, BTC), 0);
        assertEq(cash(account), beforeE18 + int256(FAILURE_E18));
        assertEq(cash(cross(keeper)), int256(REWARD_E18));
        assertGone(id);
    }

    function ofEpoch(uint32 epoch) private view returns (bytes memory) {
        Draft memory d = draft(GROUPS, dueMs - ORIGIN_MS);
        d.epoch = epoch;
        d.prevMs = uint40(dueMs - 1 - ORIGIN_MS);
        return fullBody(d, QUORUM);
    }
}
