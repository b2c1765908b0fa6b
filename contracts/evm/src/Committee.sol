// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EpochWord} from "./EpochWord.sol";
import {ICommittee} from "./interfaces/ICommittee.sol";
import {IReportErrors} from "./interfaces/IReportErrors.sol";
import {Reports} from "./report/Reports.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

/// @title Committee
/// @notice Members and thresholds by epoch, and the check that a quorum of them signed a digest.
/// @dev The members are the code of an account, 20 bytes each behind a STOP, because a cold account
/// and a copy cost about what one cold slot does.
abstract contract Committee is ICommittee, IReportErrors, Ownable2Step {
    using EpochWord for uint256;

    uint256 internal constant MAX_MEMBERS = 32;
    uint256 internal constant MAX_OVERLAP_S = 30 days;

    uint256 private constant ADDRESS_BYTES = 20;
    uint256 private constant SIGNATURE_BYTES = 64;
    /// @dev The largest s that is not malleable: half the order of secp256k1.
    uint256 private constant MAX_S =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    uint256 private constant S_MASK =
        0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff;
    /// @dev Zero, precompiles, and what stays where ecrecover finds nobody: none may be a member.
    address private constant LAST_WITHOUT_KEY = address(0x1f);

    uint32 public currentEpoch;
    address public guardian;

    /// @dev By epoch. An array of fixed length, so that a slot needs no hash.
    uint256[1 << 32] private _epochs;

    modifier onlyGuardian() {
        if (msg.sender != guardian && msg.sender != owner()) revert NotGuardian(msg.sender);
        _;
    }

    /// @inheritdoc ICommittee
    function revokeMember(uint32 epoch, address member) external onlyGuardian {
        uint256 word = _epochs[epoch];
        uint256 list = _readList(word);
        uint256 i;
        while (i < word.size() && _member(list, i) != member) ++i;
        if ((word.signers() >> i) & 1 == 0) revert NotAMember(epoch, member);
        word = word.without(i);
        uint256 left = _countBits(word.signers());
        if (left < word.threshold()) revert QuorumUnreachable(left, word.threshold());
        _epochs[epoch] = word;
        emit MemberRevoked(epoch, member, msg.sender);
    }

    /// @inheritdoc ICommittee
    function setGuardian(address guardian_) external onlyOwner {
        emit GuardianChanged(guardian, guardian_);
        guardian = guardian_;
    }

    /// @inheritdoc ICommittee
    function committee(uint32 epoch)
        external
        view
        returns (address[] memory members, uint8 threshold, uint64 validUntilS)
    {
        uint256 word = _epochs[epoch];
        uint256 list = _readList(word);
        members = new address[](word.size());
        for (uint256 i; i < members.length; ++i) {
            members[i] = _member(list, i);
        }
        uint256 untilS = word.validUntilS();
        validUntilS = untilS == EpochWord.NEVER_ENDS_S ? type(uint64).max : uint64(untilS);
        return (members, uint8(word.threshold()), validUntilS);
    }

    /// @inheritdoc ICommittee
    function revoked(uint32 epoch) external view returns (uint256 members) {
        uint256 word = _epochs[epoch];
        return word.signers() ^ ((1 << word.size()) - 1);
    }

    /// @notice Never: without an owner nobody could remove a member, lift an owner's pause or set a
    /// group's time back.
    function renounceOwnership() public pure override {
        revert OwnershipIsKept();
    }

    /// @dev Start `epoch`, which must be the one after the current.
    function _startEpoch(
        uint32 epoch,
        address[] calldata members,
        uint8 threshold,
        uint64 previousValidUntilS
    ) internal {
        uint256 next = uint256(currentEpoch) + 1;
        if (epoch != next) revert EpochOrder(epoch, next);
        _checkMembers(members, threshold);
        uint256 limitS = block.timestamp + MAX_OVERLAP_S;
        if (previousValidUntilS > limitS) revert OverlapTooLong(previousValidUntilS, limitS);

        currentEpoch = epoch;
        if (epoch > 1) _epochs[epoch - 1] = _epochs[epoch - 1].endingAt(previousValidUntilS);
        if (epoch > 2) _epochs[epoch - 2] = _epochs[epoch - 2].endingAt(0);
        _epochs[epoch] = EpochWord.pack(_writeList(members), members.length, threshold);
        emit CommitteeChanged(epoch, members, threshold, previousValidUntilS);
    }

    /// @dev Note that numbers were bound as the epoch before the current one ended.
    function _outdatePreviousEpoch() internal {
        uint256 previous = uint256(currentEpoch) - 1;
        _epochs[previous] = _epochs[previous].outdated();
    }

    /// @dev Revert unless the epoch is valid now. The word of one that never was is zero.
    function _validEpoch(uint32 epoch) internal view returns (uint256 word) {
        word = _epochs[epoch];
        if (word.validUntilS() < block.timestamp) revert UnknownEpoch(epoch, currentEpoch);
    }

    /// @dev Revert unless the body ends, from `signersAt` on, with the bit map of exactly
    /// `threshold` members who may sign and the valid signature of each over `digest`, and nothing
    /// else.
    function _requireQuorum(uint256 epoch, bytes32 digest, bytes calldata body, uint256 signersAt)
        internal
        view
    {
        uint256 end;
        uint256 signers;
        unchecked {
            uint256 at = signersAt + Reports.SIGNERS_BYTES;
            end = at + SIGNATURE_BYTES * epoch.threshold();
            assembly ("memory-safe") {
                signers := shr(224, calldataload(add(body.offset, signersAt)))
                at := add(body.offset, at)
            }
            if ((signers & ~epoch.signers()) | (body.length ^ end) == 0) {
                uint256 bodyEnd = _offset(body, end);
                // All good, and as many as the threshold: the body has room for no other number.
                if (_verifySignatures(digest, signers, _readList(epoch), at) == bodyEnd) return;
            }
        }
        _refuse(epoch, digest, body, signers, end);
    }

    /// @dev Check signatures from `at` in the calldata on: 64 bytes each, r ‖ (yParity << 255 | s).
    /// All `signers` must be members.
    /// @return end Where the signatures end; 0 or beyond all calldata if one is bad.
    function _verifySignatures(bytes32 digest, uint256 signers, uint256 list, uint256 at)
        private
        view
        returns (uint256 end)
    {
        assembly ("memory-safe") {
            // The precompile's input takes the words of the free memory pointer and of zero: both
            // are put back.
            let free := mload(0x40)
            mstore(0x00, digest)
            for {} signers { signers := shr(1, signers) } {
                if and(signers, 1) {
                    let yParityAndS := calldataload(add(at, 0x20))
                    mstore(0x20, add(27, shr(255, yParityAndS)))
                    mstore(0x40, calldataload(at))
                    let s := and(yParityAndS, S_MASK)
                    mstore(0x60, s)
                    // It returns nothing when it fails: 27 or 28 stays, which is no member.
                    pop(staticcall(gas(), 1, 0x00, 0x80, 0x20, 0x20))
                    at := add(at, SIGNATURE_BYTES)
                    if or(gt(s, MAX_S), xor(mload(0x20), shr(96, mload(list)))) {
                        at := 0
                        break
                    }
                }
                list := add(list, ADDRESS_BYTES)
            }
            mstore(0x40, free)
            mstore(0x60, 0)
            end := at
        }
    }

    /// @dev Say why a quorum was refused.
    function _refuse(
        uint256 epoch,
        bytes32 digest,
        bytes calldata body,
        uint256 signers,
        uint256 end
    ) private view {
        (uint256 threshold, uint256 size) = (epoch.threshold(), epoch.size());
        uint256 at = end - SIGNATURE_BYTES * threshold;
        if (body.length < at) revert BadLength(body.length, end);
        if (_countBits(signers) != threshold || signers >> size != 0) {
            revert WrongSignerCount(signers, size, threshold);
        }
        if (body.length != end) revert BadLength(body.length, end);
        uint256 revokedSigners = signers & ~epoch.signers();
        if (revokedSigners != 0) revert RevokedSigner(signers, revokedSigners);
        uint256 list = _readList(epoch);
        for (uint256 i; i < size; ++i) {
            if ((signers >> i) & 1 == 0) continue;
            if (_verifySignatures(digest, 1, list + ADDRESS_BYTES * i, _offset(body, at)) == 0) {
                revert BadSignature(i);
            }
            at += SIGNATURE_BYTES;
        }
        // One of the above is always wrong: were it ever not, what was refused stays refused.
        assert(false);
    }

    function _checkMembers(address[] calldata members, uint256 threshold) private pure {
        uint256 size = members.length;
        if (size == 0 || size > MAX_MEMBERS) revert MemberCount(size, MAX_MEMBERS);
        uint256 least = (size + (size - 1) / 3) / 2 + 1;
        if (threshold < least || threshold > size) {
            revert ThresholdOutOfRange(threshold, least, size);
        }
        address previous = LAST_WITHOUT_KEY;
        for (uint256 i; i < size; ++i) {
            if (members[i] <= previous) revert MemberOrder(i, members[i]);
            previous = members[i];
        }
    }

    /// @dev Deploy the members as the code of a new account.
    function _writeList(address[] calldata members) private returns (address list) {
        bytes memory code = hex"00";
        for (uint256 i; i < members.length; ++i) {
            code = bytes.concat(code, bytes20(members[i]));
        }
        // PUSH2 length, DUP1, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN: the
        // shortest constructor that returns all the bytes behind its own ten.
        code = bytes.concat(hex"61", bytes2(uint16(code.length)), hex"80600a3d393df3", code);
        assembly ("memory-safe") {
            list := create(0, add(code, 0x20), mload(code))
        }
        // Only running out of gas can make it fail; an epoch without members must not start.
        require(list != address(0));
    }

    /// @dev Copy an epoch's members to memory; `_member` reads them there.
    function _readList(uint256 epoch) private view returns (uint256 list) {
        address account = epoch.list();
        uint256 size = epoch.size();
        assembly ("memory-safe") {
            size := mul(size, ADDRESS_BYTES)
            list := mload(0x40)
            // A word more than the list: reading the last member reads 12 bytes beyond it.
            mstore(0x40, and(add(add(list, size), 0x3f), not(0x1f)))
            extcodecopy(account, list, 1, size)
        }
    }

    /// @dev Turn an offset into a body into one into the calldata.
    function _offset(bytes calldata body, uint256 at) private pure returns (uint256 offset) {
        assembly ("memory-safe") {
            offset := add(body.offset, at)
        }
    }

    function _member(uint256 list, uint256 i) private pure returns (address member) {
        assembly ("memory-safe") {
            member := shr(96, mload(add(list, mul(i, ADDRESS_BYTES))))
        }
    }

    /// @dev Count the bits of a 32-bit map.
    function _countBits(uint256 bits) private pure returns (uint256 count) {
        for (; bits != 0; bits &= bits - 1) {
            ++count;
        }
    }
}
