// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {
    IERC7540Deposit,
    IERC7540Operator,
    IERC7540Redeem,
    ILiquidityPool
} from "../interfaces/ILiquidityPool.sol";
import {IVault} from "../interfaces/IVault.sol";
import {Epochs} from "./Epochs.sol";
import {Book, Requests} from "./Requests.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title Asking
/// @notice Who may act for whom; requests, and when they may be taken back.
abstract contract Asking is Epochs, ERC20, ReentrancyGuardTransient {
    using Requests for Book;
    using SafeERC20 for IERC20;

    uint256 private constant CASH_DECIMALS = 18;

    /// @notice How long beyond its time an epoch must have failed to be priced for requests to be
    /// taken back.
    uint256 public constant CANCEL_AFTER_S = 3 days;

    IERC20 internal immutable ASSET;
    /// @dev Cash to a unit of the settlement token.
    uint256 internal immutable SCALE;

    Book internal _deposits;
    Book internal _redemptions;

    /// @inheritdoc IERC7540Operator
    mapping(address controller => mapping(address operator => bool)) public isOperator;

    constructor(IVault vault) {
        ASSET = vault.tokenOf(0);
        SCALE = 10 ** (CASH_DECIMALS - IERC20Metadata(address(ASSET)).decimals());
    }

    /// @inheritdoc IERC7540Operator
    function setOperator(address operator, bool approved) external returns (bool) {
        isOperator[msg.sender][operator] = approved;
        emit OperatorSet(msg.sender, operator, approved);
        return true;
    }

    /// @inheritdoc IERC7540Deposit
    function requestDeposit(uint256 assets, address controller, address owner)
        external
        nonReentrant
        returns (uint256 requestId)
    {
        _requireActsFor(owner);
        _requireActsFor(controller);
        if (assets == 0) revert ZeroRequest();
        requestId = _openEpoch();
        if (_deposits.isFull(controller, requestId)) _claimOldestDeposit(controller);
        _deposits.add(controller, requestId, assets);
        emit DepositRequest(controller, owner, requestId, msg.sender, assets);
        ASSET.safeTransferFrom(owner, address(this), assets);
        uint256 received = VAULT.payIn(assets);
        if (received != assets) revert Inexact(received, assets);
    }

    /// @inheritdoc IERC7540Redeem
    /// @dev Who is neither owner nor operator needs the owner's allowance.
    function requestRedeem(uint256 shares, address controller, address owner)
        external
        nonReentrant
        returns (uint256 requestId)
    {
        _requireActsFor(controller);
        if (!_actsFor(owner)) _spendAllowance(owner, msg.sender, shares);
        if (shares == 0) revert ZeroRequest();
        requestId = _openEpoch();
        if (_redemptions.isFull(controller, requestId)) _claimOldestRedemption(controller);
        _redemptions.add(controller, requestId, shares);
        emit RedeemRequest(controller, owner, requestId, msg.sender, shares);
        _transfer(owner, address(this), shares);
    }

    /// @inheritdoc ILiquidityPool
    function cancelDeposit(uint256 requestId, address controller, address receiver)
        external
        nonReentrant
        returns (uint256 assets)
    {
        _requireActsFor(controller);
        _requireStuck(requestId);
        assets = _deposits.cancel(controller, requestId);
        if (assets == 0) revert NotPending(requestId, controller);
        emit DepositCancelled(controller, requestId, assets);
        VAULT.payOut(receiver, assets);
    }

    /// @inheritdoc ILiquidityPool
    function cancelRedeem(uint256 requestId, address controller, address receiver)
        external
        nonReentrant
        returns (uint256 shares)
    {
        _requireActsFor(controller);
        _requireStuck(requestId);
        shares = _redemptions.cancel(controller, requestId);
        if (shares == 0) revert NotPending(requestId, controller);
        emit RedeemCancelled(controller, requestId, shares);
        _transfer(address(this), receiver, shares);
    }

    /// @inheritdoc ILiquidityPool
    function returnUnfilled(address controller) external nonReentrant {
        _split(_redemptions, controller);
    }

    /// @dev Divide the request of a controller's first epoch, once that is priced, and give back what
    /// was not filled. Of deposits everything is.
    function _split(Book storage book, address controller) internal {
        (uint256 epoch, uint256 back) = book.split(controller);
        if (back == 0) return;
        emit SharesReturned(controller, epoch, back);
        _transfer(address(this), controller, back);
    }

    function _giveShares(address controller, address receiver, uint256 assets, uint256 shares)
        internal
    {
        emit Deposit(controller, receiver, assets, shares);
        _transfer(address(this), receiver, shares);
    }

    function _giveAssets(address controller, address receiver, uint256 assets, uint256 shares)
        internal
    {
        emit Withdraw(msg.sender, receiver, controller, assets, shares);
        VAULT.payOut(receiver, assets);
    }

    function _requireActsFor(address controller) internal view {
        if (!_actsFor(controller)) revert NotTheControllers(controller, msg.sender);
    }

    function _claimOldestDeposit(address controller) private {
        _split(_deposits, controller);
        (uint256 assets, uint256 shares) = _deposits.claimIn(controller, type(uint256).max);
        _giveShares(controller, controller, assets, shares);
    }

    function _claimOldestRedemption(address controller) private {
        _split(_redemptions, controller);
        (uint256 shares, uint256 assets) = _redemptions.claimIn(controller, type(uint256).max);
        _giveAssets(controller, controller, assets, shares);
    }

    function _requireStuck(uint256 requestId) private view {
        uint256 atS = timesOf[requestId].dueS + CANCEL_AFTER_S;
        if (block.timestamp < atS) revert TooEarly(block.timestamp, atS);
    }

    function _actsFor(address controller) private view returns (bool) {
        return msg.sender == controller || isOperator[controller][msg.sender];
    }
}
