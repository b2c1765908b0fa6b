// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle, JumpEnd, JumpRule, Mark, Validity} from "../src/interfaces/IMarkOracle.sol";
import {GroupWord} from "../src/report/GroupWord.sol";
import {OracleFixture} from "./OracleFixture.sol";
import {Draft} from "./ReportBuilder.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @notice Prices that jump: market 1, whose neighbours never move. A price here is a mantissa at
/// exponent 15, 10 % is the bound, two reports and two seconds promote.
contract MarkOracleJumpsTest is OracleFixture {
    using GroupWord for uint256;

    uint256 private constant BASE = 50_000_000;
    uint256 private constant UNIT = 10 ** 15;
    JumpRule private rule = JumpRule({boundBps: 1000, reports: 2, holdMs: 2000});

    function setUp() public override {
        super.setUp();
        vm.prank(owner);
        oracle.setDefaultJumpRule(rule);
        send(BASE, Validity.VALID);
        expectStored(BASE, Validity.VALID);
    }

    function test_jumpRule_IsTenPercentTwoReportsAndTwoSecondsAtFirst() public {
        JumpRule memory first = deployOracle("test", owner, 2, 0, owner).jumpRule(4095);
        assertEq(abi.encode(first), abi.encode(rule));
    }

    // ---- what is a jump

    /// @notice A change of exactly the bound is none; any more is, up or down.
    function testFuzz_update_HoldsWhatIsBeyondTheBound(uint256 price) public {
        price = bound(price, 10_000_000, 99_999_999);
        send(price, Validity.VALID);
        bool within = price >= BASE - BASE / 10 && price <= BASE + BASE / 10;
        expectStored(price, within ? Validity.VALID : Validity.TOO_VOLATILE);
        (uint256 accepted,, uint256 agreed) = oracle.heldJump(1);
        assertEq(accepted, within ? 0 : BASE * UNIT);
        assertEq(agreed, 0);
    }

    function test_update_HoldsAtTheEdgesOfTheBound() public {
        testFuzz_update_HoldsWhatIsBeyondTheBound(BASE + BASE / 10);
        setUp();
        testFuzz_update_HoldsWhatIsBeyondTheBound(BASE + BASE / 10 + 1);
        setUp();
        testFuzz_update_HoldsWhatIsBeyondTheBound(BASE - BASE / 10);
        setUp();
        testFuzz_update_HoldsWhatIsBeyondTheBound(BASE - BASE / 10 - 1);
    }

    /// @notice A power of ten too much, in the exponent alone, is a jump.
    function test_update_HoldsAnotherExponent() public {
        skipS(1);
        push(draftOf(wordOf(nowMs(), 0, pricedEntry(BASE, 16, 6), 0, 0)));
        assertEq(oracle.readMark(1).priceE18, BASE * UNIT * 10);
        assertEq(uint256(oracle.readMark(1).validity), uint256(Validity.TOO_VOLATILE));
    }

    /// @notice A held price is stored as signed, with all that was signed of it but the validity,
    /// and its neighbours as if nothing had happened.
    function test_update_StoresTheHeldPriceAsSigned() public {
        skipS(1);
        uint256 jumped = 60_000_000 | (15 << 27) | (9 << 32) | (77 << 39) | (5 << 50);
        uint256 other = pricedEntry(BASE, 15, 6);
        vm.expectEmit(address(oracle));
        emit IMarkOracle.JumpHeld(1, BASE * UNIT, 60_000_000 * UNIT);
        push(draftOf(wordOf(nowMs(), other, jumped, other, bareEntry(0))));
        uint256 held = (jumped & ((1 << 50) - 1)) | (3 << 50);
        // The fourth keeps its last price.
        uint256 kept = BASE | (15 << 27);
        assertEq(oracle.groupWord(0), wordOf(nowMs(), other, held, other, kept));
        vm.expectRevert(
            abi.encodeWithSelector(
                IMarkOracle.ValidityTooLow.selector, 1, Validity.TOO_VOLATILE, Validity.VALID
            )
        );
        oracle.usablePrice(1, 0);
    }

    function test_update_TakesTheFirstPriceEverAsSigned() public {
        skipS(1);
        push(draftOf(wordOf(nowMs(), 0, pricedEntry(BASE, 15, 6), pricedEntry(1, 0, 6), 0)));
        assertEq(uint256(oracle.readMark(2).validity), uint256(Validity.VALID));
        assertEq(oracle.readMark(2).priceE18, 1);
    }

    /// @notice Neither time nor a halt makes a jump go unquestioned: who holds updates back cannot
    /// choose that.
    function testFuzz_update_ComparesWithTheLastPriceHoweverOld(uint24 gapS, bool halted) public {
        if (halted) sendBare(Validity.HALTED);
        skipS(gapS);
        send(60_000_000, Validity.VALID);
        expectStored(60_000_000, Validity.TOO_VOLATILE);
        send(52_000_000, Validity.VALID);
        expectStored(52_000_000, Validity.VALID);
    }

    // ---- how it ends

    function test_update_PromotesToTheSignedValidityOnceEnoughAgree() public {
        send(60_000_000, Validity.VALID);
        uint256 sinceMs = block.timestamp * 1000;
        send(61_000_000, Validity.VALID);
        expectStored(61_000_000, Validity.TOO_VOLATILE);
        (uint256 accepted, uint64 since, uint256 agreed) = oracle.heldJump(1);
        assertEq(accepted, BASE * UNIT);
        assertEq(since, sinceMs);
        assertEq(agreed, 1);

        vm.expectEmit(address(oracle));
        emit IMarkOracle.JumpEnded(1, JumpEnd.PROMOTED);
        send(60_500_000, Validity.GUARDED);
        expectStored(60_500_000, Validity.GUARDED);
        (accepted, since, agreed) = oracle.heldJump(1);
        assertEq(accepted + since + agreed, 0);
        // From here on the new price is the accepted one.
        send(BASE, Validity.VALID);
        expectStored(BASE, Validity.TOO_VOLATILE);
    }

    function testFuzz_update_PromotesWithTheGivenReportsAndNotBefore(uint8 reports) public {
        rule.reports = uint16(bound(reports, 1, 20));
        setRule();
        send(60_000_000, Validity.VALID);
        skipS(10);
        for (uint256 i = 1; i < rule.reports; ++i) {
            send(60_000_000, Validity.VALID);
            expectStored(60_000_000, Validity.TOO_VOLATILE);
        }
        send(60_000_000, Validity.VALID);
        expectStored(60_000_000, Validity.VALID);
    }

    /// @notice Who sends updates cannot promote a jump faster than signed time passes, however many
    /// reports there are to send.
    function testFuzz_update_PromotesNotBeforeSignedTimeHasPassed(uint32 holdMs) public {
        rule.holdMs = uint32(bound(holdMs, 10, 3_600_000));
        setRule();
        skipS(4000);
        uint256 start = nowMs() - 3_600_000;
        for (uint256 i; i < 9; ++i) {
            sendAt(start + i, 60_000_000, Validity.VALID);
            expectStored(60_000_000, Validity.TOO_VOLATILE);
        }
        sendAt(start + rule.holdMs - 1, 60_000_000, Validity.VALID);
        expectStored(60_000_000, Validity.TOO_VOLATILE);
        sendAt(start + rule.holdMs, 60_000_000, Validity.VALID);
        expectStored(60_000_000, Validity.VALID);
    }

    /// @notice Errors far apart are no agreement, however few the reports that were sent in between:
    /// a minute, or the rule's own time where that is longer.
    function testFuzz_update_CountsAnewWhatComesLong(uint32 holdMs, bool late, bool lost) public {
        rule.holdMs = uint32(bound(holdMs, 0, 3_600_000));
        setRule();
        uint256 gapMs = rule.holdMs > 60_000 ? rule.holdMs : 60_000;
        skipS(40_000);
        uint256 timeMs = nowMs() - 30_000_000;
        sendAt(timeMs, 60_000_000, Validity.VALID);
        if (lost) push(draftOf(wordOf(timeMs + gapMs / 2, 0, bareEntry(1), 0, 0)));
        for (uint256 i; i < 3; ++i) {
            timeMs += late ? gapMs + 1 : gapMs;
            sendAt(timeMs, 60_000_000, Validity.VALID);
            if (late) expectHeldSince(timeMs);
        }
        (uint256 accepted,,) = oracle.heldJump(1);
        assertEq(accepted, late ? BASE * UNIT : 0);
        expectPriceAndValidity(60_000_000, late ? Validity.TOO_VOLATILE : Validity.VALID);
    }

    function test_update_CountsAReportOnce() public {
        send(60_000_000, Validity.VALID);
        skipS(1);
        Draft memory d = draftOf(wordOf(nowMs(), 0, pricedEntry(60_000_000, 15, 6), 0, 0));
        push(d);
        for (uint256 i; i < 5; ++i) {
            assertEq(push(d), 0);
            skipS(1);
        }
        (,, uint256 agreed) = oracle.heldJump(1);
        assertEq(agreed, 1);
    }

    /// @notice However many reports agree while signed time stands nearly still: the batch goes on.
    function test_update_CountsNoFurtherThanTheRuleAsks() public {
        rule.holdMs = 3_600_000;
        setRule();
        skipS(3600);
        uint256 start = nowMs() - 3_500_000;
        sendAt(start, 60_000_000, Validity.VALID);
        for (uint256 i = 1; i < 300; ++i) {
            sendAt(start + i, 60_000_000, Validity.VALID);
        }
        (,, uint256 agreed) = oracle.heldJump(1);
        assertEq(agreed, rule.reports);
    }

    function test_update_AcceptsAtOnceWhatReturns() public {
        send(60_000_000, Validity.VALID);
        vm.expectEmit(address(oracle));
        emit IMarkOracle.JumpEnded(1, JumpEnd.RETURNED);
        send(BASE, Validity.VALID);
        expectStored(BASE, Validity.VALID);
        (uint256 accepted,,) = oracle.heldJump(1);
        assertEq(accepted, 0);
    }

    /// @notice Another jump starts the count and the time anew; the accepted price stays.
    function test_update_CountsAnewAfterAnotherJump() public {
        send(60_000_000, Validity.VALID);
        send(61_000_000, Validity.VALID);
        skipS(1);
        vm.expectEmit(address(oracle));
        emit IMarkOracle.JumpHeld(1, BASE * UNIT, 80_000_000 * UNIT);
        send(80_000_000, Validity.VALID);
        (uint256 accepted, uint64 since, uint256 agreed) = oracle.heldJump(1);
        assertEq(accepted, BASE * UNIT);
        assertEq(since, block.timestamp * 1000);
        assertEq(agreed, 0);
        send(80_000_000, Validity.VALID);
        expectStored(80_000_000, Validity.TOO_VOLATILE);
    }

    /// @notice A market that goes on moving agrees with itself from report to report.
    function test_update_AgreesWithThePriceStoredBefore() public {
        send(60_000_000, Validity.VALID);
        send(65_900_000, Validity.VALID);
        send(72_400_000, Validity.VALID);
        expectStored(72_400_000, Validity.VALID);
    }

    function test_update_GoesOnHoldingOverALostPriceAndABadEntry() public {
        send(60_000_000, Validity.VALID);
        uint64 pricedAtMs = uint64(block.timestamp * 1000);
        sendBare(Validity.MISSING);
        skipS(1);
        push(draftOf(wordOf(nowMs(), 0, pricedEntry(1, 7, 6), 0, 0)));
        assertEq(uint256(oracle.readMark(1).validity), uint256(Validity.MISSING));
        assertEq(oracle.readMark(1).priceE18, 60_000_000 * UNIT);
        assertEq(oracle.readMark(1).priceTimeMs, pricedAtMs);
        send(60_000_000, Validity.VALID);
        expectStored(60_000_000, Validity.TOO_VOLATILE);
        send(60_000_000, Validity.VALID);
        expectStored(60_000_000, Validity.VALID);
    }

    // ---- signed as TOO_VOLATILE

    function test_update_TakesASignedTooVolatileForNoJump() public {
        send(BASE + 1, Validity.TOO_VOLATILE);
        expectStored(BASE + 1, Validity.TOO_VOLATILE);
        (uint256 accepted,,) = oracle.heldJump(1);
        assertEq(accepted, 0);
        send(54_900_000, Validity.TOO_VOLATILE);
        // Its price is the accepted one: this is 19 % above the first.
        send(59_500_000, Validity.VALID);
        expectStored(59_500_000, Validity.VALID);
    }

    /// @notice What the committee itself doubts supports no jump; nor does it end its support.
    function testFuzz_update_CountsNoReportThatIsDoubted(bool uncertain) public {
        Validity doubt = uncertain ? Validity.TOO_UNCERTAIN : Validity.TOO_VOLATILE;
        for (uint256 i; i < 5; ++i) {
            send(60_000_000, doubt);
            expectStored(60_000_000, Validity.TOO_VOLATILE);
        }
        send(60_000_000, Validity.GUARDED);
        send(60_000_000, doubt);
        (uint256 accepted,, uint256 agreed) = oracle.heldJump(1);
        assertEq(accepted, BASE * UNIT);
        assertEq(agreed, 1);
        send(60_000_000, Validity.VALID);
        expectStored(60_000_000, Validity.VALID);
    }

    // ---- rules

    function test_setJumpRule_TurnsItOffForOneMarket() public {
        vm.prank(owner);
        vm.expectEmit(address(oracle));
        emit IMarkOracle.JumpRuleChanged(1, JumpRule(0, 1, 0));
        oracle.setJumpRule(1, JumpRule(0, 1, 0));
        send(99_000_000, Validity.VALID);
        expectStored(99_000_000, Validity.VALID);
        assertEq(oracle.jumpRule(2).boundBps, 1000);

        vm.prank(owner);
        oracle.setJumpRule(1, JumpRule(0, 0, 0));
        assertEq(oracle.jumpRule(1).boundBps, 1000);
        send(50_000_000, Validity.VALID);
        expectStored(50_000_000, Validity.TOO_VOLATILE);
    }

    /// @notice Turned off while a jump is held, it ends the hold with the next report.
    function test_setJumpRule_OffEndsAHold() public {
        send(60_000_000, Validity.VALID);
        vm.prank(owner);
        oracle.setJumpRule(1, JumpRule(0, 1, 0));
        send(90_000_000, Validity.VALID);
        expectStored(90_000_000, Validity.VALID);
        (uint256 accepted,,) = oracle.heldJump(1);
        assertEq(accepted, 0);
    }

    function testFuzz_setJumpRule_RevertsIf_OutOfRange(uint16 boundBps, uint16 reports, uint32 ms)
        public
    {
        JumpRule memory given = JumpRule(boundBps, reports, ms);
        bool bounded = boundBps == 0 || (boundBps >= 157 && boundBps <= 10_000);
        bool fine = bounded && reports >= 1 && reports <= 255 && ms <= 3_600_000;
        bool none = boundBps == 0 && reports == 0 && ms == 0;
        bytes memory error = abi.encodeWithSelector(IMarkOracle.JumpRuleOutOfRange.selector, given);
        vm.startPrank(owner);
        if (!fine) vm.expectRevert(error);
        oracle.setDefaultJumpRule(given);
        if (!fine && !none) vm.expectRevert(error);
        oracle.setJumpRule(1, given);
    }

    function test_setJumpRule_JudgesTheEdges() public {
        testFuzz_setJumpRule_RevertsIf_OutOfRange(156, 1, 0);
        testFuzz_setJumpRule_RevertsIf_OutOfRange(157, 255, 3_600_000);
        testFuzz_setJumpRule_RevertsIf_OutOfRange(10_000, 1, 3_600_001);
        testFuzz_setJumpRule_RevertsIf_OutOfRange(10_001, 1, 0);
        testFuzz_setJumpRule_RevertsIf_OutOfRange(157, 256, 0);
        testFuzz_setJumpRule_RevertsIf_OutOfRange(0, 0, 0);
    }

    function testFuzz_setJumpRule_RevertsIf_CallerIsNotTheOwner(address caller) public {
        vm.assume(caller != owner);
        vm.startPrank(caller);
        bytes memory error =
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller);
        vm.expectRevert(error);
        oracle.setJumpRule(1, rule);
        vm.expectRevert(error);
        oracle.setDefaultJumpRule(rule);
    }

    function test_jumpRule_RevertsIf_NoReportCanNameTheMarket() public {
        bytes memory error = abi.encodeWithSelector(IMarkOracle.UnknownMarket.selector, 4096, 4096);
        vm.expectRevert(error);
        oracle.jumpRule(4096);
        vm.expectRevert(error);
        oracle.heldJump(4096);
        vm.prank(owner);
        vm.expectRevert(error);
        oracle.setJumpRule(4096, rule);
    }

    // ---- sending

    function send(uint256 price, Validity validity) private {
        skipS(1);
        sendAt(nowMs(), price, validity);
    }

    function sendAt(uint256 timeMs, uint256 price, Validity validity) private {
        uint256 other = pricedEntry(BASE, 15, 6);
        uint256 entry = pricedEntry(price, 15, uint256(validity));
        assertEq(push(draftOf(wordOf(timeMs, other, entry, 0, other))), 1);
    }

    function sendBare(Validity validity) private {
        skipS(1);
        uint256 other = pricedEntry(BASE, 15, 6);
        push(draftOf(wordOf(nowMs(), other, bareEntry(uint256(validity)), 0, other)));
    }

    function expectPriceAndValidity(uint256 price, Validity validity) private view {
        Mark memory mark = oracle.readMark(1);
        assertEq(mark.priceE18, price * UNIT);
        assertEq(uint256(mark.validity), uint256(validity));
    }

    function expectHeldSince(uint256 timeMs) private view {
        (, uint64 sinceMs,) = oracle.heldJump(1);
        assertEq(sinceMs, timeMs + ORIGIN_MS);
    }

    function expectStored(uint256 price, Validity validity) private view {
        expectPriceAndValidity(price, validity);
        assertEq(uint256(oracle.readMark(0).validity), uint256(Validity.VALID));
    }

    function setRule() private {
        vm.prank(owner);
        oracle.setDefaultJumpRule(rule);
    }
}
