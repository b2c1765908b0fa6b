// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IExecutionGate} from "../../src/governance/interfaces/IExecutionGate.sol";
import {Gated, IExecutionRules, Waits} from "../../src/governance/interfaces/IExecutionRules.sol";
import {IGuardian} from "../../src/governance/interfaces/IGuardian.sol";
import {Binding} from "../../src/interfaces/IMarkOracle.sol";
import {IRiskParameters, Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {Module} from "../../src/perp/interfaces/IVault.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {GovernanceFixture, Proposal} from "./GovernanceFixture.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @notice Called by a decision, and calls back.
contract Reentrant {
    address private immutable TARGET;
    bytes private _data;
    bytes public why;
    bool public done;

    constructor(address target) {
        TARGET = target;
    }

    function arm(bytes calldata data) external {
        _data = data;
    }

    function poke() external {
        (done, why) = TARGET.call(_data);
    }
}

/// @notice The timelock, and the ways around it.
contract TimelockTest is GovernanceFixture {
    function test_execute_RevertIf_BeforeItsTime() public {
        Proposal memory p = raiseMaintenance();
        passAndQueue(p);
        toEta(p);
        vm.warp(block.timestamp - 1);
        vm.expectRevert();
        this.doExecute(p);
        skipS(1);
        execute(p);
        assertEq(btcNow(Fields.MAINTENANCE_0_BPS), 220);
    }

    function test_execute_RevertIf_ExecutedAlready() public {
        Proposal memory p = raiseMaintenance();
        decide(p);
        skipS(2 days);
        vm.expectRevert();
        this.doExecute(p);
        vm.expectRevert();
        this.doQueue(p);
    }

    function test_execute_RevertIf_NobodyDidForThirtyDays() public {
        Proposal memory p = raiseMaintenance();
        passAndQueue(p);
        toEta(p);
        skipS(30 days + 1);
        assertEq(uint8(stateOf(p)), uint8(IGovernor.ProposalState.Canceled));
        vm.expectRevert();
        this.doExecute(p);
        vm.expectRevert();
        this.doQueue(p);
    }

    function test_execute_OnTheLastSecondItIsValid() public {
        Proposal memory p = raiseMaintenance();
        passAndQueue(p);
        toEta(p);
        skipS(30 days);
        execute(p);
    }

    function test_queue_RevertIf_NotVotedFor() public {
        Proposal memory p = raiseMaintenance();
        propose(mallory, p);
        vm.expectRevert();
        this.doQueue(p);
        toVoting(p);
        vote(mallory, p, FOR);
        vm.expectRevert();
        this.doQueue(p);
        vote(bob, p, AGAINST);
        toEnd(p);
        vm.expectRevert();
        this.doQueue(p);
        vm.expectRevert();
        this.doExecute(p);
    }

    function test_timelock_RevertIf_CalledByAnyoneDirectly() public {
        Proposal memory p = raiseMaintenance();
        passAndQueue(p);
        toEta(p);
        bytes32 salt = saltOf(p);
        bytes32 operation = operationOf(p);
        address[4] memory callers = [mallory, alice, council, address(this)];
        for (uint256 i; i < callers.length; ++i) {
            vm.startPrank(callers[i]);
            expectUnauthorised(callers[i], timelock.EXECUTOR_ROLE());
            timelock.executeBatch(p.targets, p.values, p.calldatas, 0, salt);
            expectUnauthorised(callers[i], timelock.EXECUTOR_ROLE());
            timelock.execute(p.targets[0], 0, p.calldatas[0], 0, salt);
            expectUnauthorised(callers[i], timelock.PROPOSER_ROLE());
            timelock.scheduleBatch(p.targets, p.values, p.calldatas, 0, "other", 30 days);
            expectUnauthorised(callers[i], timelock.CANCELLER_ROLE());
            timelock.cancel(operation);
            vm.stopPrank();
        }
    }

    function test_owned_RevertIf_CalledByAnyoneButTheTimelock() public {
        address[5] memory callers =
            [mallory, address(governor), address(homeGuardian), council, owner];
        for (uint256 i; i < callers.length; ++i) {
            bytes memory refusal =
                abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, callers[i]);
            vm.startPrank(callers[i]);
            vm.expectRevert(refusal);
            params.change(btc(Fields.MAINTENANCE_0_BPS, 220));
            vm.expectRevert(refusal);
            oracle.setCommittee(3, members, THRESHOLD, 0, new Binding[](0));
            vm.expectRevert(refusal);
            vault.setModule(mallory, Module.ENGINE);
            vm.stopPrank();
        }
    }

    function test_roles_AreTheGovernorsAndTheGuardiansOnly() public view {
        bytes32[4] memory roles = [
            bytes32(0),
            timelock.PROPOSER_ROLE(),
            timelock.EXECUTOR_ROLE(),
            timelock.CANCELLER_ROLE()
        ];
        address[9] memory accounts = [
            address(0),
            address(this),
            owner,
            council,
            mallory,
            address(timelock),
            address(governor),
            address(homeGuardian),
            address(gate)
        ];
        for (uint256 i; i < accounts.length; ++i) {
            address account = accounts[i];
            bool isGovernor = account == address(governor);
            assertEq(timelock.hasRole(roles[0], account), account == address(timelock));
            assertEq(timelock.hasRole(roles[1], account), isGovernor);
            assertEq(timelock.hasRole(roles[2], account), isGovernor);
            assertEq(
                timelock.hasRole(roles[3], account), isGovernor || account == address(homeGuardian)
            );
        }
    }

    /// @dev The same calls under another description are another operation, with its own vote.
    function test_salt_MakesNothingOfAnotherOperation() public {
        Proposal memory p = raiseMaintenance();
        passAndQueue(p);
        Proposal memory same = raiseMaintenance();
        same.description = "the same again";
        assertNotEq(operationOf(p), operationOf(same));
        toEta(p);
        vm.expectRevert();
        this.doExecute(same);
        execute(p);
        assertFalse(timelock.isOperation(operationOf(same)));
    }

    function test_execute_RevertIf_ACallEntersAgain() public {
        Reentrant hostile = new Reentrant(address(governor));
        Proposal memory p = proposalOf(address(hostile), abi.encodeCall(Reentrant.poke, ()));
        bytes32 hash = keccak256(bytes(p.description));
        hostile.arm(abi.encodeCall(IGovernor.execute, (p.targets, p.values, p.calldatas, hash)));
        decide(p);
        assertFalse(hostile.done());
        assertEq(bytes4(hostile.why()), IGovernor.GovernorUnexpectedProposalState.selector);
    }

    /// @dev What a decision calls is not the timelock: it can do nothing in its name.
    function test_execute_LendsNoAuthorityToWhatItCalls() public {
        Reentrant hostile = new Reentrant(address(params));
        hostile.arm(abi.encodeCall(params.change, (btc(Fields.MAINTENANCE_0_BPS, 220))));
        decide(proposalOf(address(hostile), abi.encodeCall(Reentrant.poke, ())));
        assertFalse(hostile.done());
        assertEq(bytes4(hostile.why()), Ownable.OwnableUnauthorizedAccount.selector);
    }

    function test_slow_WaitsLongerForWhatChangesWhoMayDoWhat() public {
        bytes[12] memory slow = [
            abi.encodeCall(vault.setModule, (mallory, Module.ENGINE)),
            abi.encodeCall(oracle.setCommittee, (3, members, THRESHOLD, 0, new Binding[](0))),
            abi.encodeCall(oracle.setGuardian, (mallory)),
            abi.encodeCall(Ownable.transferOwnership, (mallory)),
            abi.encodeCall(IAccessControl.grantRole, (0, mallory)),
            abi.encodeCall(IAccessControl.revokeRole, (0, mallory)),
            abi.encodeCall(IGuardian.setCouncil, (mallory)),
            abi.encodeCall(gate.setTerms, (gate.terms())),
            abi.encodeCall(TimelockController.updateDelay, (1 days)),
            abi.encodeCall(IExecutionRules.updateSlowDelay, (7 days)),
            abi.encodeCall(IExecutionRules.setSlow, (bytes4(0), true)),
            abi.encodeCall(IExecutionRules.setGate, (address(params), IExecutionGate(address(0))))
        ];
        for (uint256 i; i < slow.length; ++i) {
            Proposal memory p = raiseMaintenance();
            p.description = vm.toString(i);
            p = with(p, mallory, slow[i]);
            passAndQueue(p);
            assertEq(timelock.getTimestamp(operationOf(p)), block.timestamp + SLOW_S);
            assertEq(governor.proposalEta(idOf(p)), block.timestamp + SLOW_S);
        }
        Proposal memory quick = raiseMaintenance();
        passAndQueue(quick);
        assertEq(governor.proposalEta(idOf(quick)), block.timestamp + DELAY_S);
    }

    function test_updateDelay_StaysWithinBoundsByHalvesAtMost() public {
        refuse(abi.encodeCall(TimelockController.updateDelay, (1 days - 1)));
        refuse(abi.encodeCall(TimelockController.updateDelay, (SLOW_S + 1)));
        refuse(abi.encodeCall(IExecutionRules.updateSlowDelay, (SLOW_S / 2 - 1)));
        refuse(abi.encodeCall(IExecutionRules.updateSlowDelay, (30 days + 1)));
        decide(rule(abi.encodeCall(IExecutionRules.updateSlowDelay, (SLOW_S / 2))));
        assertEq(rules.slowDelay(), SLOW_S / 2);
        decide(rule(abi.encodeCall(TimelockController.updateDelay, (SLOW_S / 2))));
        assertEq(timelock.getMinDelay(), SLOW_S / 2);
        // Never below the other, nor by more than a half.
        refuse(abi.encodeCall(IExecutionRules.updateSlowDelay, (SLOW_S / 2 - 1)));
        refuse(abi.encodeCall(TimelockController.updateDelay, (SLOW_S / 4 - 1)));
        decide(rule(abi.encodeCall(TimelockController.updateDelay, (1 days + 21 hours))));
        decide(rule(abi.encodeCall(TimelockController.updateDelay, (1 days))));
        refuse(abi.encodeCall(TimelockController.updateDelay, (1 days - 1)));
        assertEq(timelock.getMinDelay(), 1 days);
    }

    /// @dev Neither in one decision nor in two at once is a delay halved twice.
    function test_updateDelay_RevertIf_ShortenedTwiceAtOnce() public {
        decide(rule(abi.encodeCall(TimelockController.updateDelay, (SLOW_S))));
        Proposal memory p = rule(abi.encodeCall(TimelockController.updateDelay, (SLOW_S / 2)));
        p = with(p, address(timelock), abi.encodeCall(TimelockController.updateDelay, (2 days)));
        passAndQueue(p);
        toEta(p);
        vm.expectRevert(
            abi.encodeWithSelector(
                IExecutionRules.ShortenedTooSoon.selector, block.timestamp + SLOW_S
            )
        );
        execute(p);
        decide(rule(abi.encodeCall(IExecutionRules.updateSlowDelay, (10 days))));
        p = rule(abi.encodeCall(IExecutionRules.updateSlowDelay, (9 days)));
        p = with(p, address(timelock), abi.encodeCall(IExecutionRules.updateSlowDelay, (8 days)));
        passAndQueue(p);
        toEta(p);
        vm.expectRevert(
            abi.encodeWithSelector(
                IExecutionRules.ShortenedTooSoon.selector, block.timestamp + 10 days
            )
        );
        execute(p);
    }

    /// @dev What was queued keeps the time it was queued with.
    function test_updateDelay_HastensNothingThatIsQueued() public {
        Proposal memory shorter = rule(abi.encodeCall(TimelockController.updateDelay, (1 days)));
        passAndQueue(shorter);
        toEta(shorter);
        Proposal memory p = raiseMaintenance();
        propose(alice, p);
        toVoting(p);
        vote(alice, p, FOR);
        toEnd(p);
        queue(p);
        uint256 etaS = timelock.getTimestamp(operationOf(p));
        execute(shorter);
        assertEq(timelock.getTimestamp(operationOf(p)), etaS);
        assertEq(etaS, block.timestamp + DELAY_S);
    }

    function test_setSlow_MakesAKindSlowAndNeverTheRulesQuick() public {
        bytes4 kind = IRiskParameters.change.selector;
        decide(rule(abi.encodeCall(IExecutionRules.setSlow, (kind, true))));
        Proposal memory p = raiseMaintenance();
        passAndQueue(p);
        assertEq(timelock.getTimestamp(operationOf(p)), block.timestamp + SLOW_S);
        refuse(
            abi.encodeCall(IExecutionRules.setSlow, (IExecutionRules.setGate.selector, false)),
            IExecutionRules.AlwaysSlow.selector
        );
        assertTrue(rules.isSlow(IExecutionRules.setSlow.selector));
    }

    function test_setSlow_MakesAKindQuickAgain() public {
        bytes4 kind = vault.setModule.selector;
        decide(rule(abi.encodeCall(IExecutionRules.setSlow, (kind, false))));
        assertFalse(rules.isSlow(kind));
    }

    function test_setGate_OpensAContractOnlyAfterTheSlowDelay() public {
        assertEq(address(rules.gateOf(address(params))), address(gate));
        bytes memory open =
            abi.encodeCall(IExecutionRules.setGate, (address(params), IExecutionGate(address(0))));
        Proposal memory p = rule(open);
        passAndQueue(p);
        assertEq(timelock.getTimestamp(operationOf(p)), block.timestamp + SLOW_S);
        toEta(p);
        execute(p);
        assertEq(address(rules.gateOf(address(params))), address(0));
    }

    function test_acceptOwnershipOf_RevertIf_NothingIsOffered() public {
        vm.expectRevert();
        rules.acceptOwnershipOf(address(oracle));
    }

    function test_rules_RevertIf_SetByAnyoneElse() public {
        bytes memory refusal =
            abi.encodeWithSelector(IExecutionRules.OnlySelf.selector, address(this));
        vm.expectRevert(refusal);
        timelock.updateDelay(2 days);
        vm.expectRevert(refusal);
        rules.updateSlowDelay(7 days);
        vm.expectRevert(refusal);
        rules.setSlow(bytes4(0), true);
        vm.expectRevert(refusal);
        rules.setGate(address(params), IExecutionGate(address(0)));
    }

    /// @dev A single call queued beside the governor's batches would be out of the guardian's sight.
    function test_schedule_RevertIf_TheGovernorIsMadeToToo() public {
        bytes memory single =
            abi.encodeCall(TimelockController.schedule, (address(params), 0, "", 0, 0, 30 days));
        Proposal memory p = proposalOf(
            address(governor), abi.encodeCall(Governor.relay, (address(timelock), 0, single))
        );
        passAndQueue(p);
        toEta(p);
        vm.expectRevert(abi.encodeWithSignature("OnlyBatches()"));
        this.doExecute(p);
    }

    /// @dev Nor does a batch that the governor is made to schedule wait less than its kind must.
    function test_relay_ShortensNoDelay() public {
        Proposal memory inner =
            proposalOf(address(vault), abi.encodeCall(vault.setModule, (mallory, Module.ENGINE)));
        bytes memory batch = abi.encodeCall(
            TimelockController.scheduleBatch,
            (inner.targets, inner.values, inner.calldatas, 0, bytes32("salt"), DELAY_S)
        );
        decide(
            proposalOf(
                address(governor), abi.encodeCall(Governor.relay, (address(timelock), 0, batch))
            )
        );
        bytes32 id =
            timelock.hashOperationBatch(inner.targets, inner.values, inner.calldatas, 0, "salt");
        assertEq(timelock.getTimestamp(id), block.timestamp + SLOW_S);
    }

    function test_change_RevertIf_ToItsBoundInOneStep() public {
        uint256 most = params.rule(Scope.MARKET, Fields.MAINTENANCE_0_BPS).most;
        Proposal memory p = proposalOf(
            address(params), abi.encodeCall(params.change, (btc(Fields.MAINTENANCE_0_BPS, most)))
        );
        passAndQueue(p);
        toEta(p);
        vm.expectPartialRevert(IRiskParameters.StepTooLarge.selector);
        this.doExecute(p);
    }

    /// @dev Several proposals, or calls of one, executed in one block, take one step together.
    function test_change_RevertIf_TakenTwiceInOneBlock() public {
        Proposal memory first = raiseMaintenance();
        Proposal memory second = proposalOf(
            address(params), abi.encodeCall(params.change, (btc(Fields.MAINTENANCE_0_BPS, 240)))
        );
        Proposal memory twice = with(first, address(params), second.calldatas[0]);
        passAllTogether([first, second, twice]);
        vm.expectPartialRevert(IRiskParameters.TooSoon.selector);
        this.doExecute(twice);
        execute(first);
        vm.expectPartialRevert(IRiskParameters.TooSoon.selector);
        this.doExecute(second);
        skipS(1 days);
        execute(second);
        assertEq(btcNow(Fields.MAINTENANCE_0_BPS), 240);
    }

    function test_constructor_RevertIf_DelaysAreOutOfRange() public {
        Waits[5] memory bad = [
            Waits(0, 1, 1),
            Waits(31 days, 31 days, 31 days),
            Waits(2 days, 1 days, 7 days),
            Waits(1 days, 7 days, 2 days),
            Waits(1 days, 2 days, 31 days)
        ];
        for (uint256 i; i < bad.length; ++i) {
            bytes memory args = abi.encode(bad[i], new Gated[](0), governor, homeGuardian);
            vm.expectRevert();
            this.deployTimelock(args);
        }
    }

    function deployTimelock(bytes memory args) external {
        vm.deployCode("Timelock.sol:Timelock", args);
    }

    function passAllTogether(Proposal[3] memory all) private {
        for (uint256 i; i < all.length; ++i) {
            propose(alice, all[i]);
        }
        toVoting(all[0]);
        for (uint256 i; i < all.length; ++i) {
            vote(alice, all[i], FOR);
        }
        toEnd(all[0]);
        for (uint256 i; i < all.length; ++i) {
            queue(all[i]);
        }
        toEta(all[0]);
    }

    function rule(bytes memory data) private view returns (Proposal memory) {
        return proposalOf(address(timelock), data);
    }

    function refuse(bytes memory data) private {
        refuse(data, IExecutionRules.DelayOutOfRange.selector);
    }

    function refuse(bytes memory data, bytes4 why) private {
        Proposal memory p = rule(data);
        passAndQueue(p);
        toEta(p);
        vm.expectPartialRevert(why);
        this.doExecute(p);
    }

    function expectUnauthorised(address caller, bytes32 role) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, caller, role
            )
        );
    }
}
