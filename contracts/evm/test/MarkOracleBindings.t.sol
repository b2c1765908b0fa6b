// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {
    Binding,
    EntryFault,
    IMarkOracle,
    JumpEnd,
    JumpRule,
    Mark,
    Validity
} from "../src/interfaces/IMarkOracle.sol";
import {OracleFixture} from "./OracleFixture.sol";
import {Draft} from "./ReportBuilder.sol";

/// @notice What market numbers mean: one instrument each, then nothing.
contract MarkOracleBindingsTest is OracleFixture {
    uint256 private constant PRICED = 6;

    // ---- binding

    function test_setCommittee_BindsNumbersFromItsEpochOn() public {
        vm.expectEmit(address(oracle));
        emit IMarkOracle.MarketBound(7, "BTC-USD", 2);
        bindIn(2, 7, "BTC-USD", 0);
        expectBound(7, "BTC-USD", 2);
        expectBound(8, "", 0);
        // Binding it again to the same changes nothing; nor does retiring what was never bound.
        vm.recordLogs();
        bindIn(3, 7, "BTC-USD", block.timestamp + 60);
        bindIn(4, 8, "", 0);
        expectBound(7, "BTC-USD", 2);
        expectBound(8, "", 0);
        // The rotations' own.
        assertEq(vm.getRecordedLogs().length, 2);
    }

    /// @notice Whoever stored a number reads no other instrument under it, ever.
    function testFuzz_setCommittee_RevertsIf_ANumberIsBoundToAnother(bytes28 other, bool overlap)
        public
    {
        vm.assume(other != 0 && other != "BTC-USD");
        bindIn(2, 7, "BTC-USD", 0);
        uint256 untilS = overlap ? block.timestamp + 60 : 0;
        vm.expectRevert(
            abi.encodeWithSelector(IMarkOracle.NumberTaken.selector, 7, bytes32("BTC-USD"), 2)
        );
        bindIn(3, 7, other, untilS);
        // Not even by way of nothing.
        bindIn(3, 7, "", untilS);
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.NumberTaken.selector, 7, bytes32(0), 3));
        bindIn(4, 7, other, 0);
        vm.expectPartialRevert(IMarkOracle.NumberTaken.selector);
        bindIn(4, 7, "BTC-USD", 0);
    }

    function test_setCommittee_RevertsIf_ANameIsTooLong() public {
        bindIn(2, 7, "1234567890123456789012345678", 0);
        bytes32 long = "12345678901234567890123456789";
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.InstrumentTooLong.selector, 8, long));
        bindIn(3, 8, long, 0);
    }

    function test_setCommittee_RevertsIf_NoReportCanNameABoundMarket() public {
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.UnknownMarket.selector, 4096, 4096));
        bindIn(2, 4096, "BTC-USD", 0);
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.UnknownMarket.selector, 4096, 4096));
        oracle.instrumentOf(4096);
    }

    /// @notice What was stored before the number meant anything, a held jump too, says nothing of
    /// the instrument. Its neighbours lose nothing.
    function test_setCommittee_ForgetsWhatWasStoredBeforeTheNumberWasBound() public {
        vm.startPrank(owner);
        oracle.setDefaultJumpRule(JumpRule({boundBps: 1000, reports: 2, holdMs: 0}));
        oracle.pauseMarket(0, "kept");
        vm.stopPrank();
        uint256 other = pricedEntry(10_000_000, 18, PRICED);
        push(draftOf(wordOf(nowMs(), pricedEntry(50_000_000, 18, PRICED), other, 0, 0)));
        skipS(1);
        push(draftOf(wordOf(nowMs(), pricedEntry(60_000_000, 18, PRICED), other, 0, 0)));
        skipS(1);
        uint256 lostMs = nowMs();
        push(draftOf(wordOf(lostMs, bareEntry(1), other, 0, 0)));
        vm.expectEmit(address(oracle));
        emit IMarkOracle.JumpEnded(0, JumpEnd.FORGOTTEN);
        bindIn(2, 0, "BTC-USD", 0);
        (uint256 accepted,,) = oracle.heldJump(0);
        assertEq(accepted, 0);
        assertEq(oracle.groupWord(0), wordOf(lostMs, 0, other, 0, 0) | (1 << 212));
        skipS(1);
        Draft memory d = draftOf(wordOf(nowMs(), pricedEntry(12_345_678, 11, PRICED), other, 0, 0));
        d.epoch = 2;
        push(d);
        assertEq(oracle.readMark(0).priceE18, 12_345_678e11);
        assertEq(uint256(oracle.readMark(0).validity), uint256(Validity.VALID));
    }

    // ---- retiring

    /// @notice A retired number has no price, and nobody makes it have one for strict reads.
    function test_setCommittee_RetiresANumberForGood() public {
        bindIn(2, 1, "LUNA-USD", 0);
        Draft memory d = draft(1, nowMs());
        d.epoch = 2;
        push(d);
        oracle.usablePrice(1, 0);
        vm.expectEmit(address(oracle));
        emit IMarkOracle.MarketBound(1, "", 3);
        vm.expectEmit(address(oracle));
        emit IMarkOracle.MarketPaused(1, owner, "retired");
        bindIn(3, 1, "", block.timestamp + 60);
        expectBound(1, "", 3);
        uint256 entry = ((1 << 53) - 1) << 53;
        assertEq(oracle.groupWord(0), (d.words[0] & ~entry) | (1 << 213));
        Mark memory mark = oracle.readMark(1);
        assertEq(mark.priceE18 + mark.priceTimeMs, 0);
        assertTrue(mark.paused);

        // Even if its committee errs.
        skipS(1);
        d.words[0] = pricedWord(nowMs(), 9);
        d.epoch = 3;
        push(d);
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.Paused.selector, 1));
        oracle.usablePrice(1, 0);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.MarketRetired.selector, 1));
        oracle.unpauseMarket(1, "");
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.PausedByOwner.selector, 1));
        oracle.unpauseMarket(1, "");
    }

    // ---- reports of the epoch before

    /// @notice In overlap, a report of the epoch in which the number meant nothing prices its other
    /// markets, and not that one: on this chain as on one where the number had a price before.
    function testFuzz_update_TakesNoPriceFromBeforeTheNumberWasBound(bool priced, bool near)
        public
    {
        Draft memory d = draft(2, nowMs());
        if (priced) push(d);
        bindIn(2, 6, "NEW-USD", block.timestamp + 60);
        skipS(1);
        uint256 seed = near ? 1 : 5;
        d.words[0] = pricedWord(nowMs(), near ? 0 : 4);
        d.words[1] = pricedWord(nowMs(), seed);
        uint256 entry = (d.words[1] >> 106) % 2 ** 53;
        vm.expectEmit(address(oracle));
        emit IMarkOracle.EntryRejected(6, EntryFault.BEFORE_BINDING, entry);
        assertEq(push(d), 2);
        assertEq(oracle.groupWord(0), d.words[0]);
        uint256 mask = ((1 << 53) - 1) << 106;
        assertEq(oracle.groupWord(1), (d.words[1] & ~mask) | (bareEntry(1) << 106));

        skipS(1);
        d.epoch = 2;
        d.words[0] = pricedWord(nowMs(), 6);
        d.words[1] = pricedWord(nowMs(), 7);
        assertEq(push(d), 2);
        assertEq(oracle.groupWord(1), d.words[1]);
        // Nor does it lose that price to one.
        skipS(1);
        d.epoch = 1;
        d.words[0] = pricedWord(nowMs(), 6);
        d.words[1] = pricedWord(nowMs(), seed);
        push(d);
        Mark memory mark = oracle.readMark(6);
        uint256 good = (pricedWord(0, 7) >> 106) % 2 ** 53;
        assertEq(mark.priceE18, (good % 2 ** 27) * 10 ** ((good >> 27) % 32));
        assertEq(uint256(mark.validity), uint256(Validity.MISSING));
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
