// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IReportErrors
/// @notice Why a report body is refused as a whole. Each error carries what was given and, where
/// there is one, the limit.
interface IReportErrors {
    /// @notice The body is written in a version this contract does not know.
    error UnknownVersion(uint256 given, uint256 known);

    /// @notice The body is shorter or longer than its own header and the epoch's threshold say.
    /// @param expected The exact length, or the least one when the body ends inside a field.
    error BadLength(uint256 given, uint256 expected);

    /// @notice More groups than a tree may have; or more carried than the tree has, or none.
    error TooManyGroups(uint256 given, uint256 limit);

    /// @notice Groups do not rise strictly, or one is not in the tree.
    /// @param position Place of the leaf in the body.
    /// @param group The group that leaf names.
    /// @param groups Leaves in the tree.
    error GroupOrder(uint256 position, uint256 group, uint256 groups);

    /// @notice A signed word has pause bits, which only storage uses.
    error PauseBitsSet(uint256 group, uint256 word);

    /// @notice A group's time is further ahead of the chain's clock than allowed (unix ms).
    error FutureTime(uint256 givenMs, uint256 limitMs);

    /// @notice The epoch never was, is no longer valid, or is not valid yet.
    error UnknownEpoch(uint256 given, uint256 current);

    /// @notice The signers are not exactly as many as the threshold, or not all members.
    /// @param signers The bit map given.
    /// @param members Bits it may use.
    /// @param threshold Bits it must have set.
    error WrongSignerCount(uint256 signers, uint256 members, uint256 threshold);

    /// @notice Members signed who have been revoked.
    /// @param signers The bit map given.
    /// @param revoked Those of its bits that are revoked members'.
    error RevokedSigner(uint256 signers, uint256 revoked);

    /// @notice The signature said to be of this member is another's, of other data, or malleable.
    error BadSignature(uint256 member);
}
