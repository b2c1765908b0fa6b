// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAttesterSet} from "../../src/governance/interfaces/IAttesterSet.sol";
import {Call} from "../../src/governance/interfaces/IDecisions.sol";
import {DecisionState, IFarGovernor} from "../../src/governance/interfaces/IFarGovernor.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {FarFixture, Sent} from "./FarFixture.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @notice A home chain that decides, carriers who carry any decision at any time with any signatures, a
/// council that vetoes, and price keys that sign everything.
contract FarInvariantsTest is FarFixture {
    bytes[] private encoded;
    mapping(uint64 nonce => bool) private vetoed;
    mapping(uint64 nonce => uint256) private arrivedAtS;
    uint64 private ended;
    uint256 private executed;

    function setUp() public override {
        super.setUp();
        bytes4[] memory selectors = new bytes4[](8);
        selectors[0] = this.decideOne.selector;
        selectors[1] = this.carry.selector;
        selectors[2] = this.carryNext.selector;
        selectors[3] = this.forge.selector;
        selectors[4] = this.executeOne.selector;
        selectors[5] = this.skipOne.selector;
        selectors[6] = this.vetoOne.selector;
        selectors[7] = this.pass.selector;
        targetSelector(FuzzSelector(address(this), selectors));
        targetContract(address(this));
    }

    function decideOne(uint256 kind, uint256 to) external {
        Call[] memory calls;
        kind %= 3;
        if (kind == 0) {
            calls = stepTo(bound(to, 190, 210));
        } else if (kind == 1) {
            to = bound(to, 0, 8 days);
            calls = callsOf(address(far), abi.encodeCall(IFarGovernor.updateDelay, (to)));
        } else {
            calls = new Call[](0);
        }
        encoded.push(abi.encode(send(calls)));
    }

    /// @dev Any decision, with the signatures of any of the attesters.
    function carry(uint256 at, uint256 signers) public {
        if (encoded.length == 0) return;
        Sent memory s = abi.decode(encoded[at % encoded.length], (Sent));
        signers &= 0x1f;
        uint64 next = far.received() + 1;
        try far.receiveDecision(s.decision, s.calls, attest(s.digest, attesters, signers)) {
            assertEq(s.decision.nonce, next, "arrived out of order");
            assertGe(bits(signers), 4, "without a threshold");
            arrivedAtS[next] = block.timestamp;
        } catch {}
    }

    function carryNext() external {
        carry(far.received(), 0x0f);
    }

    /// @dev What the home chain never decided, with the signatures of all price keys, and of three
    /// attesters.
    function forge(uint256 to) external {
        Sent memory s;
        s.calls = callsOf(address(params), abi.encodeCall(Ownable.transferOwnership, (mallory)));
        s.decision.homeChainId = HOME;
        s.decision.homeGovernor = address(governor);
        s.decision.target = address(far);
        s.decision.nonce = far.received() + 1;
        s.decision.payloadHash = keccak256(abi.encode(s.calls));
        s.decision.eta = uint64(block.timestamp);
        s.decision.expiresAt = uint64(block.timestamp + 1 + to % 1 days);
        bytes32 digest = far.digestOf(s.decision);
        bytes memory proof;
        for (uint256 i; i < members.length; ++i) {
            (uint8 v, bytes32 r, bytes32 sigS) = vm.sign(keyOf[members[i]], digest);
            proof = bytes.concat(proof, abi.encodePacked(r, sigS, v));
        }
        refuse(s, proof);
        refuse(s, attest(digest, attesters, 0x07));
    }

    function executeOne(uint256 nonce_) external {
        uint64 nonce = near(nonce_);
        if (nonce == 0) return;
        Sent memory s = abi.decode(encoded[nonce - 1], (Sent));
        try far.execute(nonce, s.calls) {
            assertEq(nonce, ended + 1, "executed out of order");
            assertFalse(vetoed[nonce], "vetoed");
            assertGe(block.timestamp, arrivedAtS[nonce] + 1 days, "below the floor");
            assertGe(block.timestamp, s.decision.eta, "before its time");
            assertLe(block.timestamp, s.decision.expiresAt, "expired");
            assertEq(outbox.digestOf(FAR, address(far), nonce), s.digest, "never decided");
            ended = nonce;
            ++executed;
        } catch {}
    }

    function skipOne(uint256 nonce_) external {
        uint64 nonce = near(nonce_);
        if (nonce == 0) return;
        bool expired = far.stateOf(nonce) == DecisionState.EXPIRED;
        try far.skip(nonce) {
            assertEq(nonce, ended + 1, "skipped out of order");
            assertTrue(vetoed[nonce] || expired, "skipped a good one");
            ended = nonce;
        } catch {}
    }

    function vetoOne(uint256 nonce_) external {
        uint64 nonce = near(nonce_);
        if (nonce == 0) return;
        Sent memory s = abi.decode(encoded[nonce - 1], (Sent));
        vm.prank(council);
        try farGuardian.veto(nonce, s.calls, "no") {
            assertGt(nonce, ended, "vetoed what was done");
            vetoed[nonce] = true;
        } catch {}
    }

    function pass(uint256 seconds_) external {
        skipS(bound(seconds_, 1, 20 days));
    }

    function invariant_NoncesAreInOrder() public view {
        assertEq(far.done(), ended);
        assertLe(far.done(), far.received());
        assertLe(far.received(), outbox.sent(FAR, address(far)));
        assertEq(outbox.sent(FAR, address(far)), encoded.length);
    }

    function invariant_TheFarChainObeysItsGovernorAlone() public view {
        assertEq(Ownable(address(oracle)).owner(), address(far));
        assertEq(Ownable(address(params)).owner(), address(far));
        assertEq(address(far.source()), address(attesterSet));
        assertEq(far.guardian(), address(farGuardian));
        assertGe(far.getMinDelay(), 1 days);
        assertLe(far.getMinDelay(), SLOW_S);
        for (uint256 i; i < members.length; ++i) {
            assertFalse(attesterSet.isAttester(members[i]));
        }
        uint256 bps = btcNow(Fields.MAINTENANCE_0_BPS);
        assertTrue(bps == 200 || executed > 0);
    }

    function refuse(Sent memory s, bytes memory proof) private {
        try far.receiveDecision(s.decision, s.calls, proof) {
            assertTrue(false, "forged");
        } catch (bytes memory why) {
            bytes4 selector = bytes4(why);
            assertTrue(
                selector == IAttesterSet.NotAnAttester.selector
                    || selector == IAttesterSet.TooFewSignatures.selector
            );
        }
    }

    /// @dev A nonce about the next; 0 if nothing was sent.
    function near(uint256 seed) private view returns (uint64) {
        uint256 nonce = far.done() + seed % 3;
        return nonce > encoded.length ? uint64(encoded.length) : uint64(nonce);
    }

    function bits(uint256 map) private pure returns (uint256 count) {
        for (; map != 0; map &= map - 1) {
            ++count;
        }
    }
}
