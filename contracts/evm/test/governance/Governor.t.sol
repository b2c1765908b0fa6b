// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPlumbGovernor} from "../../src/governance/interfaces/IPlumbGovernor.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {GovernanceFixture, Proposal} from "./GovernanceFixture.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {
    GovernorPreventLateQuorum
} from "@openzeppelin/contracts/governance/extensions/GovernorPreventLateQuorum.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {
    GovernorTimelockControl
} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {
    GovernorVotesQuorumFraction
} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice Votes, and the ways to cheat at them.
contract GovernorTest is GovernanceFixture {
    function test_decide_ChangesAParameter() public {
        decide(raiseMaintenance());
        assertEq(btcNow(Fields.MAINTENANCE_0_BPS), 220);
    }

    function test_owners_AreTheTimelockAndGuardianIsOne() public view {
        assertEq(Ownable(address(oracle)).owner(), address(timelock));
        assertEq(Ownable(address(params)).owner(), address(timelock));
        assertEq(Ownable(address(vault)).owner(), address(timelock));
        assertEq(oracle.guardian(), address(homeGuardian));
        assertEq(params.guardian(), address(homeGuardian));
    }

    function test_token_CountsSecondsAndKeepsItsSupply() public view {
        assertEq(governor.clock(), block.timestamp);
        assertEq(governor.CLOCK_MODE(), "mode=timestamp");
        assertEq(IERC20(token).totalSupply(), SUPPLY);
    }

    function test_castVote_CountsNothingBorrowedAfterTheSnapshot() public {
        Proposal memory p = raiseMaintenance();
        propose(mallory, p);
        toVoting(p);
        lend(mallory);
        vote(mallory, p, FOR);
        (, uint256 forVotes,) = votesOf(p);
        assertEq(forVotes, SUPPLY / 5);
    }

    /// @dev Borrowed, voted with and returned within the second of the snapshot: what counts is the
    /// balance at its end.
    function test_castVote_CountsNothingReturnedInTheSnapshotsSecond() public {
        Proposal memory p = raiseMaintenance();
        propose(mallory, p);
        vm.warp(governor.proposalSnapshot(idOf(p)));
        lend(mallory);
        vm.prank(mallory);
        require(IERC20(token).transfer(alice, SUPPLY * 4 / 10));
        toVoting(p);
        vote(mallory, p, FOR);
        (, uint256 forVotes,) = votesOf(p);
        assertEq(forVotes, SUPPLY / 5);
    }

    function test_propose_RevertIf_TheVotesAreBorrowed() public {
        address borrower = makeAddr("borrower");
        lend(borrower);
        Proposal memory p = raiseMaintenance();
        vm.expectRevert(
            abi.encodeWithSelector(
                IGovernor.GovernorInsufficientProposerVotes.selector, borrower, 0, SUPPLY / 200
            )
        );
        propose(borrower, p);
    }

    function test_propose_RevertIf_TooManyAreLive() public {
        for (uint256 i; i < 3; ++i) {
            propose(mallory, numbered(i));
        }
        assertEq(IPlumbGovernor(address(governor)).liveProposals(mallory), 3);
        Proposal memory p = numbered(3);
        vm.expectRevert(
            abi.encodeWithSelector(IPlumbGovernor.TooManyProposals.selector, mallory, 3)
        );
        propose(mallory, p);
        propose(carol, p);
    }

    function test_propose_HasRoomAgainOnceOneEnds() public {
        for (uint256 i; i < 3; ++i) {
            propose(mallory, numbered(i));
        }
        cancelAs(mallory, numbered(1));
        propose(mallory, numbered(3));
        toEnd(numbered(3));
        assertEq(IPlumbGovernor(address(governor)).liveProposals(mallory), 0);
        for (uint256 i = 4; i < 7; ++i) {
            propose(mallory, numbered(i));
        }
    }

    /// @dev One stake, delegated from hand to hand, leaves proposals that anyone may cancel.
    function test_cancel_ByAnyoneOnceTheProposerHasTooFewVotes() public {
        Proposal memory p = numbered(1);
        propose(mallory, p);
        vm.expectRevert();
        this.cancelAs(carol, p);
        vm.prank(mallory);
        IVotes(token).delegate(makeAddr("sybil"));
        vm.expectRevert();
        this.cancelAs(carol, p);
        skipS(1);
        cancelAs(carol, p);
        assertEq(uint8(stateOf(p)), uint8(IGovernor.ProposalState.Canceled));
    }

    function test_cancel_RevertIf_VotesWereCountedAlready() public {
        Proposal memory p = raiseMaintenance();
        propose(mallory, p);
        toVoting(p);
        vote(alice, p, FOR);
        toEnd(p);
        vm.prank(mallory);
        IVotes(token).delegate(makeAddr("sybil"));
        skipS(1);
        vm.expectRevert(
            abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, idOf(p), carol)
        );
        this.cancelAs(carol, p);
    }

    function test_cancelled_IsNeverVotedQueuedOrProposedAgain() public {
        Proposal memory p = raiseMaintenance();
        propose(alice, p);
        cancelAs(alice, p);
        vm.expectRevert();
        this.doPropose(alice, p);
        skipS(1 days + 1);
        vm.expectRevert();
        this.doVote(alice, p, FOR);
        vm.expectRevert();
        this.doQueue(p);
    }

    /// @dev Votes moved to another delegate after they voted do not vote again.
    function test_castVote_CountsADelegationOnce() public {
        Proposal memory p = raiseMaintenance();
        propose(alice, p);
        toVoting(p);
        vote(mallory, p, FOR);
        vm.prank(mallory);
        IVotes(token).delegate(carol);
        skipS(1);
        vote(carol, p, FOR);
        (, uint256 forVotes,) = votesOf(p);
        assertEq(forVotes, SUPPLY * 3 / 10);
        vm.expectRevert();
        this.doVote(mallory, p, FOR);
    }

    function test_quorum_RefusesASmallTurnout() public {
        address minnow = makeAddr("minnow");
        vm.prank(carol);
        require(IERC20(token).transfer(minnow, SUPPLY * 3 / 100));
        vm.prank(minnow);
        IVotes(token).delegate(minnow);
        skipS(1);
        Proposal memory p = raiseMaintenance();
        propose(minnow, p);
        toVoting(p);
        vote(minnow, p, FOR);
        toEnd(p);
        assertEq(uint8(stateOf(p)), uint8(IGovernor.ProposalState.Defeated));
        vm.expectRevert();
        this.doQueue(p);
    }

    /// @dev A later, lower quorum is not that of a proposal under way.
    function test_quorum_IsThatOfTheSnapshot() public {
        Proposal memory p = raiseMaintenance();
        propose(alice, p);
        toVoting(p);
        uint256 quorum = governor.quorum(governor.proposalSnapshot(idOf(p)));
        Proposal memory lower = proposalOf(
            address(governor), abi.encodeWithSignature("updateQuorumNumerator(uint256)", 3)
        );
        decide(lower);
        assertEq(governor.quorum(governor.proposalSnapshot(idOf(p))), quorum);
        assertEq(governor.quorum(block.timestamp - 1), quorum);
        skipS(1);
        assertEq(governor.quorum(block.timestamp - 1), SUPPLY * 3 / 100);
    }

    /// @dev A large vote in the last second leaves time to answer it.
    function test_lateQuorum_LeavesTimeToAnswer() public {
        Proposal memory p = raiseMaintenance();
        propose(mallory, p);
        uint256 deadlineS = governor.proposalDeadline(idOf(p));
        vm.warp(deadlineS);
        vote(mallory, p, FOR);
        assertEq(governor.proposalDeadline(idOf(p)), deadlineS + 2 days);
        vm.warp(deadlineS + 2 days);
        vote(alice, p, AGAINST);
        // What is late once more extends nothing: it ends.
        assertEq(governor.proposalDeadline(idOf(p)), deadlineS + 2 days);
        toEnd(p);
        assertEq(uint8(stateOf(p)), uint8(IGovernor.ProposalState.Defeated));
    }

    function test_settings_StayWithinBounds() public {
        bytes[10] memory refused = [
            abi.encodeCall(GovernorSettings.setVotingDelay, (12 hours - 1)),
            abi.encodeCall(GovernorSettings.setVotingDelay, (14 days + 1)),
            abi.encodeCall(GovernorSettings.setVotingPeriod, (3 days - 1)),
            abi.encodeCall(GovernorSettings.setVotingPeriod, (30 days + 1)),
            abi.encodeCall(GovernorSettings.setProposalThreshold, (SUPPLY / 1000 - 1)),
            abi.encodeCall(GovernorSettings.setProposalThreshold, (SUPPLY / 50 + 1)),
            abi.encodeCall(GovernorVotesQuorumFraction.updateQuorumNumerator, (2)),
            abi.encodeCall(GovernorVotesQuorumFraction.updateQuorumNumerator, (31)),
            abi.encodeCall(GovernorPreventLateQuorum.setLateQuorumVoteExtension, (1 days - 1)),
            abi.encodeCall(GovernorPreventLateQuorum.setLateQuorumVoteExtension, (14 days + 1))
        ];
        for (uint256 i; i < refused.length; ++i) {
            Proposal memory p = proposalOf(address(governor), refused[i]);
            passAndQueue(p);
            toEta(p);
            vm.expectPartialRevert(IPlumbGovernor.SettingOutOfRange.selector);
            this.doExecute(p);
        }
    }

    function test_settings_MoveToTheirBounds() public {
        Proposal memory p = proposalOf(
            address(governor), abi.encodeCall(GovernorSettings.setVotingDelay, (12 hours))
        );
        p = with(p, address(governor), abi.encodeCall(GovernorSettings.setVotingPeriod, (3 days)));
        p = with(
            p,
            address(governor),
            abi.encodeCall(GovernorSettings.setProposalThreshold, (SUPPLY / 50))
        );
        decide(p);
        assertEq(governor.votingDelay(), 12 hours);
        assertEq(governor.votingPeriod(), 3 days);
        assertEq(governor.proposalThreshold(), SUPPLY / 50);
    }

    function test_settings_RevertIf_SetByAnyoneElse() public {
        bytes[3] memory calls = [
            abi.encodeCall(GovernorSettings.setVotingDelay, (1 days)),
            abi.encodeCall(GovernorVotesQuorumFraction.updateQuorumNumerator, (5)),
            abi.encodeCall(Governor.relay, (token, 0, ""))
        ];
        for (uint256 i; i < calls.length; ++i) {
            vm.prank(alice);
            (bool ok, bytes memory why) = address(governor).call(calls[i]);
            assertFalse(ok);
            assertEq(bytes4(why), IGovernor.GovernorOnlyExecutor.selector);
        }
    }

    function test_updateTimelock_RevertIf_DecidedToo() public {
        Proposal memory p = proposalOf(
            address(governor), abi.encodeCall(GovernorTimelockControl.updateTimelock, (timelock))
        );
        passAndQueue(p);
        toEta(p);
        vm.expectRevert(IPlumbGovernor.TimelockIsFixed.selector);
        this.doExecute(p);
    }

    function test_constructor_RevertIf_SettingsAreBelowTheirFloors() public {
        vm.expectRevert();
        vm.deployCode(
            "PlumbGovernor.sol:PlumbGovernor", abi.encode(token, timelock, floors(), settings())
        );
    }

    /// @dev A short reorganisation: the same transactions, included again, end the same way.
    function test_reorg_EndsTheSameWay() public {
        Proposal memory p = raiseMaintenance();
        propose(alice, p);
        toVoting(p);
        uint256 snapshot = vm.snapshotState();
        vote(alice, p, FOR);
        vote(mallory, p, AGAINST);
        (uint256 against, uint256 forVotes,) = votesOf(p);
        assertTrue(vm.revertToState(snapshot));
        skipS(12);
        vote(mallory, p, AGAINST);
        vote(alice, p, FOR);
        (uint256 againstAfter, uint256 forAfter,) = votesOf(p);
        assertEq(against, againstAfter);
        assertEq(forVotes, forAfter);
        toEnd(p);
        queue(p);
        uint256 etaS = governor.proposalEta(idOf(p));
        assertEq(etaS, block.timestamp + DELAY_S);
    }

    function cancelAs(address by, Proposal memory p) public {
        vm.prank(by);
        governor.cancel(p.targets, p.values, p.calldatas, keccak256(bytes(p.description)));
    }

    function lend(address to) private {
        vm.prank(alice);
        require(IERC20(token).transfer(to, SUPPLY * 4 / 10));
        vm.prank(to);
        IVotes(token).delegate(to);
    }

    function numbered(uint256 i) private view returns (Proposal memory p) {
        p = proposalOf(address(params), abi.encodeCall(params.change, (btc(Fields.DEPTH, 0))));
        p.description = vm.toString(i);
    }

    function votesOf(Proposal memory p) private view returns (uint256, uint256, uint256) {
        (bool ok, bytes memory out) =
            address(governor).staticcall(abi.encodeWithSignature("proposalVotes(uint256)", idOf(p)));
        require(ok);
        return abi.decode(out, (uint256, uint256, uint256));
    }
}
