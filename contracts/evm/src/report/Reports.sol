// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IReportErrors} from "../interfaces/IReportErrors.sol";
import {MerkleSubset} from "./MerkleSubset.sol";

/// @dev Leaves a tree may have.
uint256 constant MAX_GROUPS = 1024;

/// @title Reports
/// @notice Reads a report body in calldata and computes what its signers signed.
/// docs/report-format.md is the specification. Who signed is the Committee's business.
library Reports {
    uint256 internal constant VERSION = 1;
    uint256 internal constant SIGNERS_BYTES = 4;
    uint256 private constant LEAVES_AT = 49;

    bytes32 internal constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,bytes32 salt)");
    bytes32 internal constant REPORT_TYPEHASH =
        keccak256("Report(bytes32 root,bytes32 inputsRoot,uint32 epoch,uint64 slot)");

    /// @notice Compute the EIP-712 domain that names a deployment, and no chain.
    function domainSeparator(bytes32 salt) internal pure returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, keccak256("Plumbline"), keccak256("1"), salt));
    }

    /// @notice Check all of a body that can be checked without hashing.
    /// @return groups Leaves in the tree.
    /// @return carried Leaves in the body, all of which lie inside it.
    function checkHeader(bytes calldata body)
        internal
        pure
        returns (uint256 groups, uint256 carried)
    {
        if (body.length < LEAVES_AT) revert IReportErrors.BadLength(body.length, LEAVES_AT);
        uint256 version = _wordAt(body, 0) >> 248;
        uint256 counts = _wordAt(body, 45);
        groups = counts >> 240;
        carried = uint16(counts >> 224);

        if (version != VERSION) revert IReportErrors.UnknownVersion(version, VERSION);
        if (groups > MAX_GROUPS) revert IReportErrors.TooManyGroups(groups, MAX_GROUPS);
        if (carried > groups || carried == 0) {
            revert IReportErrors.TooManyGroups(carried, groups);
        }
        unchecked {
            uint256 least = LEAVES_AT + MerkleSubset.LEAF_BYTES * carried + SIGNERS_BYTES;
            if (body.length < least) revert IReportErrors.BadLength(body.length, least);
        }
    }

    function epoch(bytes calldata body) internal pure returns (uint32) {
        return uint32(_wordAt(body, 0) >> 216);
    }

    function slot(bytes calldata body) internal pure returns (uint64) {
        return uint64(_wordAt(body, 0) >> 152);
    }

    function inputsRoot(bytes calldata body) internal pure returns (bytes32) {
        return bytes32(_wordAt(body, 13));
    }

    /// @notice Where in the calldata the carried leaves begin and end. `checkHeader` has found them
    /// to lie inside the body.
    function leaves(bytes calldata body, uint256 carried)
        internal
        pure
        returns (uint256 at, uint256 end)
    {
        assembly ("memory-safe") {
            at := add(body.offset, LEAVES_AT)
        }
        unchecked {
            end = at + MerkleSubset.LEAF_BYTES * carried;
        }
    }

    /// @notice The position, among those carried, of the leaf at `at` in the calldata.
    function positionOf(bytes calldata body, uint256 at) internal pure returns (uint256) {
        (uint256 first,) = leaves(body, 0);
        return (at - first) / MerkleSubset.LEAF_BYTES;
    }

    /// @notice Read the group and the word of the leaf at `at` in the calldata.
    function leafAt(uint256 at) internal pure returns (uint256 group, uint256 word) {
        assembly ("memory-safe") {
            group := shr(240, calldataload(at))
            word := calldataload(add(at, 7))
        }
    }

    /// @notice Read the leaf at `position` of those carried.
    /// @dev The caller keeps `position` below `carried`, which `checkHeader` has found to lie inside
    /// the body.
    function leaf(bytes calldata body, uint256 position)
        internal
        pure
        returns (uint16 group, uint40 prevMs, uint256 word)
    {
        assembly ("memory-safe") {
            let at := add(body.offset, add(LEAVES_AT, mul(position, 39)))
            group := shr(240, calldataload(at))
            prevMs := and(shr(200, calldataload(at)), 0xffffffffff)
            word := calldataload(add(at, 7))
        }
    }

    /// @notice Compute the digest that was signed, and where in the body the signers begin.
    /// @dev `signersAt` may lie beyond the body's end.
    function digest(bytes calldata body, uint256 groups, uint256 carried, bytes32 domain)
        internal
        pure
        returns (bytes32 digest_, uint256 signersAt)
    {
        uint256 start;
        assembly ("memory-safe") {
            start := body.offset
        }
        (bytes32 root, uint256 end) = MerkleSubset.root(start + LEAVES_AT, carried, groups);
        unchecked {
            signersAt = end - start;
        }
        bytes32 typehash = REPORT_TYPEHASH;
        bytes32 inputsRoot_ = inputsRoot(body);
        uint256 epoch_ = epoch(body);
        uint256 slot_ = slot(body);
        assembly ("memory-safe") {
            let free := mload(0x40)
            // hashStruct: the type and its four members.
            mstore(free, typehash)
            mstore(add(free, 0x20), root)
            mstore(add(free, 0x40), inputsRoot_)
            mstore(add(free, 0x60), epoch_)
            mstore(add(free, 0x80), slot_)
            let report := keccak256(free, 0xa0)
            mstore(free, hex"1901")
            mstore(add(free, 0x02), domain)
            mstore(add(free, 0x22), report)
            digest_ := keccak256(free, 0x42)
        }
    }

    function _wordAt(bytes calldata body, uint256 at) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(body.offset, at))
        }
    }
}
