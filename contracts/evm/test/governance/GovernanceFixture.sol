// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IExecutionGate} from "../../src/governance/interfaces/IExecutionGate.sol";
import {Gated, IExecutionRules, Waits} from "../../src/governance/interfaces/IExecutionRules.sol";
import {IHomeGuardian} from "../../src/governance/interfaces/IHomeGuardian.sol";
import {IListingGate, Terms} from "../../src/governance/interfaces/IListingGate.sol";
import {VoteSettings} from "../../src/governance/interfaces/IPlumbGovernor.sol";
import {IVault} from "../../src/perp/interfaces/IVault.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {RiskParametersFixture} from "../perp/RiskParametersFixture.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice What is voted on.
struct Proposal {
    address[] targets;
    uint256[] values;
    bytes[] calldatas;
    string description;
}

/// @notice Oracle, parameters and vault, owned by the timelock as a deployment has it. Four holders:
/// alice 40 %, bob 30 %, carol 10 % and mallory 20 % of the votes.
abstract contract GovernanceFixture is RiskParametersFixture {
    uint256 internal constant SUPPLY = 10_000_000e18;
    uint8 internal constant AGAINST = 0;
    uint8 internal constant FOR = 1;
    uint8 internal constant ABSTAIN = 2;

    uint32 internal constant DELAY_S = 2 days;
    uint32 internal constant SLOW_S = 7 days;

    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");
    address internal carol = makeAddr("carol");
    address internal mallory = makeAddr("mallory");
    address internal council = makeAddr("council");
    address internal bot = makeAddr("bot");

    IVault internal vault;
    address internal token;
    TimelockController internal timelock;
    IExecutionRules internal rules;
    IGovernor internal governor;
    IHomeGuardian internal homeGuardian;
    IListingGate internal gate;

    function setUp() public virtual override {
        super.setUp();
        address settlement = vm.deployCode("PlumbToken.sol:PlumbToken", abi.encode(owner, SUPPLY));
        vault = IVault(
            vm.deployCode(
                "Vault.sol:Vault", abi.encode(settlement, oracle, params, address(0), 0, owner)
            )
        );
        token = vm.deployCode("PlumbToken.sol:PlumbToken", abi.encode(alice, SUPPLY));
        deployGovernance();
        wire();
        spread();
    }

    /// @dev Each knows the addresses of those after it before they are deployed: no admin is needed.
    function deployGovernance() private {
        uint64 nonce = vm.getNonce(address(this));
        address lock = vm.computeCreateAddress(address(this), nonce);
        address governor_ = vm.computeCreateAddress(address(this), nonce + 1);
        address guardian_ = vm.computeCreateAddress(address(this), nonce + 2);
        address gate_ = vm.computeCreateAddress(address(this), nonce + 3);
        Gated[] memory gated = new Gated[](1);
        gated[0] = Gated(address(params), IExecutionGate(gate_));
        vm.deployCode("Timelock.sol:Timelock", abi.encode(waits(), gated, governor_, guardian_));
        vm.deployCode(
            "PlumbGovernor.sol:PlumbGovernor", abi.encode(token, lock, settings(), floors())
        );
        vm.deployCode("Guardian.sol:Guardian", abi.encode(lock, oracle, params, council, bots()));
        vm.deployCode("ListingGate.sol:ListingGate", abi.encode(lock, oracle, params, terms()));
        timelock = TimelockController(payable(lock));
        rules = IExecutionRules(lock);
        governor = IGovernor(governor_);
        homeGuardian = IHomeGuardian(guardian_);
        gate = IListingGate(gate_);
    }

    function wire() private {
        vm.startPrank(owner);
        oracle.setGuardian(address(homeGuardian));
        params.setGuardian(address(homeGuardian));
        Ownable2Step(address(oracle)).transferOwnership(address(timelock));
        Ownable2Step(address(params)).transferOwnership(address(timelock));
        Ownable(address(vault)).transferOwnership(address(timelock));
        vm.stopPrank();
        rules.acceptOwnershipOf(address(oracle));
        rules.acceptOwnershipOf(address(params));
    }

    function spread() private {
        vm.startPrank(alice);
        require(IERC20(token).transfer(bob, SUPPLY * 3 / 10));
        require(IERC20(token).transfer(carol, SUPPLY / 10));
        require(IERC20(token).transfer(mallory, SUPPLY / 5));
        vm.stopPrank();
        address[4] memory holders = [alice, bob, carol, mallory];
        for (uint256 i; i < holders.length; ++i) {
            vm.prank(holders[i]);
            IVotes(token).delegate(holders[i]);
        }
        skipS(1);
    }

    function waits() internal pure returns (Waits memory) {
        return Waits({floorS: 1 days, delayS: DELAY_S, slowDelayS: SLOW_S});
    }

    function settings() internal pure returns (VoteSettings memory) {
        return VoteSettings({
            votingDelayS: 1 days,
            votingPeriodS: 5 days,
            lateQuorumExtensionS: 2 days,
            quorumPercent: 4,
            proposalThreshold: SUPPLY / 200
        });
    }

    function floors() internal pure returns (VoteSettings memory) {
        return VoteSettings({
            votingDelayS: 12 hours,
            votingPeriodS: 3 days,
            lateQuorumExtensionS: 1 days,
            quorumPercent: 3,
            proposalThreshold: SUPPLY / 1000
        });
    }

    function terms() internal pure returns (Terms memory) {
        return Terms({
            probationS: 30 days, sampleIntervalS: 6 hours, maxAgeMs: 60_000, promotionS: 30 days
        });
    }

    function bots() private view returns (address[] memory pausers) {
        pausers = new address[](1);
        pausers[0] = bot;
    }

    function proposalOf(address target, bytes memory data)
        internal
        view
        returns (Proposal memory p)
    {
        p.targets = new address[](1);
        p.targets[0] = target;
        p.values = new uint256[](1);
        p.calldatas = new bytes[](1);
        p.calldatas[0] = data;
        // Tells apart proposals that do the same at another time.
        p.description = string.concat("at ", vm.toString(block.timestamp));
    }

    function with(Proposal memory p, address target, bytes memory data)
        internal
        pure
        returns (Proposal memory q)
    {
        uint256 count = p.targets.length;
        q = Proposal(
            new address[](count + 1),
            new uint256[](count + 1),
            new bytes[](count + 1),
            p.description
        );
        for (uint256 i; i < count; ++i) {
            (q.targets[i], q.calldatas[i]) = (p.targets[i], p.calldatas[i]);
        }
        (q.targets[count], q.calldatas[count]) = (target, data);
    }

    /// @dev A change of a parameter, small enough for one step.
    function raiseMaintenance() internal view returns (Proposal memory) {
        return proposalOf(
            address(params), abi.encodeCall(params.change, (btc(Fields.MAINTENANCE_0_BPS, 220)))
        );
    }

    function idOf(Proposal memory p) internal view returns (uint256) {
        return
            governor.getProposalId(
                p.targets, p.values, p.calldatas, keccak256(bytes(p.description))
            );
    }

    function saltOf(Proposal memory p) internal view returns (bytes32) {
        return bytes20(address(governor)) ^ keccak256(bytes(p.description));
    }

    function operationOf(Proposal memory p) internal view returns (bytes32) {
        return timelock.hashOperationBatch(p.targets, p.values, p.calldatas, 0, saltOf(p));
    }

    function propose(address by, Proposal memory p) internal returns (uint256) {
        vm.prank(by);
        return governor.propose(p.targets, p.values, p.calldatas, p.description);
    }

    function vote(address by, Proposal memory p, uint8 support) internal {
        uint256 id = idOf(p);
        vm.prank(by);
        governor.castVote(id, support);
    }

    function queue(Proposal memory p) internal {
        governor.queue(p.targets, p.values, p.calldatas, keccak256(bytes(p.description)));
    }

    function execute(Proposal memory p) internal {
        governor.execute(p.targets, p.values, p.calldatas, keccak256(bytes(p.description)));
    }

    /// @dev To the second in which votes are first cast.
    function toVoting(Proposal memory p) internal {
        vm.warp(governor.proposalSnapshot(idOf(p)) + 1);
    }

    function toEnd(Proposal memory p) internal {
        vm.warp(governor.proposalDeadline(idOf(p)) + 1);
    }

    function toEta(Proposal memory p) internal {
        vm.warp(timelock.getTimestamp(operationOf(p)));
    }

    /// @dev Proposed by alice, voted for by alice and bob, and queued.
    function passAndQueue(Proposal memory p) internal {
        propose(alice, p);
        toVoting(p);
        vote(alice, p, FOR);
        vote(bob, p, FOR);
        toEnd(p);
        queue(p);
    }

    function decide(Proposal memory p) internal {
        passAndQueue(p);
        toEta(p);
        execute(p);
    }

    function stateOf(Proposal memory p) internal view returns (IGovernor.ProposalState) {
        return governor.state(idOf(p));
    }

    function veto(Proposal memory p) internal {
        bytes32 salt = saltOf(p);
        vm.prank(council);
        homeGuardian.veto(p.targets, p.values, p.calldatas, 0, salt, "test");
    }

    // By a call of its own, so that a test can expect it to fail as a whole.
    function doPropose(address by, Proposal memory p) external {
        propose(by, p);
    }

    function doVote(address by, Proposal memory p, uint8 support) external {
        vote(by, p, support);
    }

    function doQueue(Proposal memory p) external {
        queue(p);
    }

    function doExecute(Proposal memory p) external {
        execute(p);
    }

    function doVeto(Proposal memory p) external {
        veto(p);
    }
}
