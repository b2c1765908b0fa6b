// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IExecutionRules} from "../../src/governance/interfaces/IExecutionRules.sol";
import {IGuardian} from "../../src/governance/interfaces/IGuardian.sol";
import {IPlumbGovernor} from "../../src/governance/interfaces/IPlumbGovernor.sol";
import {Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {Module} from "../../src/perp/interfaces/IVault.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {GovernanceFixture, Proposal} from "./GovernanceFixture.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {
    GovernorPreventLateQuorum
} from "@openzeppelin/contracts/governance/extensions/GovernorPreventLateQuorum.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {
    GovernorVotesQuorumFraction
} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice Holders who propose, vote, trade their votes, queue and execute; a council that vetoes; and
/// an attacker who calls whatever there is. The test keeps the books of each proposal by itself.
contract GovernanceInvariantsTest is GovernanceFixture {
    struct Book {
        uint256 quorum;
        uint256 forVotes;
        uint256 against;
        uint256 abstained;
        uint256 votingEndS;
        uint256 queuedAtS;
        uint256 waitS;
        bool vetoed;
        bool executed;
    }

    bytes[] private encoded;
    mapping(uint256 at => Book) private books;
    mapping(uint256 at => mapping(address voter => bool)) private voted;
    address[4] private holders;
    uint256 private maintenance = 200;
    uint256 private movedAtS;
    uint256 private unauthorised;

    function setUp() public override {
        super.setUp();
        holders = [alice, bob, carol, mallory];
        bytes4[] memory selectors = new bytes4[](9);
        selectors[0] = this.proposeOne.selector;
        selectors[1] = this.voteOne.selector;
        selectors[2] = this.queueOne.selector;
        selectors[3] = this.executeOne.selector;
        selectors[4] = this.vetoOne.selector;
        selectors[5] = this.trade.selector;
        selectors[6] = this.attack.selector;
        selectors[7] = this.pass.selector;
        selectors[8] = this.passNow.selector;
        targetSelector(FuzzSelector(address(this), selectors));
        targetContract(address(this));
    }

    function proposeOne(uint256 who, uint256 kind, uint256 to) public {
        (address target, bytes memory data) = payload(kind, to);
        Proposal memory p = proposalOf(target, data);
        p.description = vm.toString(encoded.length);
        vm.prank(holders[who % 4]);
        try governor.propose(p.targets, p.values, p.calldatas, p.description) {
            books[encoded.length].votingEndS = governor.proposalDeadline(idOf(p));
            encoded.push(abi.encode(p));
        } catch {}
    }

    function voteOne(uint256 at, uint256 who, uint256 support) external {
        if (encoded.length == 0) return;
        at %= encoded.length;
        address voter = holders[who % 4];
        uint256 id = idOf(proposal(at));
        uint256 snapshotS = governor.proposalSnapshot(id);
        vm.prank(voter);
        try governor.castVote(id, uint8(support % 3)) {
            assertFalse(voted[at][voter], "voted twice");
            voted[at][voter] = true;
            count(at, uint8(support % 3), IVotes(token).getPastVotes(voter, snapshotS));
        } catch {}
    }

    function queueOne(uint256 at) public {
        if (encoded.length == 0) return;
        at %= encoded.length;
        Proposal memory p = proposal(at);
        bytes32 hash = keccak256(bytes(p.description));
        try governor.queue(p.targets, p.values, p.calldatas, hash) {
            Book storage book = books[at];
            book.queuedAtS = block.timestamp;
            bool slow = rules.isSlow(bytes4(p.calldatas[0]));
            book.waitS = slow ? rules.slowDelay() : timelock.getMinDelay();
            book.quorum = governor.quorum(governor.proposalSnapshot(idOf(p)));
        } catch {}
    }

    function executeOne(uint256 at) public {
        if (encoded.length == 0) return;
        at %= encoded.length;
        Proposal memory p = proposal(at);
        bytes32 hash = keccak256(bytes(p.description));
        try governor.execute(p.targets, p.values, p.calldatas, hash) {
            checkExecuted(books[at]);
            books[at].executed = true;
            uint256 now_ = btcNow(Fields.MAINTENANCE_0_BPS);
            if (now_ != maintenance) {
                assertGe(block.timestamp, movedAtS + 1 days, "moved twice a day");
                (maintenance, movedAtS) = (now_, block.timestamp);
            }
        } catch {}
    }

    function vetoOne(uint256 at) external {
        if (encoded.length == 0) return;
        at %= encoded.length;
        Proposal memory p = proposal(at);
        bytes32 salt = saltOf(p);
        vm.prank(council);
        try homeGuardian.veto(p.targets, p.values, p.calldatas, 0, salt, "no") {
            assertNotEq(p.targets[0], address(homeGuardian), "vetoed its own removal");
            books[at].vetoed = true;
        } catch {}
    }

    /// @dev Votes change hands, and delegates, at any time.
    function trade(uint256 from, uint256 to, uint256 amount, uint256 delegate) external {
        address seller = holders[from % 4];
        vm.startPrank(seller);
        amount = bound(amount, 0, IERC20(token).balanceOf(seller));
        require(IERC20(token).transfer(holders[to % 4], amount));
        IVotes(token).delegate(holders[delegate % 4]);
        vm.stopPrank();
        skipS(1);
    }

    /// @dev Any call of any payload, by who may not: some of it right at hand, as what is queued.
    function attack(uint256 who, uint256 kind, uint256 to, uint256 at) external {
        address[4] memory callers = [mallory, council, bot, address(homeGuardian)];
        (address target, bytes memory data) = payload(kind, to);
        vm.startPrank(callers[who % 4]);
        (bool ok,) = target.call(data);
        if (ok) ++unauthorised;
        if (encoded.length != 0) {
            Proposal memory p = proposal(at % encoded.length);
            try timelock.executeBatch(p.targets, p.values, p.calldatas, 0, saltOf(p)) {
                ++unauthorised;
            } catch {}
            try timelock.scheduleBatch(p.targets, p.values, p.calldatas, 0, 0, 30 days) {
                ++unauthorised;
            } catch {}
        }
        vm.stopPrank();
    }

    function pass(uint256 seconds_) external {
        skipS(bound(seconds_, 1, 4 days));
    }

    /// @dev One that goes all the way, so that much is executed.
    function passNow(uint256 who, uint256 kind, uint256 to, bool early) external {
        uint256 at = encoded.length;
        proposeOne(who, kind, to);
        if (encoded.length == at) return;
        Proposal memory p = proposal(at);
        toVoting(p);
        for (uint256 i; i < 4; ++i) {
            this.voteOne(at, i, FOR);
        }
        toEnd(p);
        queueOne(at);
        if (books[at].queuedAtS == 0) return;
        toEta(p);
        if (early) vm.warp(block.timestamp - 1);
        executeOne(at);
    }

    function invariant_NobodyElseHasARole() public view {
        assertEq(unauthorised, 0);
        bytes32[4] memory roles = [
            bytes32(0),
            timelock.PROPOSER_ROLE(),
            timelock.EXECUTOR_ROLE(),
            timelock.CANCELLER_ROLE()
        ];
        address[7] memory others = [alice, bob, mallory, council, bot, address(this), address(0)];
        for (uint256 i; i < roles.length; ++i) {
            for (uint256 j; j < others.length; ++j) {
                assertFalse(timelock.hasRole(roles[i], others[j]));
            }
        }
        assertEq(Ownable(address(oracle)).owner(), address(timelock));
        assertEq(Ownable(address(params)).owner(), address(timelock));
        assertEq(Ownable(address(vault)).owner(), address(timelock));
        assertEq(uint8(vault.moduleOf(mallory)), uint8(Module.NONE));
    }

    function invariant_SettingsStayWithinBounds() public view {
        assertGe(timelock.getMinDelay(), 1 days);
        assertGe(rules.slowDelay(), timelock.getMinDelay());
        assertLe(rules.slowDelay(), 30 days);
        assertGe(governor.votingDelay(), 12 hours);
        assertLe(governor.votingDelay(), 14 days);
        assertGe(governor.votingPeriod(), 3 days);
        assertLe(governor.votingPeriod(), 30 days);
        assertGe(governor.quorum(block.timestamp - 1), SUPPLY * 3 / 100);
        assertLe(governor.quorum(block.timestamp - 1), SUPPLY * 30 / 100);
        assertGe(governor.proposalThreshold(), SUPPLY / 1000);
        assertLe(governor.proposalThreshold(), SUPPLY / 50);
        uint256 now_ = params.value(Scope.MARKET, BTC, Fields.MAINTENANCE_0_BPS);
        assertEq(now_, maintenance, "moved without a decision");
    }

    function invariant_NobodyHasTooManyProposals() public view {
        for (uint256 i; i < holders.length; ++i) {
            assertLe(IPlumbGovernor(address(governor)).liveProposals(holders[i]), 3);
        }
    }

    function checkExecuted(Book storage book) private view {
        assertGt(book.forVotes, book.against, "lost the vote");
        assertGe(book.forVotes + book.abstained, book.quorum, "without a quorum");
        assertGt(book.queuedAtS, book.votingEndS, "queued while voted on");
        assertGe(block.timestamp, book.queuedAtS + book.waitS, "too early");
        assertLe(block.timestamp, book.queuedAtS + book.waitS + 30 days, "too late");
        assertFalse(book.vetoed, "vetoed");
        assertFalse(book.executed, "executed twice");
    }

    function count(uint256 at, uint8 support, uint256 votes) private {
        if (support == FOR) books[at].forVotes += votes;
        else if (support == AGAINST) books[at].against += votes;
        else books[at].abstained += votes;
    }

    function proposal(uint256 at) private view returns (Proposal memory) {
        return abi.decode(encoded[at], (Proposal));
    }

    function payload(uint256 kind, uint256 to) private view returns (address, bytes memory) {
        kind %= 9;
        if (kind == 0) {
            uint256 bps = bound(to, maintenance - 50, maintenance + 50);
            return
                (
                    address(params),
                    abi.encodeCall(params.change, (btc(Fields.MAINTENANCE_0_BPS, bps)))
                );
        }
        if (kind == 1) {
            to = bound(to, 0, 40 days);
            return (address(timelock), abi.encodeCall(TimelockController.updateDelay, (to)));
        }
        if (kind == 2) {
            to = bound(to, 0, 40 days);
            return (address(timelock), abi.encodeCall(IExecutionRules.updateSlowDelay, (to)));
        }
        if (kind == 3) {
            to = bound(to, 0, 20 days);
            return
                (address(governor), abi.encodeCall(GovernorSettings.setVotingDelay, (uint48(to))));
        }
        if (kind == 4) {
            to = bound(to, 0, 40 days);
            return
                (address(governor), abi.encodeCall(GovernorSettings.setVotingPeriod, (uint32(to))));
        }
        if (kind == 5) {
            to = bound(to, 0, SUPPLY / 40);
            return (address(governor), abi.encodeCall(GovernorSettings.setProposalThreshold, (to)));
        }
        if (kind == 6) {
            to = bound(to, 0, 40);
            return (
                address(governor),
                abi.encodeCall(GovernorVotesQuorumFraction.updateQuorumNumerator, (to))
            );
        }
        if (kind == 7) {
            return (address(homeGuardian), abi.encodeCall(IGuardian.setPauser, (bot, to % 2 == 0)));
        }
        to = bound(to, 0, 20 days);
        return (
            address(governor),
            abi.encodeCall(GovernorPreventLateQuorum.setLateQuorumVoteExtension, (uint48(to)))
        );
    }
}
