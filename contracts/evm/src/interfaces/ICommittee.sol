// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title ICommittee
/// @notice Who signs reports, by epoch.
///
/// Assumptions:
/// - Fewer than `threshold` members of a valid epoch sign what is not so. A report carries exactly
///   `threshold` signatures; more would only cost gas.
/// - The owner (governance) is honest, and slow: rotation is no emergency measure. Without overlap
///   (`previousValidUntilS = 0`) reports in flight under the old epoch fail; with it, the members
///   who leave can still sign until the overlap ends.
/// - At most two epochs are valid at any time: the current one, and the one before it in overlap.
interface ICommittee {
    event CommitteeChanged(
        uint32 indexed epoch, address[] members, uint8 threshold, uint64 previousValidUntilS
    );
    event GuardianChanged(address indexed previous, address indexed current);

    /// @notice There must be 1 to 32 members.
    error MemberCount(uint256 given, uint256 limit);

    /// @notice Members must be non-zero and rise strictly, which also rules out duplicates.
    error MemberOrder(uint256 position, address member);

    /// @notice The threshold must be more than half of the members, and at most all of them.
    error ThresholdOutOfRange(uint256 given, uint256 least, uint256 most);

    /// @notice The overlap is longer than allowed (unix seconds): perhaps milliseconds were given.
    error OverlapTooLong(uint256 givenS, uint256 limitS);

    /// @notice The caller is neither the guardian nor the owner.
    error NotGuardian(address caller);

    /// @notice Start the next epoch with these members.
    /// @param members Addresses, strictly rising; a report's bit `i` means `members[i]`.
    /// @param threshold Signatures a report must carry.
    /// @param previousValidUntilS Unix second up to which reports of the epoch that ends now are
    /// still taken; 0 for not at all, as after a compromise. Older epochs end at once.
    function setCommittee(address[] calldata members, uint8 threshold, uint64 previousValidUntilS)
        external;

    /// @notice Name who may pause markets. The zero address for nobody but the owner.
    function setGuardian(address guardian_) external;

    /// @notice The epoch in force; 0 before the first committee.
    function currentEpoch() external view returns (uint32);

    function guardian() external view returns (address);

    /// @notice An epoch's members and threshold, and the last unix second it is valid at.
    /// @return members Empty for an epoch that never was.
    function committee(uint32 epoch)
        external
        view
        returns (address[] memory members, uint8 threshold, uint64 validUntilS);
}
