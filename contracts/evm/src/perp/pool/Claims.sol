// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {
    IERC7540Deposit,
    IERC7540Operator,
    IERC7540Redeem,
    ILiquidityPool
} from "../interfaces/ILiquidityPool.sol";
import {Asking} from "./Asking.sol";
import {Book, Requests} from "./Requests.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

/// @title Claims
/// @notice Claim what was priced, and look at one's requests.
abstract contract Claims is Asking {
    using Requests for Book;

    /// @dev Of ERC-7575: a vault with a share.
    bytes4 private constant ERC7575_ID = 0x2f0a18c5;

    function deposit(uint256 assets, address receiver) external returns (uint256) {
        return deposit(assets, receiver, msg.sender);
    }

    function mint(uint256 shares, address receiver) external returns (uint256) {
        return mint(shares, receiver, msg.sender);
    }

    /// @inheritdoc IERC4626
    function redeem(uint256 shares, address receiver, address controller)
        external
        nonReentrant
        returns (uint256 assets)
    {
        assets = _claimIn(_redemptions, controller, shares);
        _giveAssets(controller, receiver, assets, shares);
    }

    /// @inheritdoc IERC4626
    function withdraw(uint256 assets, address receiver, address controller)
        external
        nonReentrant
        returns (uint256 shares)
    {
        shares = _claimOut(_redemptions, controller, assets);
        _giveAssets(controller, receiver, assets, shares);
    }

    /// @inheritdoc IERC7540Deposit
    function pendingDepositRequest(uint256 requestId, address controller)
        external
        view
        returns (uint256)
    {
        return _deposits.pending(controller, requestId);
    }

    /// @inheritdoc IERC7540Deposit
    function claimableDepositRequest(uint256 requestId, address controller)
        external
        view
        returns (uint256 assets)
    {
        (assets,) = _deposits.claimable(controller, requestId);
    }

    /// @inheritdoc IERC7540Redeem
    function pendingRedeemRequest(uint256 requestId, address controller)
        external
        view
        returns (uint256)
    {
        return _redemptions.pending(controller, requestId);
    }

    /// @inheritdoc IERC7540Redeem
    function claimableRedeemRequest(uint256 requestId, address controller)
        external
        view
        returns (uint256 shares)
    {
        (shares,) = _redemptions.claimable(controller, requestId);
    }

    /// @inheritdoc IERC4626
    function maxDeposit(address controller) external view returns (uint256 assets) {
        (assets,) = _deposits.allClaimable(controller);
    }

    /// @inheritdoc IERC4626
    function maxMint(address controller) external view returns (uint256 shares) {
        (, shares) = _deposits.allClaimable(controller);
    }

    /// @inheritdoc IERC4626
    function maxRedeem(address controller) external view returns (uint256 shares) {
        (shares,) = _redemptions.allClaimable(controller);
    }

    /// @inheritdoc IERC4626
    function maxWithdraw(address controller) external view returns (uint256 assets) {
        (, assets) = _redemptions.allClaimable(controller);
    }

    /// @inheritdoc IERC4626
    function asset() external view returns (address) {
        return address(ASSET);
    }

    /// @inheritdoc ILiquidityPool
    function share() external view returns (address) {
        return address(this);
    }

    /// @inheritdoc IERC4626
    function previewDeposit(uint256) external pure returns (uint256) {
        revert NoPreview();
    }

    /// @inheritdoc IERC4626
    function previewMint(uint256) external pure returns (uint256) {
        revert NoPreview();
    }

    /// @inheritdoc IERC4626
    function previewRedeem(uint256) external pure returns (uint256) {
        revert NoPreview();
    }

    /// @inheritdoc IERC4626
    function previewWithdraw(uint256) external pure returns (uint256) {
        revert NoPreview();
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == type(IERC165).interfaceId || id == type(IERC7540Operator).interfaceId
            || id == type(IERC7540Deposit).interfaceId || id == type(IERC7540Redeem).interfaceId
            || id == ERC7575_ID;
    }

    /// @inheritdoc IERC7540Deposit
    function deposit(uint256 assets, address receiver, address controller)
        public
        nonReentrant
        returns (uint256 shares)
    {
        shares = _claimIn(_deposits, controller, assets);
        _giveShares(controller, receiver, assets, shares);
    }

    /// @inheritdoc IERC7540Deposit
    function mint(uint256 shares, address receiver, address controller)
        public
        nonReentrant
        returns (uint256 assets)
    {
        assets = _claimOut(_deposits, controller, shares);
        _giveShares(controller, receiver, assets, shares);
    }

    /// @dev Exchange exactly so much of what was filled. A line has two epochs at most.
    function _claimIn(Book storage book, address controller, uint256 amount)
        private
        returns (uint256 out)
    {
        _requireActsFor(controller);
        uint256 left = amount;
        for (uint256 i; i < 2; ++i) {
            _split(book, controller);
            (uint256 taken, uint256 given) = book.claimIn(controller, left);
            (left, out) = (left - taken, out + given);
        }
        if (left != 0) revert MoreThanClaimable(controller, amount, amount - left);
    }

    /// @dev Exchange for exactly so much of what was given.
    function _claimOut(Book storage book, address controller, uint256 amount)
        private
        returns (uint256 used)
    {
        _requireActsFor(controller);
        uint256 left = amount;
        for (uint256 i; i < 2; ++i) {
            _split(book, controller);
            (uint256 taken, uint256 given) = book.claimOut(controller, left);
            (left, used) = (left - given, used + taken);
        }
        if (left != 0) revert MoreThanClaimable(controller, amount, amount - left);
    }
}
