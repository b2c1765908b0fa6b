// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title EpochWord
/// @notice The storage word of one epoch of the committee: who may sign, how many must, how long.
///
/// | bits | field |
/// |---|---|
/// | 0–159 | account whose code is the members |
/// | 160–167 | number of members |
/// | 168–175 | threshold |
/// | 176–207 | members who may sign: bit `i` is member `i`; revoking clears it |
/// | 208 | whether a market number was bound as the epoch ended, so that its reports may mean another |
/// | 209–255 | unix second up to which the epoch is valid; all ones while it is the current one |
library EpochWord {
    uint256 internal constant NEVER_ENDS_S = (1 << 47) - 1;

    uint256 private constant SIZE_SHIFT = 160;
    uint256 private constant THRESHOLD_SHIFT = 168;
    uint256 private constant SIGNERS_SHIFT = 176;
    uint256 private constant OUTDATED = 1 << 208;
    uint256 private constant END_SHIFT = 209;

    function pack(address list_, uint256 size_, uint256 threshold_)
        internal
        pure
        returns (uint256)
    {
        uint256 all = (1 << size_) - 1;
        return uint160(list_) | (size_ << SIZE_SHIFT) | (threshold_ << THRESHOLD_SHIFT)
            | (all << SIGNERS_SHIFT) | (NEVER_ENDS_S << END_SHIFT);
    }

    function list(uint256 epoch) internal pure returns (address) {
        return address(uint160(epoch));
    }

    function size(uint256 epoch) internal pure returns (uint256) {
        return uint8(epoch >> SIZE_SHIFT);
    }

    function threshold(uint256 epoch) internal pure returns (uint256) {
        return uint8(epoch >> THRESHOLD_SHIFT);
    }

    /// @notice Bit map of the members who may sign.
    function signers(uint256 epoch) internal pure returns (uint256) {
        return uint32(epoch >> SIGNERS_SHIFT);
    }

    function validUntilS(uint256 epoch) internal pure returns (uint256) {
        return epoch >> END_SHIFT;
    }

    function endingAt(uint256 epoch, uint256 untilS) internal pure returns (uint256) {
        return (epoch & ((1 << END_SHIFT) - 1)) | (untilS << END_SHIFT);
    }

    /// @notice Tell whether numbers were bound since: a report of the epoch is no word on those.
    function isOutdated(uint256 epoch) internal pure returns (bool) {
        return epoch & OUTDATED != 0;
    }

    function outdated(uint256 epoch) internal pure returns (uint256) {
        return epoch | OUTDATED;
    }

    function without(uint256 epoch, uint256 member) internal pure returns (uint256) {
        return epoch & ~(1 << (SIGNERS_SHIFT + member));
    }
}
