// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {DecisionHash} from "../../src/governance/DecisionHash.sol";
import {Call, Decision} from "../../src/governance/interfaces/IDecisions.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Digests of decisions, as an implementation of EIP-712 has them that shares no code with ours.
contract DecisionVectorsTest is Test {
    string private json;

    function setUp() public {
        json = vm.readFile("../../tests/vectors/decisions.json");
    }

    function test_decisions_HashAsAnotherImplementationHasIt() public view {
        address attester = vm.parseJsonAddress(json, ".attester");
        uint256 i;
        for (; vm.keyExistsJson(json, at(i, "")); ++i) {
            string memory name = vm.parseJsonString(json, at(i, ".name"));
            bytes memory payload = vm.parseJsonBytes(json, at(i, ".payload"));
            Decision memory decision = decisionAt(i);
            assertEq(this.payloadHash(abi.decode(payload, (Call[]))), decision.payloadHash, name);
            bytes32 digest = DecisionHash.digest(number(i, ".chainId"), decision);
            assertEq(digest, vm.parseJsonBytes32(json, at(i, ".digest")), name);
            bytes memory signature = vm.parseJsonBytes(json, at(i, ".signature"));
            assertEq(ECDSA.recover(digest, signature), attester, name);
        }
        assertEq(i, 6);
    }

    function payloadHash(Call[] calldata calls) external pure returns (bytes32) {
        return DecisionHash.payload(calls);
    }

    function decisionAt(uint256 i) private view returns (Decision memory) {
        return Decision({
            homeChainId: number(i, ".homeChainId"),
            homeGovernor: vm.parseJsonAddress(json, at(i, ".homeGovernor")),
            target: vm.parseJsonAddress(json, at(i, ".target")),
            nonce: uint64(number(i, ".nonce")),
            payloadHash: vm.parseJsonBytes32(json, at(i, ".payloadHash")),
            eta: uint64(number(i, ".eta")),
            expiresAt: uint64(number(i, ".expiresAt"))
        });
    }

    function number(uint256 i, string memory field) private view returns (uint256) {
        return vm.parseJsonUint(json, at(i, field));
    }

    function at(uint256 i, string memory field) private pure returns (string memory) {
        return string.concat(".decisions[", vm.toString(i), "]", field);
    }
}
