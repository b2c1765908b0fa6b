// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title ICommittee
/// @notice Who signs reports, by epoch.
///
/// Assumptions:
/// - Fewer than `threshold` members of a valid epoch sign what is not so. A report carries exactly
///   `threshold` signatures; more would only cost gas. A threshold near the number of members is
///   allowed: it costs liveness, never safety.
/// - The owner (governance) is honest, and slow: rotation is no emergency measure. Without overlap
///   (`previousValidUntilS = 0`) reports in flight under the old epoch fail; with it, the members
///   who leave can still sign until the overlap ends.
/// - At most two epochs are valid at any time: the current one, and the one before it in overlap.
/// - The guardian is fast, and may be hostile: it can stop markets and take members away, never
///   lift what the owner stopped, add a member or lower a threshold. Taking members away leaves as
///   many signatures necessary as before, so that it can cost liveness, never safety.
interface ICommittee {
    event CommitteeChanged(
        uint32 indexed epoch, address[] members, uint8 threshold, uint64 previousValidUntilS
    );
    event GuardianChanged(address indexed previous, address indexed current);

    /// @notice Reports of this epoch with a signature of this member are refused from now on.
    event MemberRevoked(uint32 indexed epoch, address indexed member, address indexed by);

    /// @notice There must be 1 to 32 members.
    error MemberCount(uint256 given, uint256 limit);

    /// @notice Members must be above 0x1f, where no precompile is, and rise strictly, which also
    /// rules out duplicates.
    error MemberOrder(uint256 position, address member);

    /// @notice With f = floor((n - 1) / 3) of n members at fault, the threshold must be at least
    /// floor((n + f) / 2) + 1, so that any two quorums share an honest member; and at most n.
    error ThresholdOutOfRange(uint256 given, uint256 least, uint256 most);

    /// @notice Ownership is handed on, never given up.
    error OwnershipIsKept();

    /// @notice The overlap is longer than allowed (unix seconds): perhaps milliseconds were given.
    error OverlapTooLong(uint256 givenS, uint256 limitS);

    /// @notice The epoch to start is not the one after the current.
    error EpochOrder(uint256 given, uint256 next);

    /// @notice The caller is neither the guardian nor the owner.
    error NotGuardian(address caller);

    /// @notice The epoch has no such member, or has it no longer.
    error NotAMember(uint256 epoch, address member);

    /// @notice Without this member too few would be left for a quorum: rotate instead.
    error QuorumUnreachable(uint256 left, uint256 threshold);

    /// @notice Refuse at once every report of `epoch` that `member` signed. By the guardian or the
    /// owner; for good, in this epoch: the next is set as a whole. Who is a member of an epoch in
    /// overlap too is to be revoked in both.
    /// @dev Marks already stored stay: pause their markets if they are not to be trusted.
    function revokeMember(uint32 epoch, address member) external;

    /// @notice Name who may pause markets and revoke members. The zero address for nobody but the
    /// owner.
    function setGuardian(address guardian_) external;

    /// @notice The epoch in force; 0 before the first committee.
    function currentEpoch() external view returns (uint32);

    function guardian() external view returns (address);

    /// @notice An epoch's members and threshold, and the last unix second it is valid at: the
    /// greatest uint64 while it is the current one.
    /// @return members All, also those revoked. Empty for an epoch that never was.
    function committee(uint32 epoch)
        external
        view
        returns (address[] memory members, uint8 threshold, uint64 validUntilS);

    /// @notice The members of an epoch who are revoked, as a bit map.
    function revoked(uint32 epoch) external view returns (uint256 members);
}
