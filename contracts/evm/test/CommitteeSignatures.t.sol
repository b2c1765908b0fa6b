// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Binding, IMarkOracle} from "../src/interfaces/IMarkOracle.sol";
import {IReportErrors} from "../src/interfaces/IReportErrors.sol";
import {OracleFixture} from "./OracleFixture.sol";
import {Draft} from "./ReportBuilder.sol";

/// @notice Whose signatures count, of what, and in which form.
contract CommitteeSignaturesTest is OracleFixture {
    uint256 private constant GENERATOR_X =
        0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798;

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

    /// @notice Signatures in another order than their members' are others'.
    function test_update_RevertsIf_SignaturesAreUnordered() public {
        Draft memory d = draft(1, nowMs());
        bytes32 digest = digestOf(d);
        bytes memory swapped = bytes.concat(
            signatures(digest, 0x02), signatures(digest, 0x01), signatures(digest, 0x1c)
        );
        expectBad(d, swapped, 0);
    }

    /// @notice A signature that recovers to nobody does not pass for the signer's before it.
    function test_update_RevertsIf_ALaterSignatureRecoversToNobody() public {
        Draft memory d = draft(1, nowMs());
        bytes32 digest = digestOf(d);
        // No point of the curve has this x.
        bytes memory nobody = bytes.concat(bytes32(uint256(5)), bytes32(uint256(1)));
        assertEq(ecrecover(digest, 27, bytes32(uint256(5)), bytes32(uint256(1))), address(0));
        expectBad(d, bytes.concat(signatures(digest, 0x03), nobody, signatures(digest, 0x18)), 2);
    }

    /// @notice One deployment's reports are taken on every chain, and nowhere else.
    function test_update_TakesAReportOnEveryChain() public {
        bytes memory report = fullBody(draft(1, nowMs()), QUORUM);
        vm.chainId(block.chainid + 1);
        assertEq(oracle.update(report), 1);
    }

    /// @notice A deployment that differs in name, governor or nonce refuses what this one takes.
    function test_update_RevertsIf_SignedForAnotherNameGovernorOrNonce() public {
        bytes memory report = fullBody(draft(1, nowMs()), QUORUM);
        address governor = makeAddr("governor");
        IMarkOracle[3] memory others = [
            deployOracle("test2", governor, 1, MAX_FUTURE_MS, owner),
            deployOracle("test", owner, 1, MAX_FUTURE_MS, owner),
            deployOracle("test", governor, 2, MAX_FUTURE_MS, owner)
        ];
        for (uint256 i; i < 3; ++i) {
            vm.prank(owner);
            others[i].setCommittee(1, members, THRESHOLD, 0, new Binding[](0));
            vm.expectRevert(abi.encodeWithSelector(IReportErrors.BadSignature.selector, 0));
            others[i].update(report);
        }
        IMarkOracle same = deployOracle("test", governor, 1, MAX_FUTURE_MS, owner);
        vm.prank(owner);
        same.setCommittee(1, members, THRESHOLD, 0, new Binding[](0));
        assertEq(same.update(report), 1);
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
