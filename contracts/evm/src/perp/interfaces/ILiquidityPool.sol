// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Validity} from "../../interfaces/IMarkOracle.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

/// @notice Of ERC-7540: who may act for whom.
interface IERC7540Operator {
    event OperatorSet(address indexed controller, address indexed operator, bool approved);

    function setOperator(address operator, bool approved) external returns (bool);
    function isOperator(address controller, address operator) external view returns (bool);
}

/// @notice Of ERC-7540: deposits by request and claim.
interface IERC7540Deposit {
    event DepositRequest(
        address indexed controller,
        address indexed owner,
        uint256 indexed requestId,
        address sender,
        uint256 assets
    );

    function requestDeposit(uint256 assets, address controller, address owner)
        external
        returns (uint256 requestId);
    function deposit(uint256 assets, address receiver, address controller)
        external
        returns (uint256 shares);
    function mint(uint256 shares, address receiver, address controller)
        external
        returns (uint256 assets);
    function pendingDepositRequest(uint256 requestId, address controller)
        external
        view
        returns (uint256 assets);
    function claimableDepositRequest(uint256 requestId, address controller)
        external
        view
        returns (uint256 assets);
}

/// @notice Of ERC-7540: redemptions by request and claim.
interface IERC7540Redeem {
    event RedeemRequest(
        address indexed controller,
        address indexed owner,
        uint256 indexed requestId,
        address sender,
        uint256 shares
    );

    function requestRedeem(uint256 shares, address controller, address owner)
        external
        returns (uint256 requestId);
    function pendingRedeemRequest(uint256 requestId, address controller)
        external
        view
        returns (uint256 shares);
    function claimableRedeemRequest(uint256 requestId, address controller)
        external
        view
        returns (uint256 shares);
}

/// @title ILiquidityPool
/// @notice Shares in the counterparty of every position, by request and claim (ERC-7540). Requests are
/// gathered in epochs, whose numbers are the request ids; all of an epoch get one price.
///
/// - An epoch takes requests for half of POOL_DELAY_S from its first on, and is priced no earlier than
///   POOL_DELAY_S after that; by marks that were signed after it closed. So nobody knows the price he
///   asks for, and waiting for a better one means waiting with everyone.
/// - It is priced only while every market with open interest has a VALID mark that may be settled by.
/// - A request cannot be taken back: it would be a free option on the price. Only when an epoch could
///   not be priced for CANCEL_AFTER_S beyond its time is keeping it worse than that.
/// - What of a redemption the pool's free cash does not reach goes back as shares.
/// - Who asks must act for the controller too: nobody gets requests he did not want.
/// - Amounts of assets are in the settlement token's own units. Shares have 18 decimals.
interface ILiquidityPool is IERC4626, IERC165, IERC7540Operator, IERC7540Deposit, IERC7540Redeem {
    /// @notice An epoch was priced.
    /// @param navE18 Net asset value before it.
    /// @param supply Shares before it.
    event EpochProcessed(
        uint256 indexed requestId,
        int256 navE18,
        uint256 supply,
        uint256 depositAssets,
        uint256 depositShares,
        uint256 redeemShares,
        uint256 redeemFilled,
        uint256 redeemAssets
    );
    /// @notice Shares of a redemption that was not filled.
    event SharesReturned(address indexed controller, uint256 indexed requestId, uint256 shares);
    event DepositCancelled(address indexed controller, uint256 indexed requestId, uint256 assets);
    event RedeemCancelled(address indexed controller, uint256 indexed requestId, uint256 shares);

    error NotTheControllers(address controller, address caller);
    error ZeroRequest();
    error MoreThanClaimable(address controller, uint256 given, uint256 claimable);
    /// @notice Requests have no price in advance.
    error NoPreview();
    error NothingRequested(uint256 requestId);
    error TooEarly(uint256 nowS, uint256 atS);
    error MarkNotReady(uint256 market, Validity validity, uint256 timeMs, uint256 leastMs);
    /// @notice The pool is worth nothing, or too little to price shares by.
    error Insolvent(int256 navE18, uint256 leastE18);
    error NotPending(uint256 requestId, address controller);
    /// @notice The settlement token took a fee.
    error Inexact(uint256 received, uint256 given);

    /// @notice Price the oldest epoch, once its time has come. By anyone.
    function process() external returns (uint256 requestId);

    /// @notice Take a request out of an epoch that could not be priced for long.
    function cancelDeposit(uint256 requestId, address controller, address receiver)
        external
        returns (uint256 assets);
    function cancelRedeem(uint256 requestId, address controller, address receiver)
        external
        returns (uint256 shares);

    /// @notice Give a controller back what of its redemptions was not filled. By anyone; claims and new
    /// requests do so too.
    function returnUnfilled(address controller) external;

    /// @notice Of ERC-7575: the share is this contract itself.
    function share() external view returns (address);

    /// @notice Net asset value by the last stored marks, whatever they are good for.
    function navE18() external view returns (int256);

    /// @notice The oldest epoch that is not priced.
    function oldestEpoch() external view returns (uint256 requestId);

    /// @notice When an epoch stops to take requests, and from when on it may be priced; 0 if nobody
    /// asked yet.
    function timesOf(uint256 requestId) external view returns (uint64 closesAtS, uint64 dueS);
}
