// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IGuardian} from "../../src/governance/interfaces/IGuardian.sol";
import {IHomeGuardian} from "../../src/governance/interfaces/IHomeGuardian.sol";
import {ICommittee} from "../../src/interfaces/ICommittee.sol";
import {IMarkOracle} from "../../src/interfaces/IMarkOracle.sol";
import {Change, IRiskParameters} from "../../src/perp/interfaces/IRiskParameters.sol";
import {Module} from "../../src/perp/interfaces/IVault.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {GovernanceFixture, Proposal} from "./GovernanceFixture.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

/// @notice What the guardian can do, what not, and how it ends.
contract GuardianTest is GovernanceFixture {
    function test_pauseMarket_ByABotAndTheCouncilWithAReason() public {
        vm.expectEmit();
        emit IGuardian.MarketPausedUntil(BTC, block.timestamp + 21 days, bot, "odd");
        vm.prank(bot);
        homeGuardian.pauseMarket(BTC, "odd");
        assertTrue(oracle.readMark(BTC).paused);
        vm.prank(council);
        homeGuardian.pauseMarket(ETH, "odd");
        assertTrue(oracle.readMark(ETH).paused);
    }

    function test_acts_RevertIf_WithoutAReason() public {
        vm.startPrank(council);
        vm.expectRevert(IGuardian.NoReason.selector);
        homeGuardian.pauseMarket(BTC, "");
        vm.expectRevert(IGuardian.NoReason.selector);
        homeGuardian.unpauseMarket(BTC, "");
        vm.expectRevert(IGuardian.NoReason.selector);
        homeGuardian.revokeMember(2, members[0], "");
        vm.expectRevert(IGuardian.NoReason.selector);
        homeGuardian.tighten(new Change[](0), block.timestamp + 1, "");
        vm.expectRevert(IGuardian.NoReason.selector);
        homeGuardian.dismissPauser(bot, "");
        Proposal memory p = raiseMaintenance();
        vm.expectRevert(IGuardian.NoReason.selector);
        homeGuardian.veto(p.targets, p.values, p.calldatas, 0, 0, "");
        vm.stopPrank();
    }

    function test_acts_RevertIf_NotByTheCouncil() public {
        Proposal memory p = raiseMaintenance();
        address[4] memory callers = [bot, mallory, address(governor), address(timelock)];
        for (uint256 i; i < callers.length; ++i) {
            bytes memory refusal = abi.encodeWithSelector(IGuardian.NotCouncil.selector, callers[i]);
            vm.startPrank(callers[i]);
            vm.expectRevert(refusal);
            homeGuardian.unpauseMarket(BTC, "why");
            vm.expectRevert(refusal);
            homeGuardian.revokeMember(2, members[0], "why");
            vm.expectRevert(refusal);
            homeGuardian.tighten(new Change[](0), block.timestamp + 1, "why");
            vm.expectRevert(refusal);
            homeGuardian.dismissPauser(bot, "why");
            vm.expectRevert(refusal);
            homeGuardian.veto(p.targets, p.values, p.calldatas, 0, 0, "why");
            vm.stopPrank();
        }
        vm.expectRevert(abi.encodeWithSelector(IGuardian.NotPauser.selector, mallory));
        vm.prank(mallory);
        homeGuardian.pauseMarket(BTC, "why");
    }

    function test_keys_RevertIf_ChangedByAnyoneButGovernance() public {
        address[3] memory callers = [council, bot, mallory];
        for (uint256 i; i < callers.length; ++i) {
            bytes memory refusal =
                abi.encodeWithSelector(IGuardian.NotGovernance.selector, callers[i]);
            vm.startPrank(callers[i]);
            vm.expectRevert(refusal);
            homeGuardian.setCouncil(callers[i]);
            vm.expectRevert(refusal);
            homeGuardian.setPauser(callers[i], true);
            vm.stopPrank();
        }
    }

    function test_dismissPauser_EndsABotsRight() public {
        vm.prank(council);
        homeGuardian.dismissPauser(bot, "its key leaked");
        vm.expectRevert(abi.encodeWithSelector(IGuardian.NotPauser.selector, bot));
        vm.prank(bot);
        homeGuardian.pauseMarket(BTC, "odd");
        vm.expectRevert(abi.encodeWithSelector(IGuardian.NotPauser.selector, bot));
        vm.prank(council);
        homeGuardian.dismissPauser(bot, "again");
    }

    function test_pause_LapsesByItself() public {
        vm.prank(bot);
        homeGuardian.pauseMarket(BTC, "odd");
        uint256 untilS = homeGuardian.pausedUntilS(BTC);
        vm.warp(untilS);
        vm.expectRevert(abi.encodeWithSelector(IGuardian.NotLapsed.selector, BTC, untilS));
        homeGuardian.endLapsedPause(BTC);
        skipS(1);
        homeGuardian.endLapsedPause(BTC);
        assertFalse(oracle.readMark(BTC).paused);
        vm.expectRevert(abi.encodeWithSelector(IGuardian.NotLapsed.selector, BTC, 0));
        homeGuardian.endLapsedPause(BTC);
    }

    function test_unpauseMarket_LiftsItsOwnPauseOnly() public {
        vm.prank(bot);
        homeGuardian.pauseMarket(BTC, "odd");
        vm.prank(council);
        homeGuardian.unpauseMarket(BTC, "clear");
        assertFalse(oracle.readMark(BTC).paused);
        vm.prank(address(timelock));
        oracle.pauseMarket(BTC, "decided");
        vm.startPrank(council);
        vm.expectRevert(abi.encodeWithSelector(IGuardian.NotLapsed.selector, BTC, 0));
        homeGuardian.unpauseMarket(BTC, "clear");
        homeGuardian.pauseMarket(BTC, "mine too");
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.PausedByOwner.selector, BTC));
        homeGuardian.unpauseMarket(BTC, "clear");
        vm.stopPrank();
        vm.warp(homeGuardian.pausedUntilS(BTC) + 1);
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.PausedByOwner.selector, BTC));
        homeGuardian.endLapsedPause(BTC);
    }

    function test_revokeMember_LeavesAQuorum() public {
        vm.startPrank(council);
        homeGuardian.revokeMember(2, members[0], "leaked");
        homeGuardian.revokeMember(2, members[1], "leaked");
        vm.expectRevert(abi.encodeWithSelector(ICommittee.QuorumUnreachable.selector, 4, 5));
        homeGuardian.revokeMember(2, members[2], "leaked");
        vm.stopPrank();
        assertEq(oracle.revoked(2), 3);
    }

    function test_tighten_LapsesAndNeverLoosens() public {
        vm.startPrank(council);
        homeGuardian.tighten(
            btc(Fields.OPEN_INTEREST_CAP_USD, 5_000_000), block.timestamp + 1 days, "volatile"
        );
        assertEq(btcNow(Fields.OPEN_INTEREST_CAP_USD), 5_000_000);
        vm.expectPartialRevert(IRiskParameters.NotTighter.selector);
        homeGuardian.tighten(
            btc(Fields.OPEN_INTEREST_CAP_USD, 20_000_000), block.timestamp + 1 days, "greed"
        );
        vm.expectPartialRevert(IRiskParameters.EmergencyTooLong.selector);
        homeGuardian.tighten(
            btc(Fields.OPEN_INTEREST_CAP_USD, 5_000_000), block.timestamp + 365 days, "for ever"
        );
        vm.stopPrank();
        skipS(1 days);
        assertEq(btcNow(Fields.OPEN_INTEREST_CAP_USD), 10_000_000);
    }

    function test_veto_EndsAQueuedOperation() public {
        Proposal memory p = raiseMaintenance();
        passAndQueue(p);
        vm.expectEmit();
        emit IHomeGuardian.Vetoed(operationOf(p), council, "test");
        veto(p);
        assertEq(uint8(stateOf(p)), uint8(IGovernor.ProposalState.Canceled));
        skipS(30 days);
        vm.expectRevert();
        this.doExecute(p);
    }

    /// @dev Up to the second before it is executed; not what is still being voted on.
    function test_veto_OfWhatIsQueuedOnly() public {
        Proposal memory p = raiseMaintenance();
        propose(alice, p);
        vm.expectRevert();
        this.doVeto(p);
        toVoting(p);
        vote(alice, p, FOR);
        toEnd(p);
        queue(p);
        toEta(p);
        uint256 snapshot = vm.snapshotState();
        veto(p);
        assertTrue(vm.revertToState(snapshot));
        execute(p);
        vm.expectRevert();
        this.doVeto(p);
    }

    /// @dev Each way in which governance can limit or replace the guardian.
    function test_veto_RevertIf_OfItsOwnRemoval() public {
        Proposal memory all = removal();
        passAndQueue(all);
        vm.expectRevert(IGuardian.OwnRemoval.selector);
        this.doVeto(all);
        for (uint256 i; i < all.targets.length; ++i) {
            Proposal memory p = proposalOf(all.targets[i], all.calldatas[i]);
            passAndQueue(p);
            vm.expectRevert(IGuardian.OwnRemoval.selector);
            this.doVeto(p);
        }
        toEta(all);
        execute(all);
        assertFalse(timelock.hasRole(timelock.CANCELLER_ROLE(), address(homeGuardian)));
        assertEq(oracle.guardian(), carol);
        assertEq(params.guardian(), carol);
        assertEq(homeGuardian.council(), carol);
    }

    /// @dev A removal is no cover for anything else.
    function test_veto_OfARemovalWithAnythingElseInIt() public {
        bytes[5] memory data = [
            abi.encodeCall(vault.setModule, (mallory, Module.POOL)),
            abi.encodeCall(IAccessControl.grantRole, (timelock.CANCELLER_ROLE(), mallory)),
            abi.encodeCall(
                IAccessControl.revokeRole, (timelock.CANCELLER_ROLE(), address(governor))
            ),
            abi.encodeCall(
                    IAccessControl.revokeRole, (timelock.PROPOSER_ROLE(), address(homeGuardian))
                ),
            abi.encodeCall(oracle.pauseMarket, (BTC, "decided"))
        ];
        address[5] memory targets = [
            address(vault), address(timelock), address(timelock), address(timelock), address(oracle)
        ];
        for (uint256 i; i < data.length; ++i) {
            Proposal memory p = with(removal(), targets[i], data[i]);
            passAndQueue(p);
            veto(p);
            assertEq(uint8(stateOf(p)), uint8(IGovernor.ProposalState.Canceled));
        }
    }

    /// @dev A hostile council stops all it can. Governance replaces it, and all of it comes back.
    function test_compromise_IsUndoneByGovernance() public {
        vm.startPrank(council);
        for (uint256 market; market < BOUND; ++market) {
            homeGuardian.pauseMarket(market, "hostile");
        }
        homeGuardian.revokeMember(2, members[0], "hostile");
        homeGuardian.revokeMember(2, members[1], "hostile");
        homeGuardian.tighten(
            btc(Fields.OPEN_INTEREST_CAP_USD, 5_000_000), block.timestamp + 7 days, "hostile"
        );
        vm.stopPrank();
        Proposal memory wanted = raiseMaintenance();
        passAndQueue(wanted);
        veto(wanted);
        Proposal memory replace =
            proposalOf(address(homeGuardian), abi.encodeCall(IGuardian.setCouncil, (carol)));
        replace.description = "a new council";
        passAndQueue(replace);
        vm.expectRevert(IGuardian.OwnRemoval.selector);
        this.doVeto(replace);
        toEta(replace);
        execute(replace);
        vm.expectRevert(abi.encodeWithSelector(IGuardian.NotCouncil.selector, council));
        vm.prank(council);
        homeGuardian.unpauseMarket(BTC, "still me");
        vm.startPrank(carol);
        for (uint256 market; market < BOUND; ++market) {
            homeGuardian.unpauseMarket(market, "clear");
            assertFalse(oracle.readMark(market).paused);
        }
        vm.stopPrank();
        assertEq(btcNow(Fields.OPEN_INTEREST_CAP_USD), 10_000_000);
    }

    /// @dev Were the contract itself the attacker's, its rights would still end there.
    function test_guardian_HasNoRightBeyondItsFunctions() public {
        bytes32 proposer = timelock.PROPOSER_ROLE();
        vm.startPrank(address(homeGuardian));
        vm.expectRevert();
        timelock.scheduleBatch(new address[](1), new uint256[](1), new bytes[](1), 0, 0, SLOW_S);
        vm.expectRevert();
        timelock.executeBatch(new address[](1), new uint256[](1), new bytes[](1), 0, 0);
        vm.expectRevert();
        timelock.updateDelay(1 days);
        vm.expectRevert();
        timelock.grantRole(proposer, council);
        vm.expectRevert();
        params.change(btc(Fields.MAINTENANCE_0_BPS, 220));
        vm.expectRevert();
        params.setGuardian(council);
        vm.expectRevert();
        oracle.setGuardian(council);
        vm.expectRevert();
        oracle.resetTime(0, 1, "");
        vm.expectRevert();
        vault.setModule(council, Module.POOL);
        vm.expectRevert();
        vault.payOut(council, 1);
        vm.stopPrank();
    }

    function test_setCouncil_RevertIf_Nobody() public {
        vm.expectRevert(IGuardian.NoCouncil.selector);
        vm.prank(address(timelock));
        homeGuardian.setCouncil(address(0));
    }

    function removal() private view returns (Proposal memory p) {
        p = proposalOf(address(homeGuardian), abi.encodeCall(IGuardian.setCouncil, (carol)));
        p = with(p, address(homeGuardian), abi.encodeCall(IGuardian.setPauser, (bot, false)));
        p = with(p, address(oracle), abi.encodeCall(oracle.setGuardian, (carol)));
        p = with(p, address(params), abi.encodeCall(params.setGuardian, (carol)));
        bytes32 role = timelock.CANCELLER_ROLE();
        p = with(
            p,
            address(timelock),
            abi.encodeCall(IAccessControl.revokeRole, (role, address(homeGuardian)))
        );
    }
}
