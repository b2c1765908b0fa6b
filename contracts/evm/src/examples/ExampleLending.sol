// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title ExampleLending
/// @notice An example, not for production: one lender's loans of one token against one collateral,
/// without interest. What it shows is how a protocol reads a price: whoever gains from a wrong
/// one (borrowing, withdrawing, liquidating) needs one that the adapter hands on, while adding
/// collateral and repaying never ask for a price, so that they work while there is none.
/// @dev Tokens must take no fee on transfers. Rounding favours the lender.
abstract contract ExampleLending is ReentrancyGuard {
    using SafeERC20 for IERC20;

    struct Loan {
        uint256 collateral;
        uint256 debt;
    }

    uint256 private constant ONE_E18 = 1e18;
    uint256 public constant LOAN_TO_VALUE_E18 = 0.75e18;
    uint256 public constant LIQUIDATION_THRESHOLD_E18 = 0.8e18;
    uint256 public constant LIQUIDATION_BONUS_E18 = 0.05e18;

    address public immutable LENDER;
    IERC20 public immutable COLLATERAL;
    IERC20 public immutable DEBT;
    uint256 private immutable COLLATERAL_UNIT;
    uint256 private immutable DEBT_UNIT;

    mapping(address borrower => Loan) public loans;

    event Supplied(uint256 amount);
    event Reclaimed(uint256 amount);
    event Deposited(address indexed borrower, uint256 amount);
    event Withdrawn(address indexed borrower, uint256 amount);
    event Borrowed(address indexed borrower, uint256 amount);
    event Repaid(address indexed borrower, address indexed by, uint256 amount);
    event Liquidated(
        address indexed borrower, address indexed by, uint256 repaid, uint256 seized, uint256 lost
    );

    error NotTheLender(address caller);

    /// @notice Deposits and what is to lend would be one pile.
    error OneTokenForBoth(address token);

    /// @notice The loan would exceed what its collateral allows.
    error TooLittleCollateral(uint256 debt, uint256 limit);

    /// @notice The loan is within the liquidation threshold.
    error Healthy(address borrower, uint256 debt, uint256 limit);

    /// @notice More than there is.
    error MoreThanHeld(uint256 given, uint256 limit);

    constructor(address lender, IERC20Metadata collateral, IERC20Metadata debt) {
        if (collateral == debt) revert OneTokenForBoth(address(debt));
        (LENDER, COLLATERAL, DEBT) = (lender, collateral, debt);
        COLLATERAL_UNIT = 10 ** collateral.decimals();
        DEBT_UNIT = 10 ** debt.decimals();
    }

    /// @notice Add tokens to lend.
    function supply(uint256 amount) external nonReentrant {
        if (msg.sender != LENDER) revert NotTheLender(msg.sender);
        emit Supplied(amount);
        DEBT.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Take back tokens that are not lent.
    function reclaim(uint256 amount) external nonReentrant {
        if (msg.sender != LENDER) revert NotTheLender(msg.sender);
        emit Reclaimed(amount);
        DEBT.safeTransfer(msg.sender, amount);
    }

    function deposit(uint256 amount) external nonReentrant {
        loans[msg.sender].collateral += amount;
        emit Deposited(msg.sender, amount);
        COLLATERAL.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Take collateral back. Needs a price unless nothing is owed.
    function withdraw(uint256 amount) external nonReentrant {
        Loan storage loan = loans[msg.sender];
        if (amount > loan.collateral) revert MoreThanHeld(amount, loan.collateral);
        loan.collateral -= amount;
        _requireCovered(loan);
        emit Withdrawn(msg.sender, amount);
        COLLATERAL.safeTransfer(msg.sender, amount);
    }

    function borrow(uint256 amount) external nonReentrant {
        Loan storage loan = loans[msg.sender];
        loan.debt += amount;
        _requireCovered(loan);
        emit Borrowed(msg.sender, amount);
        DEBT.safeTransfer(msg.sender, amount);
    }

    /// @notice Repay for anyone, at most all of it: give the greatest number to repay all.
    /// @return repaid What was taken. More than is owed does not revert: anyone could make it so by
    /// repaying one unit first.
    function repay(address borrower, uint256 amount)
        external
        nonReentrant
        returns (uint256 repaid)
    {
        Loan storage loan = loans[borrower];
        repaid = Math.min(amount, loan.debt);
        loan.debt -= repaid;
        emit Repaid(borrower, msg.sender, repaid);
        DEBT.safeTransferFrom(msg.sender, address(this), repaid);
    }

    /// @notice Repay `amount` of a loan beyond its threshold, at most all of it, for collateral of as
    /// much value and the bonus. Debt that is left without collateral is the lender's loss.
    function liquidate(address borrower, uint256 amount) external nonReentrant {
        Loan storage loan = loans[borrower];
        uint256 priceE18 = priceOfCollateralE18();
        uint256 limit = _limit(loan.collateral, priceE18, LIQUIDATION_THRESHOLD_E18);
        if (loan.debt <= limit) revert Healthy(borrower, loan.debt, limit);

        uint256 repaid = Math.min(amount, loan.debt);
        uint256 seized = Math.min(_worthWithBonus(repaid, priceE18), loan.collateral);
        loan.collateral -= seized;
        loan.debt -= repaid;
        uint256 lost = loan.collateral == 0 ? loan.debt : 0;
        loan.debt -= lost;
        emit Liquidated(borrower, msg.sender, repaid, seized, lost);
        DEBT.safeTransferFrom(msg.sender, address(this), repaid);
        COLLATERAL.safeTransfer(msg.sender, seized);
    }

    /// @notice Value of one whole collateral token in whole debt tokens × 10^18.
    /// @dev Reverts while there is no price to act on. Anything else here is a hole.
    function priceOfCollateralE18() public view virtual returns (uint256);

    function _requireCovered(Loan storage loan) private view {
        if (loan.debt == 0) return;
        uint256 limit = _limit(loan.collateral, priceOfCollateralE18(), LOAN_TO_VALUE_E18);
        if (loan.debt > limit) revert TooLittleCollateral(loan.debt, limit);
    }

    /// @dev Collateral of as much value as `repaid` and the bonus, rounded down.
    function _worthWithBonus(uint256 repaid, uint256 priceE18) private view returns (uint256) {
        uint256 withBonus = Math.mulDiv(repaid, ONE_E18 + LIQUIDATION_BONUS_E18, ONE_E18);
        return Math.mulDiv(Math.mulDiv(withBonus, COLLATERAL_UNIT, DEBT_UNIT), ONE_E18, priceE18);
    }

    /// @dev The most that may be owed against `collateral`, rounded down.
    function _limit(uint256 collateral, uint256 priceE18, uint256 shareE18)
        private
        view
        returns (uint256)
    {
        uint256 value =
            Math.mulDiv(Math.mulDiv(collateral, priceE18, ONE_E18), DEBT_UNIT, COLLATERAL_UNIT);
        return Math.mulDiv(value, shareE18, ONE_E18);
    }
}
