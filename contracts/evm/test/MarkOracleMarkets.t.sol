// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Binding, IMarkOracle, JumpRule, Mark, Validity} from "../src/interfaces/IMarkOracle.sol";
import {IReportErrors} from "../src/interfaces/IReportErrors.sol";
import {OracleFixture} from "./OracleFixture.sol";
import {Draft} from "./ReportBuilder.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @notice What the owner and the guardian do to markets: pauses, resets, meanings of numbers.
contract MarkOracleMarketsTest is OracleFixture {
    uint256 private constant PRICED = 6;

    // ---- pauses

    function test_unpauseMarket_RevertsIf_ThePauseIsTheOwners() public {
        // One that is the guardian's too is the owner's.
        vm.prank(guardian);
        oracle.pauseMarket(300, "guardian");
        vm.prank(owner);
        oracle.pauseMarket(300, "owner");
        vm.startPrank(guardian);
        oracle.pauseMarket(300, "guardian again");
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.PausedByOwner.selector, 300));
        oracle.unpauseMarket(300, "not yours");
        // Its neighbours by bit are not the owner's.
        oracle.pauseMarket(44, "");
        oracle.unpauseMarket(44, "");
        vm.stopPrank();
        assertTrue(oracle.readMark(300).paused);

        vm.prank(owner);
        oracle.unpauseMarket(300, "lifted");
        assertFalse(oracle.readMark(300).paused);
        // It is nobody's now: the guardian's next is the guardian's.
        vm.startPrank(guardian);
        oracle.pauseMarket(300, "");
        oracle.unpauseMarket(300, "");
        assertFalse(oracle.readMark(300).paused);
    }

    function test_pauseMarket_RevertsIf_NoReportCanNameTheMarket() public {
        vm.startPrank(owner);
        bytes memory error = abi.encodeWithSelector(IMarkOracle.UnknownMarket.selector, 4096, 4096);
        vm.expectRevert(error);
        oracle.pauseMarket(4096, "");
        vm.expectRevert(error);
        oracle.unpauseMarket(4096, "");
    }

    function test_groupWord_RevertsIf_NoReportCanNameTheGroup() public {
        assertEq(oracle.groupWord(1023), 0);
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.UnknownGroup.selector, 1024, 1024));
        oracle.groupWord(1024);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.UnknownGroup.selector, 1024, 1024));
        oracle.resetTime(1024, uint64(ORIGIN_MS + 1), "");
    }

    // ---- resets

    /// @notice A chain whose clock ran an hour ahead took a time an hour ahead. Once the clock is
    /// right again nothing the committee signs is newer, until the owner sets the time back.
    function test_resetTime_LetsTheRightTimeIn() public {
        skipS(3600);
        Draft memory ahead = draft(2, nowMs());
        ahead.words[1] = wordOf(
            nowMs(), pricedEntry(12_345_678, 18, PRICED), bareEntry(1), 0, pricedEntry(77, 0, 3)
        );
        push(ahead);
        vm.warp(block.timestamp - 3600);
        Draft memory right = draft(2, nowMs());
        assertEq(push(right), 0);

        uint64 toMs = uint64(block.timestamp * 1000 - 1);
        vm.expectEmit(address(oracle));
        emit IMarkOracle.GroupTimeReset(1, toMs + 3_600_001, toMs, "clock");
        vm.prank(owner);
        oracle.resetTime(1, toMs, "clock");
        // No price is changed, none can be acted on, none has a time ahead of the group's.
        Mark memory mark = oracle.readMark(4);
        assertEq(mark.priceE18, 12_345_678e18);
        assertEq(mark.priceTimeMs, toMs);
        assertEq(mark.statusTimeMs, toMs);
        assertEq(uint256(mark.validity), uint256(Validity.MISSING));
        assertEq(mark.confidenceBpsE1, 0);
        assertFalse(mark.premiumKnown);
        assertEq(uint256(oracle.readMark(6).validity), uint256(Validity.HALTED));
        assertEq(oracle.readMark(7).priceE18, 77);
        vm.expectPartialRevert(IMarkOracle.ValidityTooLow.selector);
        oracle.priceNoOlderThan(4, type(uint256).max, Validity.HALTED);
        // The other group is untouched.
        assertEq(oracle.groupWord(0), ahead.words[0]);

        assertEq(push(right), 1);
        assertEq(oracle.groupWord(1), right.words[1]);
    }

    function test_resetTime_LowersTheTimesOfLostPricesAndKeepsPauses() public {
        push(draftOf(wordOf(nowMs(), pricedEntry(12_345_678, 18, PRICED), bareEntry(0), 0, 0)));
        skipS(10);
        push(draftOf(wordOf(nowMs(), bareEntry(0), bareEntry(0), 0, 0)));
        vm.startPrank(owner);
        oracle.pauseMarket(2, "");
        uint64 toMs = uint64(block.timestamp * 1000 - 5000);
        oracle.resetTime(0, toMs, "");
        // Lost before that time: its own stays.
        assertEq(oracle.readMark(0).priceTimeMs, toMs - 5000);
        oracle.resetTime(0, toMs - 7000, "");
        assertEq(oracle.readMark(0).priceTimeMs, toMs - 7000);
        assertEq(uint256(oracle.readMark(0).validity), uint256(Validity.HALTED));
        assertTrue(oracle.readMark(2).paused);
    }

    function test_resetTime_KeepsAHeldJump() public {
        vm.prank(owner);
        oracle.setDefaultJumpRule(JumpRule({boundBps: 1000, reports: 1, holdMs: 0}));
        push(draftOf(wordOf(nowMs(), pricedEntry(50_000_000, 18, PRICED), 0, 0, 0)));
        skipS(10);
        push(draftOf(wordOf(nowMs(), pricedEntry(60_000_000, 18, PRICED), 0, 0, 0)));
        vm.prank(owner);
        uint64 toMs = uint64(block.timestamp * 1000 - 9000);
        oracle.resetTime(0, toMs, "");
        (, uint64 sinceMs,) = oracle.heldJump(0);
        assertEq(sinceMs, toMs);
        push(draftOf(wordOf(nowMs(), pricedEntry(80_000_000, 18, PRICED), 0, 0, 0)));
        assertEq(uint256(oracle.readMark(0).validity), uint256(Validity.TOO_VOLATILE));
        (uint256 accepted,,) = oracle.heldJump(0);
        assertEq(accepted, 50_000_000e18);
    }

    /// @notice A jump signed while the clock was an hour ahead is held from the time that the reset
    /// gives the group: what agrees from then on promotes it as it would any other.
    function test_resetTime_HoldsAJumpFromItsOwnTimeOn() public {
        vm.prank(owner);
        oracle.setDefaultJumpRule(JumpRule({boundBps: 1000, reports: 2, holdMs: 2000}));
        push(draftOf(wordOf(nowMs(), pricedEntry(50_000_000, 18, PRICED), 0, 0, 0)));
        uint256 jumped = pricedEntry(60_000_000, 18, PRICED);
        skipS(3600);
        push(draftOf(wordOf(nowMs(), jumped, 0, 0, 0)));
        vm.warp(block.timestamp - 3600);
        uint64 toMs = uint64(block.timestamp * 1000);
        vm.prank(owner);
        oracle.resetTime(0, toMs, "clock");
        (uint256 accepted, uint64 sinceMs,) = oracle.heldJump(0);
        assertEq(accepted, 50_000_000e18);
        assertEq(sinceMs, toMs);
        for (uint256 i; i < 2; ++i) {
            skipS(1);
            push(draftOf(wordOf(nowMs(), jumped, 0, 0, 0)));
        }
        assertEq(uint256(oracle.readMark(0).validity), uint256(Validity.VALID));
    }

    function testFuzz_resetTime_RevertsIf_NotBack(uint64 timeMs) public {
        push(draft(1, nowMs()));
        uint256 storedMs = block.timestamp * 1000;
        timeMs = timeMs % 2 == 0 ? uint64(bound(timeMs, 0, ORIGIN_MS)) : timeMs | (1 << 63);
        if (timeMs % 16 == 0) timeMs = uint64(storedMs);
        vm.prank(owner);
        vm.expectRevert(
            abi.encodeWithSelector(
                IMarkOracle.ResetOutOfRange.selector, timeMs, ORIGIN_MS + 1, storedMs
            )
        );
        oracle.resetTime(0, timeMs, "");
    }

    function test_resetTime_RevertsIf_NothingWasStored() public {
        vm.prank(owner);
        vm.expectPartialRevert(IMarkOracle.ResetOutOfRange.selector);
        oracle.resetTime(0, uint64(ORIGIN_MS + 1), "");
    }

    function testFuzz_resetTime_RevertsIf_CallerIsNotTheOwner(address caller) public {
        vm.assume(caller != owner);
        push(draft(1, nowMs()));
        for (uint256 i; i < 2; ++i) {
            vm.prank(caller);
            vm.expectRevert(
                abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller)
            );
            oracle.resetTime(0, uint64(ORIGIN_MS + 1), "");
            caller = guardian;
        }
    }

    // ---- what numbers mean

    function test_setCommittee_BindsNumbersFromItsEpochOn() public {
        vm.expectEmit(address(oracle));
        emit IMarkOracle.MarketBound(7, "BTC-USD", 2);
        bindIn(2, 7, "BTC-USD", 0);
        expectBound(7, "BTC-USD", 2);
        expectBound(8, "", 0);
        // Binding it again to the same changes nothing, not even with overlap.
        bindIn(3, 7, "BTC-USD", block.timestamp + 60);
        expectBound(7, "BTC-USD", 2);
    }

    /// @notice A new listing need not cost the overlap: nothing was ever priced under its number.
    function test_setCommittee_BindsAFreshNumberWithOverlap() public {
        push(draft(1, nowMs()));
        bindIn(2, 4, "NEW-USD", block.timestamp + 60);
        expectBound(4, "NEW-USD", 2);
    }

    /// @notice The number loses all that the old instrument left; its neighbours lose nothing, and
    /// no report of the epoch before prices the new one.
    function test_setCommittee_TakesThePriceFromANumberBoundAnew() public {
        bindIn(2, 1, "LUNA-USD", 0);
        Draft memory d = draft(1, nowMs());
        d.epoch = 2;
        push(d);
        vm.prank(guardian);
        oracle.pauseMarket(1, "delisted");
        bindIn(3, 1, "LUNA2-USD", 0);
        expectBound(1, "LUNA2-USD", 3);
        uint256 entry = ((1 << 53) - 1) << 53;
        assertEq(oracle.groupWord(0), (d.words[0] & ~entry) | (1 << 213));
        Mark memory mark = oracle.readMark(1);
        assertEq(mark.priceE18 + mark.priceTimeMs, 0);
        assertTrue(mark.paused);

        skipS(1);
        d.words[0] = pricedWord(nowMs(), 9);
        bytes memory report = fullBody(d, QUORUM);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.UnknownEpoch.selector, 2, 3));
        oracle.update(report);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.UnknownEpoch.selector, 2, 3));
        oracle.verify(report);
        d.epoch = 3;
        assertEq(push(d), 1);
        assertEq(oracle.groupWord(0), d.words[0] | (1 << 213));
    }

    /// @notice Neither the time of a lost price nor a held jump outlives the instrument.
    function test_setCommittee_ForgetsJumpsAndLostPricesOfANumberBoundAnew() public {
        vm.prank(owner);
        oracle.setDefaultJumpRule(JumpRule({boundBps: 1000, reports: 2, holdMs: 0}));
        push(draftOf(wordOf(nowMs(), pricedEntry(50_000_000, 18, PRICED), 0, 0, 0)));
        skipS(1);
        push(draftOf(wordOf(nowMs(), pricedEntry(60_000_000, 18, PRICED), 0, 0, 0)));
        skipS(1);
        push(draftOf(wordOf(nowMs(), bareEntry(1), 0, 0, 0)));
        bindIn(2, 0, "BTC-USD", 0);
        (uint256 accepted,,) = oracle.heldJump(0);
        assertEq(accepted, 0);
        assertEq(uint256(oracle.readMark(0).validity), uint256(Validity.HALTED));
        skipS(1);
        Draft memory d = draftOf(wordOf(nowMs(), pricedEntry(12_345_678, 11, PRICED), 0, 0, 0));
        d.epoch = 2;
        push(d);
        oracle.priceNoOlderThan(0, 0, Validity.VALID);
    }

    function test_setCommittee_RevertsIf_ANumberIsBoundAnewWithOverlap() public {
        bindIn(2, 7, "BTC-USD", 0);
        expectOverlapRefused(3, 7, "BTC-USD", "ETH-USD");
        expectOverlapRefused(3, 7, "BTC-USD", "");
        // Bound to nothing, it has had a meaning all the same.
        bindIn(3, 7, "", 0);
        expectBound(7, "", 3);
        expectOverlapRefused(4, 7, "", "ETH-USD");
        assertEq(oracle.currentEpoch(), 3);
    }

    function test_setCommittee_RevertsIf_APricedNumberIsBoundWithOverlap() public {
        push(draft(1, nowMs()));
        expectOverlapRefused(2, 3, "", "ETH-USD");
        // Nor once the price is lost.
        skipS(1);
        push(draftOf(wordOf(nowMs(), 0, 0, 0, 0)));
        expectOverlapRefused(2, 3, "", "ETH-USD");
    }

    function test_setCommittee_RevertsIf_NoReportCanNameABoundMarket() public {
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.UnknownMarket.selector, 4096, 4096));
        bindIn(2, 4096, "BTC-USD", 0);
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.UnknownMarket.selector, 4096, 4096));
        oracle.instrumentOf(4096);
    }

    function expectOverlapRefused(uint32 epoch, uint256 market, bytes32 before, bytes32 instrument)
        private
    {
        // Even one that is over already.
        for (uint256 untilS = 1; untilS <= block.timestamp + 1; untilS += block.timestamp) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IMarkOracle.OverlapWhileRebinding.selector, market, before, untilS
                )
            );
            bindIn(epoch, market, instrument, untilS);
        }
    }

    function expectBound(uint256 market, bytes32 instrument, uint256 fromEpoch) private view {
        (bytes32 bound_, uint32 from) = oracle.instrumentOf(market);
        assertEq(bound_, instrument);
        assertEq(from, fromEpoch);
    }

    function bindIn(uint32 epoch, uint256 market, bytes32 instrument, uint256 untilS) private {
        Binding[] memory bindings = new Binding[](1);
        bindings[0] = Binding(market, instrument);
        vm.prank(owner);
        oracle.setCommittee(epoch, members, THRESHOLD, uint64(untilS), bindings);
    }
}
