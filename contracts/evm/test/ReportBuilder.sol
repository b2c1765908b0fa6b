// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle} from "../src/interfaces/IMarkOracle.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Everything that is in a report before it is signed.
struct Draft {
    uint32 epoch;
    uint64 slot;
    bytes32 inputsRoot;
    uint40 prevMs;
    /// @dev One for every group of the tree.
    uint256[] words;
}

/// @notice Encodes and signs reports as docs/report-format.md says, by the plain way: the whole
/// tree in memory. Shares no code with src/.
abstract contract ReportBuilder is Test {
    uint256 internal constant ORDER =
        0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    address[] internal members;
    mapping(address member => uint256) internal keyOf;
    bytes32 internal domain;

    function deployOracle(
        string memory network,
        address homeGovernor,
        uint256 nonce,
        uint32 maxFutureMs,
        address owner
    ) internal returns (IMarkOracle) {
        bytes memory args = abi.encode(network, homeGovernor, nonce, maxFutureMs, owner);
        return IMarkOracle(vm.deployCode("MarkOracle.sol:MarkOracle", args));
    }

    /// @dev Make `size` members from fixed strings, rising by address.
    function makeMembers(uint256 size) internal {
        delete members;
        for (uint256 i; i < size; ++i) {
            uint256 key = uint256(keccak256(abi.encode("plumbline test member", i)));
            address member = vm.addr(key);
            keyOf[member] = key;
            members.push(member);
            for (uint256 j = i; j > 0 && members[j] < members[j - 1]; --j) {
                (members[j], members[j - 1]) = (members[j - 1], members[j]);
            }
        }
    }

    function fullBody(Draft memory d, uint256 signers) internal view returns (bytes memory) {
        uint256[] memory all = new uint256[](d.words.length);
        for (uint256 i; i < all.length; ++i) {
            all[i] = i;
        }
        return body(d, all, signers);
    }

    function body(Draft memory d, uint256[] memory carried, uint256 signers)
        internal
        view
        returns (bytes memory)
    {
        return bytes.concat(
            unsignedBody(d, carried), bytes4(uint32(signers)), signatures(digestOf(d), signers)
        );
    }

    /// @dev Header, leaves and siblings.
    function unsignedBody(Draft memory d, uint256[] memory carried)
        internal
        pure
        returns (bytes memory out)
    {
        out = abi.encodePacked(
            uint8(1), d.epoch, d.slot, d.inputsRoot, uint16(d.words.length), uint16(carried.length)
        );
        bytes memory leaves = new bytes(39 * carried.length);
        for (uint256 i; i < carried.length; ++i) {
            bytes memory leaf = leafOf(d, carried[i]);
            for (uint256 j; j < 39; ++j) {
                leaves[39 * i + j] = leaf[j];
            }
        }
        return bytes.concat(out, leaves, siblings(d, carried));
    }

    function signatures(bytes32 digest, uint256 signers) internal view returns (bytes memory out) {
        for (uint256 i; i < members.length; ++i) {
            if ((signers >> i) & 1 == 0) continue;
            (bytes32 r, bytes32 vs) = vm.signCompact(keyOf[members[i]], digest);
            out = bytes.concat(out, r, vs);
        }
    }

    function leafOf(Draft memory d, uint256 group) internal pure returns (bytes memory) {
        return abi.encodePacked(uint16(group), d.prevMs, d.words[group]);
    }

    function digestOf(Draft memory d) internal view returns (bytes32) {
        bytes32 typehash =
            keccak256("Report(bytes32 root,bytes32 inputsRoot,uint32 epoch,uint64 slot)");
        bytes32 report = keccak256(abi.encode(typehash, rootOf(d), d.inputsRoot, d.epoch, d.slot));
        return keccak256(abi.encodePacked(hex"1901", domain, report));
    }

    function rootOf(Draft memory d) internal pure returns (bytes32) {
        bytes32[] memory layer = leafHashes(d);
        while (layer.length > 1) {
            layer = layerAbove(layer);
        }
        return layer[0];
    }

    function siblings(Draft memory d, uint256[] memory carried)
        internal
        pure
        returns (bytes memory out)
    {
        bytes32[] memory layer = leafHashes(d);
        bool[] memory known = new bool[](layer.length);
        for (uint256 i; i < carried.length; ++i) {
            known[carried[i]] = true;
        }
        while (layer.length > 1) {
            bool[] memory knownAbove = new bool[]((layer.length + 1) / 2);
            for (uint256 i; i < layer.length; ++i) {
                if (!known[i]) continue;
                uint256 partner = i ^ 1;
                if (partner < layer.length && !known[partner]) {
                    out = bytes.concat(out, layer[partner]);
                }
                knownAbove[i / 2] = true;
            }
            layer = layerAbove(layer);
            known = knownAbove;
        }
    }

    function leafHashes(Draft memory d) internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](d.words.length);
        for (uint256 i; i < hashes.length; ++i) {
            hashes[i] = keccak256(leafOf(d, i));
        }
    }

    function layerAbove(bytes32[] memory layer) internal pure returns (bytes32[] memory above) {
        above = new bytes32[]((layer.length + 1) / 2);
        for (uint256 i; i < above.length; ++i) {
            bool alone = 2 * i + 1 == layer.length;
            above[i] =
                alone ? layer[2 * i] : keccak256(abi.encodePacked(layer[2 * i], layer[2 * i + 1]));
        }
    }

    /// @dev An entry with this price and validity, confidence 5 (0.5 bps), premium missing.
    function pricedEntry(uint256 mantissa, uint256 exponent, uint256 validity)
        internal
        pure
        returns (uint256)
    {
        return mantissa | (exponent << 27) | (5 << 32) | (0x400 << 39) | (validity << 50);
    }

    function bareEntry(uint256 validity) internal pure returns (uint256) {
        return validity << 50;
    }

    function wordOf(uint256 timeMs, uint256 e0, uint256 e1, uint256 e2, uint256 e3)
        internal
        pure
        returns (uint256)
    {
        return e0 | (e1 << 53) | (e2 << 106) | (e3 << 159) | (timeMs << 216);
    }

    /// @dev A word of four valid prices drawn from `seed`.
    function pricedWord(uint256 timeMs, uint256 seed) internal pure returns (uint256 word) {
        word = timeMs << 216;
        for (uint256 i; i < 4; ++i) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i)));
            uint256 mantissa = 10 ** 7 + draw % (9 * 10 ** 7);
            word |= pricedEntry(mantissa, (draw >> 128) % 32, 6) << (53 * i);
        }
    }

    function singleton(uint256 group) internal pure returns (uint256[] memory groups) {
        groups = new uint256[](1);
        groups[0] = group;
    }
}
