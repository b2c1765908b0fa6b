// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle, JumpRule, Mark, Validity} from "../src/interfaces/IMarkOracle.sol";
import {OracleFixture} from "./OracleFixture.sol";
import {Draft} from "./ReportBuilder.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @notice What the owner and the guardian do to markets: pauses and resets.
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

    /// @notice An event is a change: of the pause, or of whose it is.
    function test_pauseMarket_SaysOnlyWhatItChanges() public {
        vm.recordLogs();
        vm.startPrank(guardian);
        oracle.pauseMarket(300, "");
        expectLogs(1);
        oracle.pauseMarket(300, "again");
        oracle.unpauseMarket(301, "not paused");
        expectLogs(0);
        vm.startPrank(owner);
        oracle.pauseMarket(300, "now the owner's");
        expectLogs(1);
        oracle.pauseMarket(300, "again");
        expectLogs(0);
        oracle.unpauseMarket(300, "");
        expectLogs(1);
        oracle.unpauseMarket(300, "again");
        expectLogs(0);
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
        uint256 word = wordOf(
            toMs - ORIGIN_MS,
            bareEntry(1) | 12_345_678 | (18 << 27),
            bareEntry(1),
            0,
            bareEntry(1) | 77
        );
        emit IMarkOracle.GroupTimeReset(1, toMs + 3_600_001, toMs, word, "clock");
        vm.prank(owner);
        oracle.resetTime(1, toMs, "clock");
        assertEq(oracle.groupWord(1), word);
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
        oracle.priceNoOlderNorWorse(4, type(uint256).max, Validity.HALTED);
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

    function expectLogs(uint256 count) private {
        assertEq(vm.getRecordedLogs().length, count);
    }
}
