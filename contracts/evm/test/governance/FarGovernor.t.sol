// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IDecisionOutbox} from "../../src/governance/interfaces/IDecisionOutbox.sol";
import {IDecisionSource} from "../../src/governance/interfaces/IDecisionSource.sol";
import {Call, Decision} from "../../src/governance/interfaces/IDecisions.sol";
import {Gated, IExecutionRules} from "../../src/governance/interfaces/IExecutionRules.sol";
import {DecisionState, IFarGovernor} from "../../src/governance/interfaces/IFarGovernor.sol";
import {IFarGuardian} from "../../src/governance/interfaces/IFarGuardian.sol";
import {IGuardian} from "../../src/governance/interfaces/IGuardian.sol";
import {IMarkOracle} from "../../src/interfaces/IMarkOracle.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {FarFixture, Sent} from "./FarFixture.sol";
import {Proposal} from "./GovernanceFixture.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @notice Calls its far governor again from inside a decision.
contract FarReentrant {
    bytes private _data;
    bytes public why;
    bool public done;

    function arm(bytes calldata data) external {
        _data = data;
    }

    function poke() external {
        (done, why) = msg.sender.call(_data);
    }
}

/// @notice A made-up canonical bridge: what arrived of the home chain's outbox.
contract BridgeInbox is IDecisionSource {
    address private immutable MESSENGER;
    mapping(bytes32 digest => bool) private _arrived;

    constructor(address messenger) {
        MESSENGER = messenger;
    }

    function deliver(bytes32 digest) external {
        require(msg.sender == MESSENGER);
        _arrived[digest] = true;
    }

    function requireDecided(bytes32 digest, bytes calldata) external view {
        if (!_arrived[digest]) revert NotDecided(digest);
    }
}

