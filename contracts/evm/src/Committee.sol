// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommittee} from "./interfaces/ICommittee.sol";
import {IReportErrors} from "./interfaces/IReportErrors.sol";
import {Reports} from "./report/Reports.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

/// @title Committee
/// @notice Members and thresholds by epoch, and the check that a quorum of them signed a digest.
abstract contract Committee is ICommittee, IReportErrors, Ownable2Step {
    /// @dev One slot. The members are the code of `list`, 20 bytes each behind a STOP, because a
    /// cold account and a copy cost about what one cold slot does.
    struct Epoch {
        address list;
        uint64 validUntilS;
        uint8 threshold;
        uint8 size;
    }

    uint256 internal constant MAX_MEMBERS = 32;
    uint256 internal constant MAX_OVERLAP_S = 30 days;

    uint256 private constant ADDRESS_BYTES = 20;
    uint256 private constant SIGNATURE_BYTES = 64;
    /// @dev The largest s that is not malleable: half the order of secp256k1.
    uint256 private constant MAX_S =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    uint32 public currentEpoch;
    address public guardian;
    mapping(uint256 epoch => Epoch) internal _epochs;

    modifier onlyGuardian() {
        if (msg.sender != guardian && msg.sender != owner()) revert NotGuardian(msg.sender);
        _;
    }

    /// @inheritdoc ICommittee
    function setCommittee(address[] calldata members, uint8 threshold, uint64 previousValidUntilS)
        external
        onlyOwner
    {
        _checkMembers(members, threshold);
        uint256 limitS = block.timestamp + MAX_OVERLAP_S;
        if (previousValidUntilS > limitS) revert OverlapTooLong(previousValidUntilS, limitS);

        uint32 epoch = ++currentEpoch;
        if (epoch > 1) _epochs[epoch - 1].validUntilS = previousValidUntilS;
        if (epoch > 2) _epochs[epoch - 2].validUntilS = 0;
        _epochs[epoch] =
            Epoch(_writeList(members), type(uint64).max, threshold, uint8(members.length));
        emit CommitteeChanged(epoch, members, threshold, previousValidUntilS);
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
        Epoch memory e = _epochs[epoch];
        uint256 list = _readList(e);
        members = new address[](e.size);
        for (uint256 i; i < e.size; ++i) {
            members[i] = _member(list, i);
        }
        return (members, e.threshold, e.validUntilS);
    }

    /// @dev Revert unless the epoch is valid now. One that never was has validUntilS = 0.
    function _requireValid(Epoch memory e, uint32 epoch) internal view {
        if (e.validUntilS < block.timestamp) revert UnknownEpoch(epoch, currentEpoch);
    }

    /// @dev Revert unless the body ends, from `signersAt` on, with the bit map of exactly
    /// `threshold` members and the valid signature of each over `digest`, and nothing else.
    function _requireQuorum(Epoch memory e, bytes32 digest, bytes calldata body, uint256 signersAt)
        internal
        view
    {
        uint256 signaturesAt;
        uint256 expected;
        unchecked {
            signaturesAt = signersAt + Reports.SIGNERS_BYTES;
            expected = signaturesAt + SIGNATURE_BYTES * e.threshold;
        }
        if (body.length < signaturesAt) revert BadLength(body.length, expected);
        uint256 signers;
        assembly ("memory-safe") {
            signers := shr(224, calldataload(add(body.offset, signersAt)))
            signaturesAt := add(body.offset, signaturesAt)
        }
        if (_countBits(signers) != e.threshold || signers >> e.size != 0) {
            revert WrongSignerCount(signers, e.size, e.threshold);
        }
        if (body.length != expected) revert BadLength(body.length, expected);

        uint256 member = _verifySignatures(digest, signers, _readList(e), signaturesAt);
        if (signers >> member != 0) revert BadSignature(member);
    }

    /// @dev Check signatures until one is bad, from `at` in the calldata: 64 bytes each,
    /// r ‖ (yParity << 255 | s). Returns the member whose signature is bad, or, when all are good,
    /// one above the last signer.
    function _verifySignatures(bytes32 digest, uint256 signers, uint256 list, uint256 at)
        private
        view
        returns (uint256 member)
    {
        assembly ("memory-safe") {
            let input := mload(0x40)
            mstore(input, digest)
            for {} shr(member, signers) { member := add(member, 1) } {
                if and(shr(member, signers), 1) {
                    let yParityAndS := calldataload(add(at, 0x20))
                    let s := shr(1, shl(1, yParityAndS))
                    mstore(add(input, 0x20), add(27, shr(255, yParityAndS)))
                    mstore(add(input, 0x40), calldataload(at))
                    mstore(add(input, 0x60), s)
                    // The precompile returns nothing when it fails. The zero then stays, and no
                    // member is zero.
                    mstore(0x00, 0)
                    pop(staticcall(gas(), 1, input, 0x80, 0x00, 0x20))
                    if or(gt(s, MAX_S), xor(mload(0x00), shr(96, mload(list)))) { break }
                    at := add(at, SIGNATURE_BYTES)
                }
                list := add(list, ADDRESS_BYTES)
            }
        }
    }

    function _checkMembers(address[] calldata members, uint256 threshold) private pure {
        uint256 size = members.length;
        if (size == 0 || size > MAX_MEMBERS) revert MemberCount(size, MAX_MEMBERS);
        uint256 least = size / 2 + 1;
        if (threshold < least || threshold > size) {
            revert ThresholdOutOfRange(threshold, least, size);
        }
        address previous = address(0);
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
    function _readList(Epoch memory e) private view returns (uint256 list) {
        address account = e.list;
        uint256 size = e.size;
        assembly ("memory-safe") {
            size := mul(size, ADDRESS_BYTES)
            list := mload(0x40)
            // A word more than the list: reading the last member reads 12 bytes beyond it.
            mstore(0x40, and(add(add(list, size), 0x3f), not(0x1f)))
            extcodecopy(account, list, 1, size)
        }
    }

    function _member(uint256 list, uint256 i) private pure returns (address member) {
        assembly ("memory-safe") {
            member := shr(96, mload(add(list, mul(i, ADDRESS_BYTES))))
        }
    }

    /// @dev Count the bits of a 32-bit map: in pairs, nibbles, bytes, then all bytes at once.
    function _countBits(uint256 bits) private pure returns (uint256) {
        unchecked {
            bits -= (bits >> 1) & 0x55555555;
            bits = (bits & 0x33333333) + ((bits >> 2) & 0x33333333);
            bits = (bits + (bits >> 4)) & 0x0f0f0f0f;
            return uint8((bits * 0x01010101) >> 24);
        }
    }
}
