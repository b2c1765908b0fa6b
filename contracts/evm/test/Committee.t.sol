// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommittee} from "../src/interfaces/ICommittee.sol";
import {Binding} from "../src/interfaces/IMarkOracle.sol";
import {IReportErrors} from "../src/interfaces/IReportErrors.sol";
import {OracleFixture} from "./OracleFixture.sol";
import {Draft} from "./ReportBuilder.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

contract CommitteeTest is OracleFixture {
    uint256 private constant GENERATOR_X =
        0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798;

    function testFuzz_committee_ReadsBackWhatWasSet(uint8 size, uint8 threshold) public {
        makeMembers(bound(size, 1, 32));
        threshold = uint8(bound(threshold, members.length / 2 + 1, members.length));
        vm.expectEmit(address(oracle));
        emit ICommittee.CommitteeChanged(2, members, threshold, 0);
        rotate(2, members, threshold, 0);
        (address[] memory read, uint8 readThreshold, uint64 until) = oracle.committee(2);
        assertEq(read, members);
        assertEq(readThreshold, threshold);
        assertEq(until, type(uint64).max);

        Draft memory d = draft(1, nowMs());
        d.epoch = 2;
        // The last members sign: the end of the list is read.
        uint256 signers = ((1 << threshold) - 1) << (members.length - threshold);
        assertEq(oracle.update(fullBody(d, signers)), 1);
    }

    function test_committee_OfAnEpochThatNeverWasIsEmpty() public view {
        (address[] memory read, uint8 threshold, uint64 until) = oracle.committee(9);
        assertEq(read.length + threshold + until, 0);
    }

    // ---- epochs

    function testFuzz_update_RevertsIf_TheEpochIsUnknown(uint32 epoch) public {
        vm.assume(epoch != 1);
        Draft memory d = draft(1, nowMs());
        d.epoch = epoch;
        bytes memory report = fullBody(d, QUORUM);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.UnknownEpoch.selector, epoch, 1));
        oracle.update(report);
    }

    function test_setCommittee_LeavesThePreviousEpochValidForItsOverlap() public {
        uint64 until = uint64(block.timestamp + 600);
        rotate(2, members, THRESHOLD, until);
        vm.warp(until);
        assertEq(push(draft(1, nowMs())), 1);
        vm.warp(until + 1);
        bytes memory report = fullBody(draft(1, nowMs()), QUORUM);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.UnknownEpoch.selector, 1, 2));
        oracle.update(report);
    }

    function test_setCommittee_WithoutOverlapEndsThePreviousEpochAtOnce() public {
        rotate(2, members, THRESHOLD, 0);
        bytes memory report = fullBody(draft(1, nowMs()), QUORUM);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.UnknownEpoch.selector, 1, 2));
        oracle.update(report);
    }

    /// @notice After a compromise no epoch but the new one signs: not even one whose own overlap
    /// had not run out.
    function test_setCommittee_EndsTheEpochBeforeThePreviousOne() public {
        rotate(2, members, THRESHOLD, uint64(block.timestamp + 600));
        rotate(3, members, THRESHOLD, 0);
        for (uint32 epoch = 1; epoch < 3; ++epoch) {
            Draft memory d = draft(1, nowMs());
            d.epoch = epoch;
            bytes memory report = fullBody(d, QUORUM);
            vm.expectRevert(abi.encodeWithSelector(IReportErrors.UnknownEpoch.selector, epoch, 3));
            oracle.update(report);
        }
    }

    // ---- members

    function test_setCommittee_RevertsIf_MembersDoNotRise() public {
        address[] memory wrong = members;
        wrong[3] = wrong[2];
        vm.expectRevert(abi.encodeWithSelector(ICommittee.MemberOrder.selector, 3, wrong[3]));
        rotate(2, wrong, THRESHOLD, 0);
        wrong = members;
        wrong[0] = address(0);
        vm.expectRevert(abi.encodeWithSelector(ICommittee.MemberOrder.selector, 0, address(0)));
        rotate(2, wrong, THRESHOLD, 0);
    }

    function test_setCommittee_RevertsIf_MembersAreNoneOrTooMany() public {
        vm.expectRevert(abi.encodeWithSelector(ICommittee.MemberCount.selector, 0, 32));
        rotate(2, new address[](0), 0, 0);
        vm.expectRevert(abi.encodeWithSelector(ICommittee.MemberCount.selector, 33, 32));
        rotate(2, new address[](33), 17, 0);
    }

    function testFuzz_setCommittee_RevertsIf_ThresholdIsNoMajority(uint8 size, uint8 threshold)
        public
    {
        makeMembers(bound(size, 1, 32));
        vm.assume(threshold <= members.length / 2 || threshold > members.length);
        vm.expectPartialRevert(ICommittee.ThresholdOutOfRange.selector);
        rotate(2, members, threshold, 0);
    }

    function test_setCommittee_RevertsIf_TheOverlapIsInMilliseconds() public {
        vm.expectPartialRevert(ICommittee.OverlapTooLong.selector);
        rotate(2, members, THRESHOLD, uint64(block.timestamp * 1000));
    }

    function testFuzz_setCommittee_RevertsIf_CallerIsNotTheOwner(address caller) public {
        vm.assume(caller != owner);
        vm.startPrank(caller);
        bytes memory error =
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller);
        vm.expectRevert(error);
        oracle.setCommittee(2, members, THRESHOLD, 0, new Binding[](0));
        vm.expectRevert(error);
        oracle.setGuardian(caller);
    }

    // ---- signatures

    function testFuzz_update_RevertsIf_SignersAreNotExactlyTheThreshold(uint32 signers) public {
        vm.assume(countBits(signers) != THRESHOLD || signers > 0x7f);
        bytes memory report = fullBody(draft(1, nowMs()), signers);
        vm.expectRevert(
            abi.encodeWithSelector(IReportErrors.WrongSignerCount.selector, signers, 7, THRESHOLD)
        );
        oracle.update(report);
    }

    function test_update_RevertsIf_ASignatureIsAnotherMembers() public {
        Draft memory d = draft(1, nowMs());
        expectBad(d, signatures(digestOf(d), 0x2f), 4);
    }

    function test_update_RevertsIf_OneSignatureIsGivenTwice() public {
        Draft memory d = draft(1, nowMs());
        bytes memory first = signatures(digestOf(d), 0x01);
        expectBad(d, bytes.concat(first, first, signatures(digestOf(d), 0x1c)), 1);
    }

    /// @notice Nearly all high s need bit 255, which holds the parity. One of the 2^127 that do not
    /// is chosen here, and whoever ecrecover then finds is made a member.
    function test_update_RevertsIf_SIsHigh() public {
        Draft memory d = draft(1, nowMs());
        d.epoch = 2;
        bytes32 high = bytes32((uint256(1) << 255) - 1);
        assertGt(uint256(high), ORDER / 2);
        bytes32 r = bytes32(GENERATOR_X);
        address[] memory one = new address[](1);
        one[0] = ecrecover(digestOf(d), 27, r, high);
        assertTrue(one[0] != address(0));
        rotate(2, one, 1, 0);
        bytes memory report = bytes.concat(unsignedBody(d, singleton(0)), hex"00000001", r, high);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.BadSignature.selector, 0));
        oracle.update(report);
    }

    /// @notice One that is just low enough is taken.
    function test_update_TakesTheGreatestLowS() public {
        Draft memory d = draft(1, nowMs());
        d.epoch = 2;
        bytes32 low = bytes32(ORDER / 2);
        bytes32 r = bytes32(GENERATOR_X);
        address[] memory one = new address[](1);
        one[0] = ecrecover(digestOf(d), 27, r, low);
        rotate(2, one, 1, 0);
        assertEq(
            oracle.update(bytes.concat(unsignedBody(d, singleton(0)), hex"00000001", r, low)), 1
        );
    }

    function test_update_RevertsIf_ASignatureIsZero() public {
        Draft memory d = draft(1, nowMs());
        expectBad(d, bytes.concat(new bytes(64), signatures(digestOf(d), 0x1e)), 0);
    }

    function test_update_RevertsIf_SignedForAnotherDeployment() public {
        Draft memory d = draft(1, nowMs());
        domain = keccak256("another deployment");
        expectBad(d, signatures(digestOf(d), QUORUM), 0);
    }

    /// @notice Nobody outside the committee can sign in a member's place.
    function testFuzz_update_RevertsIf_SignedByOthers(uint256 key, uint8 place) public {
        key = bound(key, 1, ORDER - 1);
        vm.assume(keyOf[vm.addr(key)] == 0);
        Draft memory d = draft(1, nowMs());
        place = uint8(bound(place, 0, 4));
        (bytes32 r, bytes32 vs) = vm.signCompact(key, digestOf(d));
        uint256 before = (1 << place) - 1;
        expectBad(
            d,
            bytes.concat(
                signatures(digestOf(d), before),
                r,
                vs,
                signatures(digestOf(d), QUORUM & ~before & ~(1 << place))
            ),
            place
        );
    }

    function expectBad(Draft memory d, bytes memory signed, uint256 member) private {
        bytes memory report = bytes.concat(unsignedBody(d, singleton(0)), hex"0000001f", signed);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.BadSignature.selector, member));
        oracle.update(report);
    }

    function countBits(uint256 bits) private pure returns (uint256 count) {
        for (uint256 i; i < 32; ++i) {
            count += (bits >> i) & 1;
        }
    }
}
