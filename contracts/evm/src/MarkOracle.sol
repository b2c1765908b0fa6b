// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EpochWord} from "./EpochWord.sol";
import {Markets} from "./Markets.sol";
import {IMarkOracle, Leaf, Mark, Validity} from "./interfaces/IMarkOracle.sol";
import {GroupWord} from "./report/GroupWord.sol";
import {MarkWord} from "./report/MarkWord.sol";
import {MerkleSubset} from "./report/MerkleSubset.sol";
import {Reports} from "./report/Reports.sol";
import {UpdateLog} from "./report/UpdateLog.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @title MarkOracle
/// @notice Stores mark prices from signed reports and serves them. The assumptions are in
/// IMarkOracle.
contract MarkOracle is Markets {
    using EpochWord for uint256;
    using GroupWord for uint256;
    using Reports for bytes;

    uint256 private constant MARK_BYTES = 0x100;
    uint256 private constant MOST_FUTURE_MS = 1 minutes * 1000;

    bytes32 public immutable SALT;
    bytes32 public immutable DOMAIN_SEPARATOR;
    uint256 public immutable MAX_FUTURE_MS;

    /// @param network Name of the deployment's network of chains, such as "mainnet".
    /// @param homeGovernor The governor the deployment obeys, on its home chain.
    /// @param nonce Tells apart deployments under one governor.
    /// @param maxFutureMs How far a report's time may be ahead of the block's: a minute at most.
    constructor(
        string memory network,
        address homeGovernor,
        uint256 nonce,
        uint32 maxFutureMs,
        address initialOwner
    ) Ownable(initialOwner) {
        if (maxFutureMs > MOST_FUTURE_MS) {
            revert MaxFutureOutOfRange(maxFutureMs, MOST_FUTURE_MS);
        }
        SALT = keccak256(abi.encode(network, homeGovernor, nonce));
        DOMAIN_SEPARATOR = Reports.domainSeparator(SALT);
        MAX_FUTURE_MS = maxFutureMs;
    }

    /// @inheritdoc IMarkOracle
    function update(bytes calldata report) external returns (uint256 accepted) {
        (uint256 groups, uint256 carried) = report.checkHeader();
        if (!_hasNewer(report, groups, carried)) return 0;
        uint256 epoch = _requireSigned(report, groups, carried);
        return _store(report, carried, epoch.isOutdated() ? report.epoch() : 0);
    }

    /// @inheritdoc IMarkOracle
    function verify(bytes calldata report)
        external
        view
        returns (uint32 epoch, uint64 slot, bytes32 inputsRoot, Leaf[] memory leaves)
    {
        (uint256 groups, uint256 carried) = report.checkHeader();
        _requireSigned(report, groups, carried);
        uint256 limit = _firstFutureWord();
        leaves = new Leaf[](carried);
        for (uint256 i; i < carried; ++i) {
            (uint16 group, uint40 prevMs, uint256 word) = report.leaf(i);
            _checkWord(group, word, limit);
            leaves[i] = Leaf(group, prevMs, word);
        }
        return (report.epoch(), report.slot(), report.inputsRoot(), leaves);
    }

    /// @inheritdoc IMarkOracle
    /// @dev Calldata in name only, since for that nothing is allocated and set to zero first: 170 gas.
    /// A mark's fields are words, which memory holds as the ABI does.
    function readMark(uint256 market) external view returns (Mark calldata mark) {
        uint256 at;
        assembly ("memory-safe") {
            at := mload(0x40)
        }
        _read(market, at);
        assembly ("memory-safe") {
            mark := 0
            return(at, MARK_BYTES)
        }
    }

    /// @inheritdoc IMarkOracle
    function readMarkAged(uint256 market, uint256 maxAgeMs)
        external
        view
        returns (Mark memory mark)
    {
        uint256 at;
        assembly ("memory-safe") {
            at := mark
        }
        _read(market, at);
        if (mark.validity > Validity.STALE && MarkWord.ageMs(mark.priceTimeMs) > maxAgeMs) {
            mark.validity = Validity.STALE;
        }
    }

    /// @inheritdoc IMarkOracle
    function priceNoOlderNorWorse(uint256 market, uint256 maxAgeMs, Validity least)
        external
        view
        returns (uint256 priceE18, uint256 priceTimeMs)
    {
        return MarkWord.priceNoOlderNorWorse(_word(_groupOf(market)), market, maxAgeMs, least);
    }

    /// @inheritdoc IMarkOracle
    function usablePrice(uint256 market, uint256 maxAgeMs)
        external
        view
        returns (uint256 priceE18, uint256 priceTimeMs)
    {
        uint256 word = _word(_groupOf(market));
        return MarkWord.priceNoOlderNorWorse(word, market, maxAgeMs, Validity.VALID);
    }

    /// @inheritdoc IMarkOracle
    function groupWord(uint256 group) external view returns (uint256) {
        return _word(_requireGroup(group));
    }

    /// @dev Write a mark to the memory at `mark`.
    function _read(uint256 market, uint256 mark) private view {
        uint256 word = _word(_groupOf(market));
        if (GroupWord.decodeTo(mark, word, market % GroupWord.MARKETS)) {
            uint256 lostMs = uint256(_memos[market].lostPriceMs).unixMs();
            assembly ("memory-safe") {
                mstore(add(mark, 0x20), lostMs)
            }
        }
    }

    /// @dev Tell whether any group is newer than stored, before anything is known to be signed.
    function _hasNewer(bytes calldata report, uint256 groups, uint256 carried)
        private
        view
        returns (bool)
    {
        (uint256 at, uint256 end) = report.leaves(carried);
        while (at < end) {
            (uint256 group, uint256 word) = Reports.leafAt(at);
            if (group >= groups) revert GroupOrder(report.positionOf(at), group, groups);
            if (word.isNewer(_word(group))) return true;
            unchecked {
                at += MerkleSubset.LEAF_BYTES;
            }
        }
        return false;
    }

    /// @dev Store the groups that are newer.
    /// @param outdated The report's epoch, if numbers were bound since; 0 if none was.
    function _store(bytes calldata report, uint256 carried, uint256 outdated)
        private
        returns (uint256 accepted)
    {
        uint256 limit = _firstFutureWord();
        (uint256 log, uint256 tail) = UpdateLog.open(carried);
        (uint256 at, uint256 end) = report.leaves(carried);
        while (at < end) {
            (uint256 group, uint256 signed) = Reports.leafAt(at);
            _checkWord(group, signed, limit);
            uint256 old = _word(group);
            if (signed.isNewer(old)) {
                uint256 word = outdated == 0 && signed.storesAsIs(old)
                    ? signed | (old & GroupWord.PAUSE_MASK)
                    : _merge(group, old, signed, outdated);
                _setWord(group, word);
                tail = UpdateLog.append(tail, group, word);
            }
            unchecked {
                at += MerkleSubset.LEAF_BYTES;
            }
        }
        return UpdateLog.close(log, tail, report.slot());
    }

    /// @return epoch The word of the epoch that signed.
    function _requireSigned(bytes calldata report, uint256 groups, uint256 carried)
        private
        view
        returns (uint256 epoch)
    {
        epoch = _validEpoch(report.epoch());
        (bytes32 digest, uint256 signersAt) = report.digest(groups, carried, DOMAIN_SEPARATOR);
        _requireQuorum(epoch, digest, report, signersAt);
    }

    /// @dev Revert for a word no honest committee signs, whatever its entries.
    function _checkWord(uint256 group, uint256 word, uint256 limit) private view {
        if (word.isBelow(limit)) return;
        if (word & GroupWord.PAUSE_MASK != 0) revert PauseBitsSet(group, word);
        revert FutureTime(word.time().unixMs(), block.timestamp * 1000 + MAX_FUTURE_MS);
    }

    /// @dev Read a group's word. The caller keeps `group` below MAX_GROUPS.
    function _word(uint256 group) private view returns (uint256 word) {
        assembly ("memory-safe") {
            word := sload(add(_words.slot, group))
        }
    }

    /// @dev Store a group's word. The caller keeps `group` below MAX_GROUPS.
    function _setWord(uint256 group, uint256 word) private {
        assembly ("memory-safe") {
            sstore(add(_words.slot, group), word)
        }
    }

    /// @dev The least word whose time is too far ahead. Panics while the chain's clock is before 2020,
    /// when words begin to count. From 2054 on, when they end, it lets none in.
    function _firstFutureWord() private view returns (uint256) {
        uint256 limitUnixMs;
        // Neither is near 2^256: a clock in seconds, and 32 bits.
        unchecked {
            limitUnixMs = block.timestamp * 1000 + MAX_FUTURE_MS;
        }
        uint256 limitMs = limitUnixMs - uint256(0).unixMs();
        unchecked {
            return (limitMs + 1) << GroupWord.TIME_SHIFT;
        }
    }
}
