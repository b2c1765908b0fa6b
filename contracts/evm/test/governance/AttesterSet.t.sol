// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAttesterSet} from "../../src/governance/interfaces/IAttesterSet.sol";
import {Call} from "../../src/governance/interfaces/IDecisions.sol";
import {IFarGovernor} from "../../src/governance/interfaces/IFarGovernor.sol";
import {IGuardian} from "../../src/governance/interfaces/IGuardian.sol";
import {Binding} from "../../src/interfaces/IMarkOracle.sol";
import {Draft} from "../ReportBuilder.sol";
import {FarFixture, Sent} from "./FarFixture.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice Who can attest decisions, and that no price key can.
contract AttesterSetTest is FarFixture {
    function test_receive_ByAnyThresholdOfThem() public {
        Sent memory sent = send(stepTo(220));
        uint256[4] memory signers = [uint256(0x0f), 0x1e, 0x1f, 0x1b];
        for (uint256 i; i < signers.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            this.doReceive(sent, attest(sent.digest, attesters, signers[i]));
            assertEq(far.received(), 1);
            assertTrue(vm.revertToState(snapshot));
        }
    }

    function test_receive_RevertIf_TooFewSigned() public {
        Sent memory sent = send(stepTo(220));
        expectTooFew(3);
        this.doReceive(sent, attest(sent.digest, attesters, 0x07));
        expectTooFew(0);
        this.doReceive(sent, "");
    }

    function test_receive_RevertIf_OneSignedTwiceOrOutOfOrder() public {
        Sent memory sent = send(stepTo(220));
        bytes memory one = attest(sent.digest, attesters, 0x01);
        bytes memory three = attest(sent.digest, attesters, 0x07);
        vm.expectPartialRevert(IAttesterSet.SignatureOrder.selector);
        this.doReceive(sent, bytes.concat(three, one));
        vm.expectPartialRevert(IAttesterSet.SignatureOrder.selector);
        this.doReceive(sent, bytes.concat(one, three));
    }

    function test_receive_RevertIf_CutOrLonger() public {
        Sent memory sent = send(stepTo(220));
        bytes memory proof = attest(sent.digest, attesters, 0x1f);
        bytes memory longer = bytes.concat(proof, hex"00");
        vm.expectRevert(abi.encodeWithSelector(IAttesterSet.ProofLength.selector, longer.length));
        this.doReceive(sent, longer);
        assembly {
            mstore(proof, 300)
        }
        vm.expectRevert(abi.encodeWithSelector(IAttesterSet.ProofLength.selector, 300));
        this.doReceive(sent, proof);
    }

    /// @dev The other signature of the same key, and those that nobody made.
    function test_receive_RevertIf_MalleableOrInvalid() public {
        Sent memory sent = send(stepTo(220));
        bytes memory three = attest(sent.digest, attesters, 0x07);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(attesterKey[attesters[3]], sent.digest);
        bytes32 highS = bytes32(ORDER - uint256(s));
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, highS));
        this.doReceive(sent, bytes.concat(three, abi.encodePacked(r, highS, v ^ 7)));
        uint8[3] memory wrong = [0, 1, 29];
        for (uint256 i; i < wrong.length; ++i) {
            vm.expectRevert(ECDSA.ECDSAInvalidSignature.selector);
            this.doReceive(sent, bytes.concat(three, abi.encodePacked(r, s, wrong[i])));
        }
        vm.expectRevert(ECDSA.ECDSAInvalidSignature.selector);
        this.doReceive(sent, bytes.concat(three, new bytes(65)));
    }

    /// @dev The whole price committee, over the very digest.
    function test_receive_RevertIf_ThePriceCommitteeSigned() public {
        Sent memory sent = send(stepTo(220));
        bytes memory proof;
        for (uint256 i; i < members.length; ++i) {
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[members[i]], sent.digest);
            proof = bytes.concat(proof, abi.encodePacked(r, s, v));
        }
        vm.expectRevert(abi.encodeWithSelector(IAttesterSet.NotAnAttester.selector, 0, members[0]));
        this.doReceive(sent, proof);
        assertEq(far.received(), 0);
    }

    /// @dev Nor is a report that attesters signed a price, or a report's digest a decision's.
    function test_keys_AreOfOneKindOfMessageOnly() public {
        Sent memory sent = send(stepTo(220));
        Draft memory d = draft(1, nowMs());
        d.epoch = 2;
        bytes32 digest = digestOf(d);
        assertNotEq(digest, sent.digest);
        bytes memory reported = attest(digest, attesters, 0x1f);
        vm.expectRevert();
        this.doReceive(sent, reported);
        bytes memory report = unsignedBody(d, singleton(0));
        report = bytes.concat(report, bytes4(uint32(0x1f)));
        for (uint256 i; i < 5; ++i) {
            (bytes32 r, bytes32 vs) = vm.signCompact(attesterKey[attesters[i]], digest);
            report = bytes.concat(report, r, vs);
        }
        vm.expectRevert();
        oracle.update(report);
    }

    function test_rotate_ByDecisionOfTheOldOnly() public {
        Sent memory sent = send(stepTo(220));
        address[] memory next = makeAttesters(4, "next");
        vm.expectRevert(abi.encodeWithSelector(IAttesterSet.NotOwner.selector, council));
        vm.prank(council);
        attesterSet.rotate(next, 3);
        far.receiveDecision(sent.decision, sent.calls, attest(sent.digest, attesters, 0x0f));
        skipS(DELAY_S);
        far.execute(1, sent.calls);
        carryOut(callsOf(address(attesterSet), abi.encodeCall(IAttesterSet.rotate, (next, 3))));
        assertEq(attesterSet.attesters(), next);
        assertEq(attesterSet.threshold(), 3);

        Sent memory s = send(stepTo(240));
        bytes memory old = attest(s.digest, attesters, 0x1f);
        vm.expectPartialRevert(IAttesterSet.NotAnAttester.selector);
        this.doReceive(s, old);
        this.doReceive(s, attest(s.digest, next, 0x07));
    }

    /// @dev Ten behind a rotation: those that came before it took effect were the old ones' to attest.
    function test_rotate_KeepsWhatArrivedBefore() public {
        Sent memory sent = send(stepTo(220));
        address[] memory next = makeAttesters(3, "next");
        receiveIt(sent);
        Sent memory rotation =
            send(callsOf(address(attesterSet), abi.encodeCall(IAttesterSet.rotate, (next, 2))));
        Sent memory after_ = send(stepTo(230));
        receiveIt(rotation);
        receiveIt(after_);
        skipS(SLOW_S);
        far.execute(1, sent.calls);
        far.execute(2, rotation.calls);
        skipS(1 days);
        far.execute(3, after_.calls);
    }

    function test_rotate_RevertIf_OutOfBounds() public {
        vm.startPrank(address(far));
        vm.expectRevert(abi.encodeWithSelector(IAttesterSet.AttesterCount.selector, 2, 3, 32));
        attesterSet.rotate(makeAttesters(2, "n"), 2);
        vm.expectRevert(abi.encodeWithSelector(IAttesterSet.AttesterCount.selector, 33, 3, 32));
        attesterSet.rotate(makeAttesters(33, "n"), 33);
        vm.expectRevert(abi.encodeWithSelector(IAttesterSet.AttesterThreshold.selector, 1, 2, 3));
        attesterSet.rotate(makeAttesters(3, "n"), 1);
        vm.expectRevert(abi.encodeWithSelector(IAttesterSet.AttesterThreshold.selector, 4, 5, 7));
        attesterSet.rotate(makeAttesters(7, "n"), 4);
        vm.expectRevert(abi.encodeWithSelector(IAttesterSet.AttesterThreshold.selector, 8, 5, 7));
        attesterSet.rotate(makeAttesters(7, "n"), 8);
        address[] memory unordered = makeAttesters(3, "n");
        unordered[2] = unordered[1];
        vm.expectRevert(
            abi.encodeWithSelector(IAttesterSet.AttesterOrder.selector, 2, unordered[1])
        );
        attesterSet.rotate(unordered, 2);
        unordered[0] = address(0x1f);
        vm.expectRevert(
            abi.encodeWithSelector(IAttesterSet.AttesterOrder.selector, 0, address(0x1f))
        );
        attesterSet.rotate(unordered, 2);
        vm.stopPrank();
    }

    function test_rotate_RevertIf_OneSignsPrices() public {
        address[] memory mixed = makeAttesters(3, "n");
        mixed[0] = members[0];
        if (mixed[0] > mixed[1]) (mixed[0], mixed[1]) = (mixed[1], mixed[0]);
        if (mixed[1] > mixed[2]) (mixed[1], mixed[2]) = (mixed[2], mixed[1]);
        vm.expectRevert(
            abi.encodeWithSelector(IAttesterSet.IsCommitteeMember.selector, members[0], 2)
        );
        vm.prank(address(far));
        attesterSet.rotate(mixed, 2);

        // In overlap, an epoch's members still sign; after it, they do not.
        address[] memory fresh = makeAttesters(7, "fresh");
        vm.prank(address(far));
        oracle.setCommittee(3, fresh, 5, uint64(block.timestamp + 1 days), new Binding[](0));
        vm.expectRevert(
            abi.encodeWithSelector(IAttesterSet.IsCommitteeMember.selector, members[0], 2)
        );
        vm.prank(address(far));
        attesterSet.rotate(mixed, 2);
        skipS(1 days + 1);
        vm.prank(address(far));
        attesterSet.rotate(mixed, 2);
        assertTrue(attesterSet.isAttester(members[0]));
    }

    /// @dev The other way about: a decision that names an attester to sign prices.
    function test_setCommittee_RevertIf_OneIsAnAttester() public {
        Sent memory sent = send(stepTo(220));
        receiveIt(sent);
        skipS(DELAY_S);
        far.execute(1, sent.calls);
        address[] memory mixed = makeAttesters(7, "fresh");
        mixed[0] = attesters[0];
        for (uint256 i = 1; i < 7 && mixed[i - 1] > mixed[i]; ++i) {
            (mixed[i - 1], mixed[i]) = (mixed[i], mixed[i - 1]);
        }
        Call[] memory calls = callsOf(
            address(oracle), abi.encodeCall(oracle.setCommittee, (3, mixed, 5, 0, new Binding[](0)))
        );
        Sent memory s = send(calls);
        receiveIt(s);
        skipS(SLOW_S);
        vm.expectRevert(abi.encodeWithSelector(IAttesterSet.IsAttester.selector, attesters[0]));
        far.execute(2, calls);
        vetoFar(s);
        far.skip(2);
        mixed = makeAttesters(7, "fresh");
        carryOut(
            callsOf(
                address(oracle),
                abi.encodeCall(oracle.setCommittee, (3, mixed, 5, 0, new Binding[](0)))
            )
        );
        assertEq(oracle.currentEpoch(), 3);
    }

    /// @dev What a threshold of stolen attester keys can do: queue, and be vetoed; here and now nothing.
    function test_forgery_WaitsAndCanBeVetoed() public {
        Sent memory sent = send(stepTo(220));
        Call[] memory theft = callsOf(
            address(params), abi.encodeWithSignature("transferOwnership(address)", mallory)
        );
        Sent memory forged = sent;
        forged.calls = theft;
        forged.decision.payloadHash = keccak256(abi.encode(theft));
        forged.digest = far.digestOf(forged.decision);
        receiveIt(forged);
        assertEq(far.decisionOf(1).readyAtS, block.timestamp + SLOW_S);
        vm.expectPartialRevert(IFarGovernor.NotReady.selector);
        far.execute(1, theft);
        vetoFar(forged);
        skipS(SLOW_S);
        vm.expectPartialRevert(IFarGovernor.NotReady.selector);
        far.execute(1, theft);
        // Its nonce is lost: the home chain sends what it meant anew.
        far.skip(1);
        carryOut(stepTo(220));
    }

    /// @dev A removal of the guardian cannot be vetoed: so it must not be able to wait for ever either.
    function test_forgery_RevertIf_ItWouldHoldUpTheOrder() public {
        Sent memory forged =
            send(callsOf(address(farGuardian), abi.encodeCall(IGuardian.setCouncil, (mallory))));
        uint256 mostEta = block.timestamp + 30 days;
        expectTimes(forged, mostEta + 1, mostEta + 2);
        expectTimes(forged, type(uint64).max, type(uint64).max);
        expectTimes(forged, mostEta, mostEta + 180 days + 1);
        expectTimes(forged, mostEta, type(uint64).max);
        (forged.decision.eta, forged.decision.expiresAt) =
        (uint64(mostEta), uint64(mostEta + 180 days));
        forged.digest = far.digestOf(forged.decision);
        receiveIt(forged);
        assertEq(far.received(), 1);
    }

    function expectTimes(Sent memory s, uint256 eta, uint256 expiresAt) private {
        (s.decision.eta, s.decision.expiresAt) = (uint64(eta), uint64(expiresAt));
        bytes memory proof = attest(far.digestOf(s.decision), attesters, 0x1f);
        vm.expectPartialRevert(IFarGovernor.TimesOutOfRange.selector);
        this.doReceive(s, proof);
    }

    function expectTooFew(uint256 count) private {
        vm.expectRevert(abi.encodeWithSelector(IAttesterSet.TooFewSignatures.selector, count, 4));
    }
}
