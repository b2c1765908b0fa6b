// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IReportErrors} from "../interfaces/IReportErrors.sol";

/// @title MerkleSubset
/// @notice Root of a report's tree from any subset of its leaves and the siblings they need.
library MerkleSubset {
    uint256 internal constant LEAF_BYTES = 39;

    /// @notice Compute the root from `carried` leaves at `leaves`, followed by their siblings.
    /// @dev Offsets are into the calldata. Reads may pass the end of the body: the caller compares
    /// `end` with it before the root is used.
    ///
    /// The number of leaves in the tree is not signed. It need not be: a leaf is 39 bytes and a
    /// node 64, so whatever is hashed here as a leaf was signed as a leaf, and names its group.
    function root(uint256 leaves, uint256 carried, uint256 groups)
        internal
        pure
        returns (bytes32 root_, uint256 end)
    {
        if (carried == groups) {
            (root_, end) = _rootOfAll(leaves, groups);
            if (root_ != 0) return (root_, end);
        }
        uint256 disorder;
        (end, disorder) = _hashLeaves(leaves, carried);
        unchecked {
            // Groups rise, so the last is the greatest.
            uint256 last = end - LEAF_BYTES;
            if (disorder == 0 && _groupAt(last) >= groups) disorder = last;
        }
        if (disorder != 0) {
            uint256 position = (disorder - leaves) / LEAF_BYTES;
            revert IReportErrors.GroupOrder(position, _groupAt(disorder), groups);
        }
        return _climb(carried, groups, end);
    }

    /// @dev The root when all leaves are carried: no siblings, and a node's place needs no index.
    /// Zero when a leaf is not in its place.
    function _rootOfAll(uint256 leaves, uint256 groups)
        private
        pure
        returns (bytes32 root_, uint256 end)
    {
        assembly ("memory-safe") {
            let first := mload(0x40)
            let node := first
            // Groups still missing, as bytes of their hashes.
            let left := shl(5, groups)
            end := leaves
            for { let group := 0 } left { group := add(group, 1) } {
                if xor(group, shr(240, calldataload(end))) { break }
                calldatacopy(0x00, end, LEAF_BYTES)
                mstore(node, keccak256(0x00, LEAF_BYTES))
                end := add(end, LEAF_BYTES)
                node := add(node, 0x20)
                left := sub(left, 0x20)
            }
            if iszero(left) {
                for { let bytes_ := shl(5, groups) } gt(bytes_, 0x20) {} {
                    let from := first
                    let to := first
                    // The last node of an odd layer has no partner and goes up unchanged.
                    let pairs := add(first, and(bytes_, not(0x3f)))
                    for {} lt(from, pairs) { from := add(from, 0x40) } {
                        mstore(to, keccak256(from, 0x40))
                        to := add(to, 0x20)
                    }
                    if and(bytes_, 0x20) {
                        mstore(to, mload(from))
                        to := add(to, 0x20)
                    }
                    bytes_ := sub(to, first)
                }
                root_ := mload(first)
            }
        }
    }

    function _groupAt(uint256 leaf) private pure returns (uint256 group) {
        assembly ("memory-safe") {
            group := shr(240, calldataload(leaf))
        }
    }

    /// @dev Leave an (index, hash) pair for each leaf above the free memory pointer, where nothing
    /// is allocated before `_climb` is done. Returns where the leaves end, and where the first
    /// leaf is whose group is not above the one before.
    function _hashLeaves(uint256 leaves, uint256 carried)
        private
        pure
        returns (uint256 end, uint256 disorder)
    {
        assembly ("memory-safe") {
            let node := mload(0x40)
            let last := add(node, shl(6, carried))
            let lowest := 0
            end := leaves
            for {} lt(node, last) { node := add(node, 0x40) } {
                let group := shr(240, calldataload(end))
                if lt(group, lowest) {
                    disorder := end
                    break
                }
                lowest := add(group, 1)
                calldatacopy(0x00, end, LEAF_BYTES)
                mstore(node, group)
                mstore(add(node, 0x20), keccak256(0x00, LEAF_BYTES))
                end := add(end, LEAF_BYTES)
            }
        }
    }

    /// @dev Replace the pairs layer by layer, in place: a layer never has more nodes than the one
    /// below, so writes stay behind reads.
    function _climb(uint256 carried, uint256 groups, uint256 siblings)
        private
        pure
        returns (bytes32 root_, uint256 end)
    {
        assembly ("memory-safe") {
            end := siblings
            let last := add(mload(0x40), shl(6, carried))
            for { let width := groups } gt(width, 1) { width := shr(1, add(width, 1)) } {
                // An index that is nobody's partner, for the last node to look at.
                mstore(last, not(0))
                let from := mload(0x40)
                let to := from
                for {} lt(from, last) {} {
                    let index := mload(from)
                    let hash := mload(add(from, 0x20))
                    let partner := xor(index, 1)
                    from := add(from, 0x40)
                    // The last node of an odd layer has no partner and goes up unchanged.
                    if lt(partner, width) {
                        let side := shl(5, and(index, 1))
                        mstore(side, hash)
                        switch eq(mload(from), partner)
                        case 0 {
                            mstore(xor(side, 0x20), calldataload(end))
                            end := add(end, 0x20)
                        }
                        default {
                            mstore(0x20, mload(add(from, 0x20)))
                            from := add(from, 0x40)
                        }
                        hash := keccak256(0x00, 0x40)
                    }
                    mstore(to, shr(1, index))
                    mstore(add(to, 0x20), hash)
                    to := add(to, 0x40)
                }
                last := to
            }
            root_ := mload(add(mload(0x40), 0x20))
        }
    }
}
