// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle, Mark} from "../src/interfaces/IMarkOracle.sol";
import {IReportErrors} from "../src/interfaces/IReportErrors.sol";
import {OracleFixture} from "./OracleFixture.sol";
import {Draft} from "./ReportBuilder.sol";
import {stdError} from "forge-std/StdError.sol";

/// @notice What is refused as a whole, and the largest report, which is not.
contract MarkOracleRefusalsTest is OracleFixture {
    function testFuzz_update_RevertsIf_OneBitIsFlipped(uint256 bit) public {
        Draft memory d = draft(5, nowMs());
        bytes memory report = body(d, pick(5, 0x15), QUORUM);
        bit = bound(bit, 0, report.length * 8 - 1);
        report[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        (bool taken, bytes memory result) =
            address(oracle).call(abi.encodeCall(oracle.update, (report)));
        // A flip in a leaf's time or group may leave nothing that is newer: a no-op.
        if (taken) assertEq(abi.decode(result, (uint256)), 0);
        for (uint256 g; g < 6; ++g) {
            assertEq(oracle.groupWord(g), 0);
        }
        (bool verified,) = address(oracle).call(abi.encodeCall(oracle.verify, (report)));
        assertFalse(verified);
    }

    function testFuzz_update_RevertsIf_CutOrExtended(uint16 length) public {
        bytes memory report = body(draft(5, nowMs()), pick(5, 0x15), QUORUM);
        uint256 given = bound(length, 0, report.length + 100);
        vm.assume(given != report.length);
        bytes memory changed = new bytes(given);
        for (uint256 i; i < given && i < report.length; ++i) {
            changed[i] = report[i];
        }
        vm.expectPartialRevert(IReportErrors.BadLength.selector);
        oracle.update(changed);
    }

    function testFuzz_update_RevertsIf_TimeIsInTheFuture(uint40 timeMs) public {
        uint256 limit = nowMs() + MAX_FUTURE_MS;
        timeMs = uint40(bound(timeMs, limit + 1, type(uint40).max));
        bytes memory report = fullBody(draft(2, timeMs), QUORUM);
        bytes memory error = abi.encodeWithSelector(
            IReportErrors.FutureTime.selector, timeMs + ORIGIN_MS, limit + ORIGIN_MS
        );
        vm.expectRevert(error);
        oracle.update(report);
        vm.expectRevert(error);
        oracle.verify(report);
    }

    function test_constructor_RevertsIf_ReportsMayBeFarInTheFuture() public {
        assertEq(deployOracle("test", owner, 2, 60_000, owner).MAX_FUTURE_MS(), 60_000);
        vm.expectRevert(
            abi.encodeWithSelector(IMarkOracle.MaxFutureOutOfRange.selector, 60_001, 60_000)
        );
        deployOracle("test", owner, 2, 60_001, owner);
    }

    /// @notice A chain whose clock is off the time that words count takes nothing, rather than all.
    function test_update_RevertsIf_TheChainsClockIsOffTheScale() public {
        bytes memory report = fullBody(draft(1, nowMs()), QUORUM);
        vm.warp(ORIGIN_MS / 1000 - 10);
        vm.expectRevert(stdError.arithmeticError);
        oracle.update(report);
        // 40 bits of ms, from 2020 on, end here.
        vm.warp((ORIGIN_MS + (1 << 40)) / 1000);
        report = fullBody(draft(1, type(uint40).max), QUORUM);
        vm.expectPartialRevert(IReportErrors.FutureTime.selector);
        oracle.update(report);
    }

    function test_update_AcceptsTheLastTimeThatIsNotInTheFuture() public {
        bytes memory report = fullBody(draft(1, nowMs() + MAX_FUTURE_MS + 1), QUORUM);
        vm.expectPartialRevert(IReportErrors.FutureTime.selector);
        oracle.update(report);
        assertEq(push(draft(1, nowMs() + MAX_FUTURE_MS)), 1);
    }

    function testFuzz_update_RevertsIf_PauseBitsAreSigned(uint8 bits) public {
        uint256 word = pricedWord(nowMs(), 1) | (bound(bits, 1, 15) << 212);
        bytes memory report = fullBody(draftOf(word), QUORUM);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.PauseBitsSet.selector, 0, word));
        oracle.update(report);
    }

    function test_update_RevertsIf_GroupsDoNotRise() public {
        Draft memory d = draft(4, nowMs());
        uint256[] memory carried = new uint256[](2);
        (carried[0], carried[1]) = (2, 1);
        bytes memory report = body(d, carried, QUORUM);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.GroupOrder.selector, 1, 1, 4));
        oracle.update(report);
        carried[1] = 2;
        report = body(d, carried, QUORUM);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.GroupOrder.selector, 1, 2, 4));
        oracle.update(report);
    }

    function test_update_RevertsIf_AGroupIsNotInTheTree() public {
        bytes memory report = fullBody(draft(2, nowMs()), QUORUM);
        // The second leaf's group, 49 + 39 bytes in, becomes 2.
        report[49 + 39 + 1] = 0x02;
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.GroupOrder.selector, 1, 2, 2));
        oracle.update(report);
        // The first leaf's becomes one beyond all storage: nothing is read there.
        report[49] = 0xff;
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.GroupOrder.selector, 0, 0xff00, 2));
        oracle.update(report);
    }

    /// @notice Bodies of zeros and of ones, of any length, are refused by name, never by a panic.
    function testFuzz_update_RevertsIf_AllBitsAreEqual(uint16 length, bool ones) public {
        bytes memory report = new bytes(bound(length, 0, 3000));
        if (ones) {
            for (uint256 i; i < report.length; ++i) {
                report[i] = 0xff;
            }
        }
        bytes4 error = report.length < 49
            ? IReportErrors.BadLength.selector
            : IReportErrors.UnknownVersion.selector;
        vm.expectPartialRevert(error);
        oracle.update(report);
        vm.expectPartialRevert(error);
        oracle.verify(report);
    }

    /// @notice The largest report there may be: 1024 groups, 4,096 markets, 32 of 32 signers, every
    /// price the greatest. It is beyond a block's gas on most chains, and right all the same.
    function test_update_TakesTheLargestReport() public {
        makeMembers(32);
        rotate(2, members, 32, 0);
        Draft memory d = draft(1024, 0);
        d.epoch = 2;
        uint256 entry = 99_999_999 | (31 << 27) | (0x7f << 32) | (0x7ff << 39) | (6 << 50);
        for (uint256 g; g < 1024; ++g) {
            d.words[g] = wordOf(nowMs() + MAX_FUTURE_MS, entry, entry, entry, entry);
        }
        assertEq(oracle.update(fullBody(d, 0xffffffff)), 1024);
        Mark memory mark = oracle.readMark(4095);
        assertEq(mark.priceE18, 99_999_999 * 10 ** 31);
        assertEq(mark.confidenceBpsE1, 245_760);
        assertEq(mark.premiumBpsE2, -2_080_768);
    }

    function test_update_RevertsIf_TheTreeIsTooLarge() public {
        bytes memory report = fullBody(draft(2, nowMs()), QUORUM);
        (report[45], report[46]) = (0x04, 0x01);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.TooManyGroups.selector, 1025, 1024));
        oracle.update(report);
        (report[45], report[46], report[48]) = (0x00, 0x02, 0x03);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.TooManyGroups.selector, 3, 2));
        oracle.update(report);
    }

    function test_update_RevertsIf_NoGroupIsCarried() public {
        bytes memory report = body(draft(2, nowMs()), new uint256[](0), QUORUM);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.TooManyGroups.selector, 0, 2));
        oracle.update(report);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.TooManyGroups.selector, 0, 2));
        oracle.verify(report);
    }
}
