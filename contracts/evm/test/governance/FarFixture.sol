// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAttesterSet} from "../../src/governance/interfaces/IAttesterSet.sol";
import {IDecisionOutbox} from "../../src/governance/interfaces/IDecisionOutbox.sol";
import {Call, Decision} from "../../src/governance/interfaces/IDecisions.sol";
import {IExecutionGate} from "../../src/governance/interfaces/IExecutionGate.sol";
import {Gated} from "../../src/governance/interfaces/IExecutionRules.sol";
import {IFarGovernor} from "../../src/governance/interfaces/IFarGovernor.sol";
import {IFarGuardian} from "../../src/governance/interfaces/IFarGuardian.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {GovernanceFixture} from "./GovernanceFixture.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice A decision with what it does, as the outbox sent it.
struct Sent {
    Decision decision;
    Call[] calls;
    bytes32 digest;
}

/// @notice A home chain with governance, and a far one whose contracts obey it. Both are in one EVM:
/// `vm.chainId` says on which we are.
abstract contract FarFixture is GovernanceFixture {
    uint256 internal constant HOME = 1;
    uint256 internal constant FAR = 10;
    uint32 internal constant LIFE_S = 60 days;

    IDecisionOutbox internal outbox;
    /// @dev The far chain's own are `oracle` and `params` of the fixture below; the home chain's are
    /// not needed: its timelock owns the outbox.
    IFarGovernor internal far;
    IAttesterSet internal attesterSet;
    IFarGuardian internal farGuardian;
    address[] internal attesters;
    mapping(address attester => uint256) internal attesterKey;

    function setUp() public virtual override {
        super.setUp();
        vm.chainId(HOME);
        attesters = makeAttesters(5, "attester");
        outbox = IDecisionOutbox(
            vm.deployCode("DecisionOutbox.sol:DecisionOutbox", abi.encode(governor, timelock))
        );
        vm.chainId(FAR);
        deployFar();
        // The far chain's contracts obey the far governor alone.
        vm.startPrank(address(timelock));
        oracle.setGuardian(address(farGuardian));
        params.setGuardian(address(farGuardian));
        Ownable2Step(address(oracle)).transferOwnership(address(far));
        Ownable2Step(address(params)).transferOwnership(address(far));
        vm.stopPrank();
        far.acceptOwnershipOf(address(oracle));
        far.acceptOwnershipOf(address(params));
    }

    function deployFar() private {
        uint64 nonce = vm.getNonce(address(this));
        address far_ = vm.computeCreateAddress(address(this), nonce);
        address set = vm.computeCreateAddress(address(this), nonce + 1);
        address guardian_ = vm.computeCreateAddress(address(this), nonce + 2);
        Gated[] memory gated = new Gated[](1);
        gated[0] = Gated(address(oracle), IExecutionGate(set));
        vm.deployCode(
            "FarGovernor.sol:FarGovernor",
            abi.encode(HOME, governor, set, guardian_, waits(), gated)
        );
        vm.deployCode("AttesterSet.sol:AttesterSet", abi.encode(far_, oracle, attesters, 4));
        vm.deployCode(
            "FarGuardian.sol:FarGuardian",
            abi.encode(far_, oracle, params, council, new address[](0))
        );
        far = IFarGovernor(far_);
        attesterSet = IAttesterSet(set);
        farGuardian = IFarGuardian(guardian_);
    }

    /// @dev Rising by address.
    function makeAttesters(uint256 size, string memory label)
        internal
        returns (address[] memory made)
    {
        made = new address[](size);
        for (uint256 i; i < size; ++i) {
            (address account, uint256 key) = makeAddrAndKey(string.concat(label, vm.toString(i)));
            attesterKey[account] = key;
            made[i] = account;
            for (uint256 j = i; j > 0 && made[j] < made[j - 1]; --j) {
                (made[j], made[j - 1]) = (made[j - 1], made[j]);
            }
        }
    }

    function callsOf(address target, bytes memory data)
        internal
        pure
        returns (Call[] memory calls)
    {
        calls = new Call[](1);
        calls[0] = Call(target, data);
    }

    /// @dev A step of one market's parameter.
    function stepTo(uint256 bps) internal view returns (Call[] memory) {
        return callsOf(
            address(params), abi.encodeCall(params.change, (btc(Fields.MAINTENANCE_0_BPS, bps)))
        );
    }

    /// @dev Sent by the home timelock: read from the event, as attesters do.
    function send(Call[] memory calls) internal returns (Sent memory s) {
        vm.chainId(HOME);
        vm.recordLogs();
        vm.prank(address(timelock));
        outbox.send(FAR, address(far), calls, 0, LIFE_S);
        s = lastSent();
        vm.chainId(FAR);
    }

    function lastSent() internal returns (Sent memory s) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != IDecisionOutbox.DecisionSent.selector) continue;
            (s.digest, s.decision, s.calls) = abi.decode(logs[i].data, (bytes32, Decision, Call[]));
        }
    }

    /// @dev By the attesters whose bit is set.
    function attest(bytes32 digest, address[] memory by, uint256 signers)
        internal
        view
        returns (bytes memory proof)
    {
        for (uint256 i; i < by.length; ++i) {
            if ((signers >> i) & 1 == 0) continue;
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(attesterKey[by[i]], digest);
            proof = bytes.concat(proof, abi.encodePacked(r, s, v));
        }
    }

    function receiveIt(Sent memory s) internal {
        far.receiveDecision(s.decision, s.calls, attest(s.digest, attesters, 0x0f));
    }

    function doReceive(Sent memory s, bytes memory proof) external {
        far.receiveDecision(s.decision, s.calls, proof);
    }

    /// @dev Sent, arrived, waited for and executed.
    function carryOut(Call[] memory calls) internal {
        Sent memory s = send(calls);
        receiveIt(s);
        vm.warp(far.decisionOf(s.decision.nonce).readyAtS);
        far.execute(s.decision.nonce, calls);
    }

    function vetoFar(Sent memory s) internal {
        vm.prank(council);
        farGuardian.veto(s.decision.nonce, s.calls, "test");
    }
}
