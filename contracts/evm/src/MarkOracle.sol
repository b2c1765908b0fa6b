// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Markets} from "./Markets.sol";
import {IMarkOracle, Leaf, Mark, Validity} from "./interfaces/IMarkOracle.sol";
import {GroupWord} from "./report/GroupWord.sol";
import {Reports} from "./report/Reports.sol";
import {UpdateLog} from "./report/UpdateLog.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @title MarkOracle
/// @notice Stores mark prices from signed reports and serves them. The assumptions are in
/// IMarkOracle.
contract MarkOracle is Markets {
    using GroupWord for uint256;
    using Reports for bytes;

    bytes32 public immutable SALT;
    bytes32 public immutable DOMAIN_SEPARATOR;
    uint256 public immutable MAX_FUTURE_MS;

    /// @param network Name of the deployment's network of chains, such as "mainnet".
    /// @param homeGovernor The governor the deployment obeys, on its home chain.
    /// @param nonce Tells apart deployments under one governor.
    /// @param maxFutureMs How far a report's time may be ahead of the block's.
    constructor(
        string memory network,
        address homeGovernor,
        uint256 nonce,
        uint32 maxFutureMs,
        address initialOwner
    ) Ownable(initialOwner) {
        SALT = keccak256(abi.encode(network, homeGovernor, nonce));
        DOMAIN_SEPARATOR = Reports.domainSeparator(SALT);
        MAX_FUTURE_MS = maxFutureMs;
    }

    /// @inheritdoc IMarkOracle
    function update(bytes calldata report) external returns (uint256 accepted) {
        (uint256 groups, uint256 carried) = report.checkHeader();
        if (!_hasNewer(report, groups, carried)) return 0;
        _requireSigned(report, groups, carried);

        uint256 limitUnixMs = _futureLimitUnixMs();
        uint256 log = UpdateLog.open(carried);
        unchecked {
            for (uint256 i; i < carried; ++i) {
                (uint16 group,, uint256 signed) = report.leaf(i);
                _checkWord(group, signed, limitUnixMs);
                uint256 old = _word(group);
                if (signed.time() <= old.time()) continue;
                uint256 word = signed.storesAsIs(old)
                    ? signed | (old & GroupWord.PAUSE_MASK)
                    : _merge(group, old, signed);
                _setWord(group, word);
                UpdateLog.append(log, accepted, group, word);
                ++accepted;
            }
        }
        UpdateLog.close(log, accepted, report.slot());
    }

    /// @inheritdoc IMarkOracle
    function verify(bytes calldata report)
        external
        view
        returns (uint32 epoch, uint64 slot, bytes32 inputsRoot, Leaf[] memory leaves)
    {
        (uint256 groups, uint256 carried) = report.checkHeader();
        _requireSigned(report, groups, carried);
        uint256 limitUnixMs = _futureLimitUnixMs();
        leaves = new Leaf[](carried);
        for (uint256 i; i < carried; ++i) {
            (uint16 group, uint40 prevMs, uint256 word) = report.leaf(i);
            _checkWord(group, word, limitUnixMs);
            leaves[i] = Leaf(group, prevMs, word);
        }
        return (report.epoch(), report.slot(), report.inputsRoot(), leaves);
    }

    /// @inheritdoc IMarkOracle
    function readMark(uint256 market) public view returns (Mark memory mark) {
        uint256 word = _words[_groupOf(market)];
        uint256 entry = word.entry(market % GroupWord.MARKETS);
        uint256 timeMs = word.time();
        mark.validity = entry.validity();
        mark.paused = word & _pauseBit(market) != 0;
        if (timeMs != 0) mark.statusTimeMs = uint64(timeMs.unixMs());
        mark.priceE18 = entry.priceE18();
        if (entry.priced()) {
            mark.priceTimeMs = mark.statusTimeMs;
            mark.confidenceBpsE1 = entry.confidenceBpsE1();
            (mark.premiumKnown, mark.premiumBpsE2) = entry.premiumBpsE2();
        } else if (mark.priceE18 != 0) {
            mark.priceTimeMs = uint64(uint256(_memos[market].lostPriceMs).unixMs());
        }
    }

    /// @inheritdoc IMarkOracle
    function readMarkAged(uint256 market, uint256 maxAgeMs)
        external
        view
        returns (Mark memory mark)
    {
        mark = readMark(market);
        if (mark.validity > Validity.STALE && _ageMs(mark.priceTimeMs) > maxAgeMs) {
            mark.validity = Validity.STALE;
        }
    }

    /// @inheritdoc IMarkOracle
    function priceNoOlderThan(uint256 market, uint256 maxAgeMs, Validity least)
        external
        view
        returns (uint256 priceE18, uint256 priceTimeMs)
    {
        uint256 word = _words[_groupOf(market)];
        if (word & _pauseBit(market) != 0) revert Paused(market);
        uint256 entry = word.entry(market % GroupWord.MARKETS);
        Validity validity = entry.validity();
        if (validity < least || !entry.priced()) revert ValidityTooLow(market, validity, least);
        priceTimeMs = word.time().unixMs();
        uint256 ageMs = _ageMs(priceTimeMs);
        if (ageMs > maxAgeMs) revert TooOld(market, ageMs, maxAgeMs);
        return (entry.priceE18(), priceTimeMs);
    }

    /// @inheritdoc IMarkOracle
    function groupWord(uint256 group) external view returns (uint256) {
        return _words[_requireGroup(group)];
    }

    /// @dev Tell whether any group is newer than stored, before anything is known to be signed.
    function _hasNewer(bytes calldata report, uint256 groups, uint256 carried)
        private
        view
        returns (bool)
    {
        unchecked {
            for (uint256 i; i < carried; ++i) {
                (uint16 group,, uint256 word) = report.leaf(i);
                if (group >= groups) revert GroupOrder(i, group, groups);
                if (word.time() > _word(group).time()) return true;
            }
        }
        return false;
    }

    function _requireSigned(bytes calldata report, uint256 groups, uint256 carried) private view {
        uint256 epoch = _validEpoch(report.epoch());
        (bytes32 digest, uint256 signersAt) = report.digest(groups, carried, DOMAIN_SEPARATOR);
        _requireQuorum(epoch, digest, report, signersAt);
    }

    function _checkWord(uint256 group, uint256 word, uint256 limitUnixMs) private pure {
        if (word & GroupWord.PAUSE_MASK != 0) revert PauseBitsSet(group, word);
        uint256 unixMs = word.time().unixMs();
        if (unixMs > limitUnixMs) revert FutureTime(unixMs, limitUnixMs);
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

    function _futureLimitUnixMs() private view returns (uint256) {
        // Neither is near 2^256: a clock in seconds, and 32 bits.
        unchecked {
            return block.timestamp * 1000 + MAX_FUTURE_MS;
        }
    }

    function _ageMs(uint256 unixMs) private view returns (uint256) {
        uint256 nowMs = block.timestamp * 1000;
        return nowMs > unixMs ? nowMs - unixMs : 0;
    }
}
