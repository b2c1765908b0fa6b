// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommittee} from "../src/interfaces/ICommittee.sol";
import {Binding, IMarkOracle} from "../src/interfaces/IMarkOracle.sol";
import {IReportErrors} from "../src/interfaces/IReportErrors.sol";
import {OracleFixture} from "./OracleFixture.sol";
import {Draft} from "./ReportBuilder.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

contract CommitteeTest is OracleFixture {
    function testFuzz_committee_ReadsBackWhatWasSet(uint8 size, uint8 threshold) public {
        makeMembers(bound(size, 1, 32));
        threshold = uint8(bound(threshold, leastThreshold(members.length), members.length));
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

    /// @notice A rotation that was queued before another cannot be carried out after it, and bring
    /// back whom that one removed.
    function test_setCommittee_RevertsIf_ItsEpochIsNotTheNext() public {
        rotate(2, members, THRESHOLD, 0);
        for (uint32 epoch; epoch < 6; ++epoch) {
            if (epoch == 3) continue;
            vm.expectRevert(abi.encodeWithSelector(ICommittee.EpochOrder.selector, epoch, 3));
            rotate(epoch, members, THRESHOLD, 0);
        }
    }

    /// @notice A report for the next epoch is worth nothing before that epoch begins.
    function test_update_RevertsIf_TheEpochHasNotBegun() public {
        Draft memory d = draft(1, nowMs());
        d.epoch = 2;
        bytes memory report = fullBody(d, QUORUM);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.UnknownEpoch.selector, 2, 1));
        oracle.update(report);
        rotate(2, members, THRESHOLD, 0);
        assertEq(oracle.update(report), 1);
    }

    /// @notice The next rotation ends an overlap early.
    function test_setCommittee_EndsAnOverlapEarly() public {
        rotate(2, members, THRESHOLD, block.timestamp + 30 days);
        rotate(3, members, THRESHOLD, block.timestamp + 30 days);
        bytes memory report = fullBody(draft(1, nowMs()), QUORUM);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.UnknownEpoch.selector, 1, 3));
        oracle.update(report);
        (,, uint64 untilS) = oracle.committee(1);
        assertEq(untilS, 0);
    }

    function test_setCommittee_TakesAnOverlapOfThirtyDaysAndNoMore() public {
        uint256 limit = block.timestamp + 30 days;
        vm.expectRevert(
            abi.encodeWithSelector(ICommittee.OverlapTooLong.selector, limit + 1, limit)
        );
        rotate(2, members, THRESHOLD, limit + 1);
        rotate(2, members, THRESHOLD, limit);
        (,, uint64 untilS) = oracle.committee(1);
        assertEq(untilS, limit);
    }

    // ---- revoking

    /// @notice Whoever of the committee signs beside a revoked member signs in vain; those who are
    /// left go on.
    /// forge-config: default.fuzz.runs = 16
    function testFuzz_revokeMember_RefusesWhatTheMemberSigns(uint8 member, bool byOwner) public {
        member = uint8(bound(member, 0, 6));
        vm.expectEmit(address(oracle));
        emit ICommittee.MemberRevoked(1, members[member], byOwner ? owner : guardian);
        revoke(1, members[member], byOwner ? owner : guardian);
        assertEq(oracle.revoked(1), 1 << member);
        Draft memory d = draft(1, nowMs());
        uint256 good;
        for (uint256 signers; signers < 128; ++signers) {
            if (countBits(signers) != THRESHOLD) continue;
            bytes memory report = fullBody(d, signers);
            if ((signers >> member) & 1 == 0) {
                oracle.verify(report);
                good = signers;
                continue;
            }
            bytes memory error =
                abi.encodeWithSelector(IReportErrors.RevokedSigner.selector, signers, 1 << member);
            vm.expectRevert(error);
            oracle.update(report);
            vm.expectRevert(error);
            oracle.verify(report);
        }
        assertEq(oracle.update(fullBody(d, good)), 1);
        (address[] memory all,,) = oracle.committee(1);
        assertEq(all, members);
    }

    function test_revokeMember_RevertsIf_NoQuorumWouldBeLeft() public {
        revoke(1, members[0], guardian);
        revoke(1, members[6], guardian);
        for (uint256 i = 1; i < 6; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ICommittee.QuorumUnreachable.selector, 4, 5));
            revoke(1, members[i], owner);
        }
        assertEq(push(draft(1, nowMs()), 0x3e), 1);
    }

    function test_revokeMember_RevertsIf_TheEpochHasNoSuchMember() public {
        revoke(1, members[2], guardian);
        address[3] memory none = [members[2], address(0), makeAddr("stranger")];
        for (uint256 i; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ICommittee.NotAMember.selector, 1, none[i]));
            revoke(1, none[i], guardian);
        }
        vm.expectRevert(abi.encodeWithSelector(ICommittee.NotAMember.selector, 2, members[0]));
        revoke(2, members[0], guardian);
    }

    function test_revokeMember_FindsTheLastOfTheLargestCommittee() public {
        makeMembers(32);
        rotate(2, members, 22, 0);
        revoke(2, members[31], guardian);
        assertEq(oracle.revoked(2), 1 << 31);
    }

    /// @notice Each epoch has its own: an epoch in overlap keeps its members, the next has all it
    /// was set with.
    function test_revokeMember_IsOfOneEpoch() public {
        revoke(1, members[0], guardian);
        rotate(2, members, THRESHOLD, block.timestamp + 60);
        assertEq(oracle.revoked(2), 0);
        assertEq(oracle.revoked(1), 1);
        bytes memory report = fullBody(draft(1, nowMs()), QUORUM);
        vm.expectPartialRevert(IReportErrors.RevokedSigner.selector);
        oracle.update(report);
        revoke(2, members[1], guardian);
        assertEq(oracle.revoked(1), 1);
        assertEq(oracle.revoked(2), 2);
        assertEq(push(draft(1, nowMs()), 0x3e), 1);
    }

    /// @notice Rotating and ending an epoch leave its revocations as they are.
    function test_setCommittee_KeepsTheRevocationsOfAnEndedEpoch() public {
        revoke(1, members[3], guardian);
        rotate(2, members, THRESHOLD, 0);
        rotate(3, members, THRESHOLD, 0);
        assertEq(oracle.revoked(1), 1 << 3);
    }

    function testFuzz_revokeMember_RevertsIf_CallerIsNeitherGuardianNorOwner(address caller)
        public
    {
        vm.assume(caller != guardian && caller != owner);
        vm.expectRevert(abi.encodeWithSelector(ICommittee.NotGuardian.selector, caller));
        revoke(1, members[0], caller);
        // Not even the member itself.
        vm.expectRevert(abi.encodeWithSelector(ICommittee.NotGuardian.selector, members[0]));
        revoke(1, members[0], members[0]);
    }

    // ---- members

    function test_setCommittee_RevertsIf_MembersDoNotRise() public {
        address[] memory wrong = members;
        wrong[3] = wrong[2];
        vm.expectRevert(abi.encodeWithSelector(ICommittee.MemberOrder.selector, 3, wrong[3]));
        rotate(2, wrong, THRESHOLD, 0);
    }

    /// @notice Nobody has a key of zero, of a precompile, or of what stays where ecrecover finds none.
    function test_setCommittee_RevertsIf_AMemberHasNoKey() public {
        address[5] memory none = [address(0), address(1), address(27), address(28), address(0x1f)];
        for (uint256 i; i < none.length; ++i) {
            address[] memory wrong = members;
            wrong[0] = none[i];
            vm.expectRevert(abi.encodeWithSelector(ICommittee.MemberOrder.selector, 0, none[i]));
            rotate(2, wrong, THRESHOLD, 0);
        }
    }

    function test_setCommittee_RevertsIf_MembersAreNoneOrTooMany() public {
        vm.expectRevert(abi.encodeWithSelector(ICommittee.MemberCount.selector, 0, 32));
        rotate(2, new address[](0), 0, 0);
        vm.expectRevert(abi.encodeWithSelector(ICommittee.MemberCount.selector, 33, 32));
        rotate(2, new address[](33), 17, 0);
    }

    /// @notice Two quorums share more members than may be at fault, in every committee there may be;
    /// one signature fewer, and they do not.
    function test_setCommittee_TakesAThresholdIfQuorumsShareAnHonestMember() public {
        for (uint256 size = 1; size <= 32; ++size) {
            makeMembers(size);
            uint256 faults = (size - 1) / 3;
            uint256 least = leastThreshold(size);
            assertGt(2 * least, size + faults);
            assertLe(2 * (least - 1), size + faults);
            for (uint256 wrong; wrong <= size + 1; wrong += wrong == least - 1 ? size : 1) {
                if (wrong >= least && wrong <= size) continue;
                vm.expectRevert(
                    abi.encodeWithSelector(
                        ICommittee.ThresholdOutOfRange.selector, wrong, least, size
                    )
                );
                rotate(uint32(size + 1), members, uint8(wrong), 0);
            }
            rotate(uint32(size + 1), members, uint8(least), 0);
        }
    }

    function leastThreshold(uint256 size) private pure returns (uint256) {
        uint256[33] memory least = [
            uint256(0),
            1,
            2,
            2,
            3,
            4,
            4,
            5,
            6,
            6,
            7,
            8,
            8,
            9,
            10,
            10,
            11,
            12,
            12,
            13,
            14,
            14,
            15,
            16,
            16,
            17,
            18,
            18,
            19,
            20,
            20,
            21,
            22
        ];
        return least[size];
    }

    function test_renounceOwnership_Reverts() public {
        for (uint256 i; i < 2; ++i) {
            vm.prank(i == 0 ? owner : guardian);
            vm.expectRevert(ICommittee.OwnershipIsKept.selector);
            Ownable(address(oracle)).renounceOwnership();
        }
        assertEq(Ownable(address(oracle)).owner(), owner);
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

    function revoke(uint32 epoch, address member, address by) private {
        vm.prank(by);
        oracle.revokeMember(epoch, member);
    }

    function push(Draft memory d, uint256 signers) private returns (uint256) {
        return oracle.update(fullBody(d, signers));
    }

    function countBits(uint256 bits) private pure returns (uint256 count) {
        for (uint256 i; i < 32; ++i) {
            count += (bits >> i) & 1;
        }
    }
}