/// @notice What the home chain decides reaches a far one once, in order, late, and not against a veto.
contract FarGovernorTest is FarFixture {
    /// @dev From a vote at home to a parameter on the far chain.
    function test_decision_OfAVoteReachesTheFarChain() public {
        vm.chainId(HOME);
        Call[] memory calls = stepTo(220);
        Proposal memory p = proposalOf(
            address(outbox),
            abi.encodeCall(IDecisionOutbox.send, (FAR, address(far), calls, 0, LIFE_S))
        );
        passAndQueue(p);
        toEta(p);
        vm.recordLogs();
        execute(p);
        Sent memory s = lastSent();
        assertEq(outbox.digestOf(FAR, address(far), 1), s.digest);
        vm.chainId(FAR);
        assertEq(far.digestOf(s.decision), s.digest);
        receiveIt(s);
        skipS(DELAY_S);
        far.execute(1, calls);
        assertEq(btcNow(Fields.MAINTENANCE_0_BPS), 220);
        assertEq(uint8(far.stateOf(1)), uint8(DecisionState.EXECUTED));
    }

    function test_owned_ObeyTheFarGovernorAlone() public {
        assertEq(Ownable(address(oracle)).owner(), address(far));
        assertEq(Ownable(address(params)).owner(), address(far));
        vm.expectRevert();
        vm.prank(address(timelock));
        params.change(btc(Fields.MAINTENANCE_0_BPS, 220));
    }

    function test_execute_RevertIf_BeforeItsDelayOrItsEta() public {
        vm.chainId(HOME);
        vm.recordLogs();
        vm.prank(address(timelock));
        outbox.send(FAR, address(far), stepTo(220), 10 days, LIFE_S);
        Sent memory s = lastSent();
        vm.chainId(FAR);
        receiveIt(s);
        assertEq(far.decisionOf(1).readyAtS, s.decision.eta);
        vm.warp(s.decision.eta - 1);
        expectNotReady(1, DecisionState.QUEUED, s.decision.eta);
        far.execute(1, s.calls);
        vm.warp(s.decision.eta);
        far.execute(1, s.calls);

        // One that comes late waits for the delay here all the same.
        s = send(stepTo(240));
        skipS(20 days);
        receiveIt(s);
        uint256 readyAtS = block.timestamp + DELAY_S;
        vm.warp(readyAtS - 1);
        expectNotReady(2, DecisionState.QUEUED, readyAtS);
        far.execute(2, s.calls);
        skipS(1);
        far.execute(2, s.calls);
        assertEq(btcNow(Fields.MAINTENANCE_0_BPS), 240);
    }

    function test_execute_WaitsLongerForSlowKinds() public {
        Sent memory s = send(callsOf(address(oracle), abi.encodeCall(oracle.setGuardian, (carol))));
        receiveIt(s);
        assertEq(far.decisionOf(1).readyAtS, block.timestamp + SLOW_S);
    }

    function test_receive_RevertIf_OutOfOrderOrAgain() public {
        Sent memory first = send(stepTo(220));
        Sent memory second = send(stepTo(240));
        vm.expectRevert(abi.encodeWithSelector(IFarGovernor.NonceOrder.selector, 2, 1));
        this.doReceive(second, attest(second.digest, attesters, 0x0f));
        receiveIt(first);
        vm.expectRevert(abi.encodeWithSelector(IFarGovernor.NonceOrder.selector, 1, 2));
        this.doReceive(first, attest(first.digest, attesters, 0x0f));
        receiveIt(second);
    }

    function test_execute_RevertIf_OutOfOrderOrAgain() public {
        Sent memory first = send(stepTo(220));
        Sent memory second = send(stepTo(240));
        receiveIt(first);
        receiveIt(second);
        skipS(DELAY_S);
        expectNotReady(2, DecisionState.QUEUED, block.timestamp);
        far.execute(2, second.calls);
        far.execute(1, first.calls);
        expectNotReady(1, DecisionState.EXECUTED, block.timestamp);
        far.execute(1, first.calls);
        expectNotReady(3, DecisionState.UNKNOWN, 0);
        far.execute(3, first.calls);
    }

    /// @dev Ten decisions that nobody carried over, one of them vetoed at last, one expired.
    function test_catchUp_OfAChainThatMissedTen() public {
        Sent[10] memory missed;
        for (uint256 i; i < 10; ++i) {
            missed[i] = send(stepTo(200 + 2 * (i + 1)));
            skipS(1 days);
        }
        skipS(5 days);
        for (uint256 i; i < 10; ++i) {
            receiveIt(missed[i]);
        }
        vetoFar(missed[4]);
        skipS(DELAY_S);
        for (uint64 nonce = 1; nonce <= 10; ++nonce) {
            if (nonce == 5) {
                expectNotReady(5, DecisionState.VETOED, far.decisionOf(5).readyAtS);
                far.execute(5, missed[4].calls);
                far.skip(5);
            } else {
                far.execute(nonce, missed[nonce - 1].calls);
                assertEq(btcNow(Fields.MAINTENANCE_0_BPS), 200 + 2 * nonce);
            }
            // A parameter moves once a day here too.
            skipS(1 days);
        }
        assertEq(far.done(), 10);
    }

    function test_skip_OfWhatExpiredKeepsTheOrder() public {
        Sent memory first = send(stepTo(220));
        receiveIt(first);
        Sent memory second = send(stepTo(220));
        vm.warp(first.decision.expiresAt);
        vm.expectRevert(
            abi.encodeWithSelector(IFarGovernor.NothingToSkip.selector, 1, DecisionState.READY)
        );
        far.skip(1);
        skipS(1);
        expectNotReady(1, DecisionState.EXPIRED, first.decision.eta + DELAY_S);
        far.execute(1, first.calls);
        // What arrives expired takes its turn too, so that those behind it can come.
        receiveIt(second);
        vm.expectRevert(
            abi.encodeWithSelector(IFarGovernor.NothingToSkip.selector, 2, DecisionState.EXPIRED)
        );
        far.skip(2);
        far.skip(1);
        far.skip(2);
        assertEq(uint8(far.stateOf(1)), uint8(DecisionState.SKIPPED));
        assertEq(far.done(), 2);
        carryOut(stepTo(220));
        assertEq(btcNow(Fields.MAINTENANCE_0_BPS), 220);
    }

    /// @dev One that always fails holds the order up until it expires or is vetoed.
    function test_execute_RevertIf_ACallFails() public {
        Sent memory s = send(stepTo(10_000));
        receiveIt(s);
        skipS(DELAY_S);
        vm.expectPartialRevert(IFarGovernor.CallFailed.selector);
        far.execute(1, s.calls);
        assertEq(uint8(far.stateOf(1)), uint8(DecisionState.READY));
        vetoFar(s);
        far.skip(1);
        carryOut(stepTo(220));
    }

    function test_execute_DoesAllOrNothing() public {
        Call[] memory calls = new Call[](2);
        calls[0] = stepTo(220)[0];
        calls[1] = stepTo(240)[0];
        Sent memory s = send(calls);
        receiveIt(s);
        skipS(DELAY_S);
        vm.expectPartialRevert(IFarGovernor.CallFailed.selector);
        far.execute(1, calls);
        assertEq(btcNow(Fields.MAINTENANCE_0_BPS), 200);
    }

    function test_execute_RevertIf_OtherCallsAreGiven() public {
        Sent memory s = send(stepTo(220));
        vm.expectPartialRevert(IFarGovernor.WrongPayload.selector);
        far.receiveDecision(s.decision, stepTo(240), attest(s.digest, attesters, 0x0f));
        receiveIt(s);
        skipS(DELAY_S);
        vm.expectPartialRevert(IFarGovernor.WrongPayload.selector);
        far.execute(1, stepTo(240));
    }

    function test_execute_RevertIf_ADecisionEntersAgain() public {
        FarReentrant hostile = new FarReentrant();
        Call[] memory poke = callsOf(address(hostile), abi.encodeCall(FarReentrant.poke, ()));
        Sent memory first = send(poke);
        Sent memory second = send(stepTo(220));
        hostile.arm(abi.encodeCall(IFarGovernor.execute, (2, second.calls)));
        receiveIt(first);
        receiveIt(second);
        skipS(DELAY_S);
        far.execute(1, poke);
        assertFalse(hostile.done());
        assertEq(btcNow(Fields.MAINTENANCE_0_BPS), 200);
        assertEq(far.done(), 1);
    }

    /// @dev Another chain, another far governor, another home, another governor at home.
    function test_receive_RevertIf_ForAnotherPlace() public {
        Sent memory s = send(stepTo(220));
        bytes memory proof = attest(s.digest, attesters, 0x0f);
        vm.chainId(FAR + 1);
        vm.expectRevert();
        this.doReceive(s, proof);
        vm.chainId(FAR);
        IFarGovernor twin = IFarGovernor(
            vm.deployCode(
                "FarGovernor.sol:FarGovernor",
                abi.encode(HOME, governor, attesterSet, farGuardian, waits(), new Gated[](0))
            )
        );
        vm.expectPartialRevert(IFarGovernor.WrongAddress.selector);
        twin.receiveDecision(s.decision, s.calls, proof);
        Sent memory other = send(stepTo(220));
        other.decision.homeChainId = 2;
        vm.expectPartialRevert(IFarGovernor.WrongAddress.selector);
        this.doReceive(other, proof);
        other.decision.homeChainId = HOME;
        other.decision.homeGovernor = mallory;
        vm.expectPartialRevert(IFarGovernor.WrongAddress.selector);
        this.doReceive(other, proof);
    }

    /// @dev Every field is signed.
    function testFuzz_receive_RevertIf_AFieldWasChanged(uint256 seed) public {
        Sent memory s = send(stepTo(220));
        bytes memory proof = attest(s.digest, attesters, 0x0f);
        uint64 change = uint64(bound(seed, 1, type(uint64).max - s.decision.expiresAt));
        if (seed % 3 == 0) s.decision.eta += change;
        else if (seed % 3 == 1) s.decision.expiresAt += change;
        else (s.calls, s.decision.payloadHash) = otherCalls(change);
        vm.expectRevert();
        this.doReceive(s, proof);
        assertEq(far.received(), 0);
    }

    function test_reorg_TakesTheSameDecisionAgain() public {
        Sent memory s = send(stepTo(220));
        uint256 snapshot = vm.snapshotState();
        receiveIt(s);
        skipS(DELAY_S);
        far.execute(1, s.calls);
        assertTrue(vm.revertToState(snapshot));
        skipS(12);
        receiveIt(s);
        skipS(DELAY_S);
        far.execute(1, s.calls);
        assertEq(btcNow(Fields.MAINTENANCE_0_BPS), 220);
        assertEq(far.done(), 1);
    }

    function test_veto_ByTheFarGuardianOnly() public {
        Sent memory s = send(stepTo(220));
        receiveIt(s);
        vm.expectRevert(abi.encodeWithSelector(IFarGovernor.NotGuardian.selector, council));
        vm.prank(council);
        far.veto(1);
        vm.expectRevert(abi.encodeWithSelector(IGuardian.NotCouncil.selector, mallory));
        vm.prank(mallory);
        farGuardian.veto(1, s.calls, "mine");
        vm.startPrank(council);
        vm.expectRevert(abi.encodeWithSelector(IFarGuardian.WrongCalls.selector, 1));
        farGuardian.veto(1, stepTo(240), "test");
        vm.expectRevert();
        farGuardian.veto(2, s.calls, "not here yet");
        vm.stopPrank();
        vetoFar(s);
        vm.expectRevert(
            abi.encodeWithSelector(IFarGovernor.NotVetoable.selector, 1, DecisionState.VETOED)
        );
        vm.prank(council);
        farGuardian.veto(1, s.calls, "again");
    }

    function test_veto_RevertIf_OfItsOwnRemoval() public {
        Call[] memory calls = new Call[](4);
        calls[0] = Call(address(far), abi.encodeCall(IFarGovernor.setGuardian, (carol)));
        calls[1] = Call(address(oracle), abi.encodeCall(oracle.setGuardian, (carol)));
        calls[2] = Call(address(params), abi.encodeCall(params.setGuardian, (carol)));
        calls[3] = Call(address(farGuardian), abi.encodeCall(IGuardian.setCouncil, (carol)));
        Sent memory s = send(calls);
        receiveIt(s);
        vm.expectRevert(IGuardian.OwnRemoval.selector);
        vm.prank(council);
        farGuardian.veto(1, calls, "let me stay");
        skipS(SLOW_S);
        far.execute(1, calls);
        assertEq(far.guardian(), carol);
    }

    /// @dev A removal is no cover here either; nor is a call that only looks like one.
    function test_veto_OfARemovalWithAnythingElseInIt() public {
        Call[] memory calls = new Call[](2);
        calls[0] = Call(address(far), abi.encodeCall(IFarGovernor.setGuardian, (carol)));
        Call[3] memory others = [
            stepTo(220)[0],
            Call(address(vault), abi.encodeCall(IFarGovernor.setGuardian, (carol))),
            Call(address(far), abi.encodeCall(IFarGovernor.updateDelay, (1 days)))
        ];
        for (uint64 i; i < others.length; ++i) {
            calls[1] = others[i];
            Sent memory s = send(calls);
            receiveIt(s);
            vetoFar(s);
            assertEq(uint8(far.stateOf(i + 1)), uint8(DecisionState.VETOED));
        }
    }

    function test_bridge_ReplacesSignatures() public {
        BridgeInbox bridge = new BridgeInbox(address(this));
        carryOut(callsOf(address(far), abi.encodeCall(IFarGovernor.setSource, (bridge))));
        assertEq(address(far.source()), address(bridge));
        Sent memory s = send(stepTo(220));
        bytes memory proof = attest(s.digest, attesters, 0x1f);
        vm.expectRevert(abi.encodeWithSelector(IDecisionSource.NotDecided.selector, s.digest));
        this.doReceive(s, proof);
        bridge.deliver(s.digest);
        this.doReceive(s, "");
        skipS(DELAY_S);
        far.execute(2, s.calls);
        assertEq(btcNow(Fields.MAINTENANCE_0_BPS), 220);
    }

    function test_settings_RevertIf_NotByDecision() public {
        address[4] memory callers = [council, address(farGuardian), address(timelock), mallory];
        for (uint256 i; i < callers.length; ++i) {
            bytes memory refusal =
                abi.encodeWithSelector(IExecutionRules.OnlySelf.selector, callers[i]);
            vm.startPrank(callers[i]);
            vm.expectRevert(refusal);
            far.setSource(IDecisionSource(callers[i]));
            vm.expectRevert(refusal);
            far.setGuardian(callers[i]);
            vm.expectRevert(refusal);
            far.updateDelay(1 days);
            vm.stopPrank();
        }
    }

    function test_settings_ByDecisionWithinBounds() public {
        carryOut(callsOf(address(far), abi.encodeCall(IFarGovernor.updateDelay, (1 days))));
        assertEq(far.getMinDelay(), 1 days);
        Sent memory s =
            send(callsOf(address(far), abi.encodeCall(IFarGovernor.updateDelay, (1 days - 1))));
        receiveIt(s);
        skipS(SLOW_S);
        vm.expectPartialRevert(IFarGovernor.CallFailed.selector);
        far.execute(2, s.calls);
        vetoFar(s);
        far.skip(2);
        s = send(
            callsOf(
                address(far), abi.encodeCall(IFarGovernor.setSource, (IDecisionSource(address(0))))
            )
        );
        receiveIt(s);
        skipS(SLOW_S);
        vm.expectPartialRevert(IFarGovernor.CallFailed.selector);
        far.execute(3, s.calls);
    }

    function test_farGuardian_PausesAndRevokes() public {
        vm.startPrank(council);
        farGuardian.pauseMarket(BTC, "odd");
        farGuardian.revokeMember(2, members[0], "leaked");
        vm.stopPrank();
        assertTrue(IMarkOracle(address(oracle)).readMark(BTC).paused);
        assertEq(oracle.revoked(2), 1);
    }

    function test_send_RevertIf_NotByTheTimelockOrOutOfRange() public {
        vm.chainId(HOME);
        Call[] memory calls = stepTo(220);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, alice));
        vm.prank(alice);
        outbox.send(FAR, address(far), calls, 0, LIFE_S);
        vm.startPrank(address(timelock));
        vm.expectRevert(abi.encodeWithSelector(IDecisionOutbox.NotAFarChain.selector, HOME));
        outbox.send(HOME, address(far), calls, 0, LIFE_S);
        vm.expectRevert(abi.encodeWithSelector(IDecisionOutbox.NotAFarChain.selector, 0));
        outbox.send(0, address(far), calls, 0, LIFE_S);
        vm.expectRevert(IDecisionOutbox.NoTarget.selector);
        outbox.send(FAR, address(0), calls, 0, LIFE_S);
        vm.expectPartialRevert(IDecisionOutbox.LeadTooLong.selector);
        outbox.send(FAR, address(far), calls, 31 days, LIFE_S);
        vm.expectPartialRevert(IDecisionOutbox.LifeOutOfRange.selector);
        outbox.send(FAR, address(far), calls, 0, 1 days - 1);
        vm.expectPartialRevert(IDecisionOutbox.LifeOutOfRange.selector);
        outbox.send(FAR, address(far), calls, 0, 181 days);
        vm.stopPrank();
    }

    /// @dev Each far governor has its own numbers.
    function test_send_NumbersEachFarGovernorApart() public {
        vm.chainId(HOME);
        vm.startPrank(address(timelock));
        assertEq(outbox.send(FAR, address(far), stepTo(220), 0, LIFE_S), 1);
        assertEq(outbox.send(FAR + 1, address(far), stepTo(220), 0, LIFE_S), 1);
        assertEq(outbox.send(FAR, mallory, stepTo(220), 0, LIFE_S), 1);
        assertEq(outbox.send(FAR, address(far), stepTo(220), 0, LIFE_S), 2);
        vm.stopPrank();
        assertEq(outbox.sent(FAR, address(far)), 2);
        bytes32 here = outbox.digestOf(FAR, address(far), 1);
        assertNotEq(here, outbox.digestOf(FAR + 1, address(far), 1));
        assertNotEq(here, outbox.digestOf(FAR, mallory, 1));
        assertNotEq(here, outbox.digestOf(FAR, address(far), 2));
    }

    function otherCalls(uint256 seed) private view returns (Call[] memory calls, bytes32 hash) {
        calls = stepTo(200 + seed % 40);
        calls[0].target = address(uint160(seed));
        hash = keccak256(abi.encode(calls));
    }

    function expectNotReady(uint64 nonce, DecisionState state, uint256 readyAtS) private {
        vm.expectRevert(
            abi.encodeWithSelector(IFarGovernor.NotReady.selector, nonce, state, readyAtS)
        );
    }
}
