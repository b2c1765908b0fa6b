// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommittee} from "../interfaces/ICommittee.sol";
import {IMarkOracle} from "../interfaces/IMarkOracle.sol";
import {Change, IRiskParameters} from "../perp/interfaces/IRiskParameters.sol";
import {IGuardian} from "./interfaces/IGuardian.sol";

/// @title GuardianActs
/// @notice What a guardian can do on any chain. It has no call that a caller could fill in: what is
/// not here, it cannot do.
abstract contract GuardianActs is IGuardian {
    /// @dev Longer than a vote and its delays: governance can make a pause its own before it lapses.
    uint256 public constant PAUSE_S = 21 days;

    address public immutable GOVERNANCE;
    IMarkOracle public immutable ORACLE;
    IRiskParameters public immutable PARAMETERS;

    address public council;
    mapping(address account => bool) public isPauser;
    mapping(uint256 market => uint256) public pausedUntilS;

    modifier onlyCouncil() {
        if (msg.sender != council) revert NotCouncil(msg.sender);
        _;
    }

    modifier onlyGovernance() {
        if (msg.sender != GOVERNANCE) revert NotGovernance(msg.sender);
        _;
    }

    /// @dev So that nobody stops anything without saying why.
    modifier reasoned(string calldata reason) {
        if (bytes(reason).length == 0) revert NoReason();
        _;
    }

    constructor(
        address governance,
        IMarkOracle oracle,
        IRiskParameters parameters,
        address council_,
        address[] memory pausers
    ) {
        (GOVERNANCE, ORACLE, PARAMETERS) = (governance, oracle, parameters);
        _setCouncil(council_);
        for (uint256 i; i < pausers.length; ++i) {
            _setPauser(pausers[i], true, "");
        }
    }

    /// @inheritdoc IGuardian
    function pauseMarket(uint256 market, string calldata reason) external reasoned(reason) {
        if (!isPauser[msg.sender] && msg.sender != council) revert NotPauser(msg.sender);
        uint256 untilS = block.timestamp + PAUSE_S;
        pausedUntilS[market] = untilS;
        emit MarketPausedUntil(market, untilS, msg.sender, reason);
        ORACLE.pauseMarket(market, reason);
    }

    /// @inheritdoc IGuardian
    function unpauseMarket(uint256 market, string calldata reason)
        external
        onlyCouncil
        reasoned(reason)
    {
        _unpause(market, reason);
    }

    /// @inheritdoc IGuardian
    function endLapsedPause(uint256 market) external {
        uint256 untilS = pausedUntilS[market];
        if (untilS == 0 || block.timestamp <= untilS) revert NotLapsed(market, untilS);
        _unpause(market, "lapsed");
    }

    /// @inheritdoc IGuardian
    function revokeMember(uint32 epoch, address member, string calldata reason)
        external
        onlyCouncil
        reasoned(reason)
    {
        emit MemberRevokedBy(epoch, member, msg.sender, reason);
        ORACLE.revokeMember(epoch, member);
    }

    /// @inheritdoc IGuardian
    function tighten(Change[] calldata changes, uint256 untilS, string calldata reason)
        external
        onlyCouncil
        reasoned(reason)
    {
        emit Tightened(changes, untilS, msg.sender, reason);
        PARAMETERS.tighten(changes, untilS);
    }

    /// @inheritdoc IGuardian
    function dismissPauser(address pauser, string calldata reason)
        external
        onlyCouncil
        reasoned(reason)
    {
        if (!isPauser[pauser]) revert NotPauser(pauser);
        _setPauser(pauser, false, reason);
    }

    /// @inheritdoc IGuardian
    function setCouncil(address council_) external onlyGovernance {
        _setCouncil(council_);
    }

    /// @inheritdoc IGuardian
    function setPauser(address pauser, bool allowed) external onlyGovernance {
        _setPauser(pauser, allowed, "");
    }

    /// @dev Tell whether a call does nothing but limit or replace this guardian.
    function _isOwnRemoval(address target, bytes calldata data) internal view returns (bool) {
        if (target == address(this)) return true;
        if (target == address(ORACLE) || target == address(PARAMETERS)) {
            return bytes4(data) == ICommittee.setGuardian.selector;
        }
        return _takesVeto(target, data);
    }

    /// @dev Tell whether a call takes the right of vetoes from this guardian, and nothing more.
    function _takesVeto(address target, bytes calldata data) internal view virtual returns (bool);

    function _unpause(uint256 market, string memory reason) private {
        if (pausedUntilS[market] == 0) revert NotLapsed(market, 0);
        delete pausedUntilS[market];
        emit PauseEnded(market, msg.sender, reason);
        ORACLE.unpauseMarket(market, reason);
    }

    function _setCouncil(address council_) private {
        if (council_ == address(0)) revert NoCouncil();
        emit CouncilChanged(council, council_);
        council = council_;
    }

    function _setPauser(address pauser, bool allowed, string memory reason) private {
        isPauser[pauser] = allowed;
        emit PauserChanged(pauser, allowed, msg.sender, reason);
    }
}
