// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Change} from "../../perp/interfaces/IRiskParameters.sol";

/// @title IGuardian
/// @notice What can be done at once, without a vote: stop and tighten, never loosen what governance
/// set, pay, list or execute.
///
/// Assumptions:
/// - The council is a multisig; pausers are bots, with hot keys.
/// - Either may be hostile. What they do lapses by itself, or is undone by governance, whose decisions
///   to replace them nobody can veto.
interface IGuardian {
    event MarketPausedUntil(
        uint256 indexed market, uint256 untilS, address indexed by, string reason
    );
    event PauseEnded(uint256 indexed market, address indexed by, string reason);
    event MemberRevokedBy(
        uint32 indexed epoch, address indexed member, address indexed by, string reason
    );
    event Tightened(Change[] changes, uint256 untilS, address indexed by, string reason);
    event CouncilChanged(address indexed previous, address indexed current);
    event PauserChanged(address indexed pauser, bool allowed, address indexed by, string reason);

    error NotCouncil(address caller);
    error NotPauser(address caller);
    error NotGovernance(address caller);
    error NoReason();
    error NoCouncil();
    /// @notice The pause is governance's, or has not lapsed.
    error NotLapsed(uint256 market, uint256 untilS);
    /// @notice It does nothing but limit this guardian: it is not for the guardian to veto.
    error OwnRemoval();

    /// @notice Pause a market of the oracle, for `PAUSE_S`; again to prolong it. By a pauser or the
    /// council.
    function pauseMarket(uint256 market, string calldata reason) external;

    /// @notice Lift a pause of this guardian's. By the council.
    function unpauseMarket(uint256 market, string calldata reason) external;

    /// @notice Lift a pause of this guardian's whose time is over. By anyone.
    function endLapsedPause(uint256 market) external;

    /// @notice Take a member from an epoch of the price committee. By the council.
    function revokeMember(uint32 epoch, address member, string calldata reason) external;

    /// @notice Tighten parameters until `untilS`. By the council.
    function tighten(Change[] calldata changes, uint256 untilS, string calldata reason) external;

    /// @notice Take a pauser's right away. By the council.
    function dismissPauser(address pauser, string calldata reason) external;

    /// @notice Name the council. By governance.
    function setCouncil(address council_) external;

    /// @notice Allow a pauser, or no longer. By governance.
    function setPauser(address pauser, bool allowed) external;

    function GOVERNANCE() external view returns (address);
    function PAUSE_S() external view returns (uint256);
    function council() external view returns (address);
    function isPauser(address account) external view returns (bool);
    /// @notice Until when this guardian's pause of a market lasts; 0 for none.
    function pausedUntilS(uint256 market) external view returns (uint256);
}
