// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice What a contract may do to the ledger.
enum Module {
    NONE,
    /// @dev Moves cash between rows; judges withdrawals.
    ENGINE,
    ORDERS,
    /// @dev Moves cash and collateral between rows.
    LIQUIDATOR,
    /// @dev Moves cash between the pool's rows, and in and out.
    POOL
}

/// @notice How to value what cannot be priced now.
enum Purpose {
    /// @dev To open or withdraw: it counts nothing.
    PERMIT,
    /// @dev To liquidate: it counts at its last price, for the account.
    LIQUIDATE
}

/// @title IVault
/// @notice Holds every token, and says to whom it belongs: one ledger of cash in the settlement token,
/// and shares of each further collateral.
///
/// Assumptions:
/// - The settlement token moves exactly what it says and does not rebase. Its value is the unit of
///   account: the framework prices nothing in anything else. There is no cap on it and no pause of
///   it: who must pay a debt or a margin call always can.
/// - Cash is × 10^18, whatever the token's decimals. Below zero it is a debt in that token.
/// - The sum of all rows is the settlement tokens held, but for gifts: every `move` takes from one
///   row what it gives to another.
/// - A further collateral may take a fee on transfer: what arrives counts. If the vault holds less of
///   it than it owes (it rebased down, or was stolen), everyone's share of it falls alike; it never
///   rises above one token a share. Who deposits or withdraws it gets the share as it is at once.
///   Accounts are valued by what was last noted: by the collateral's last deposit or withdrawal, by
///   anyone (`sync`), or for an account with positions or debt that withdraws anything.
interface IVault {
    event Deposited(
        uint256 indexed account, uint256 indexed collateral, uint256 amount, address from
    );
    event Withdrawn(
        uint256 indexed account, uint256 indexed collateral, uint256 amount, address to
    );
    event Moved(uint256 indexed from, uint256 indexed to, uint256 amountE18);
    event CollateralMoved(
        uint256 indexed from, uint256 indexed to, uint256 indexed collateral, uint256 sharesE18
    );
    event CollateralListed(uint256 indexed collateral, IERC20 token);
    event RateChanged(uint256 indexed collateral, uint256 fromE18, uint256 toE18);
    event ModuleChanged(address indexed module, Module from, Module to);

    error NotTheOwner(uint256 account, address caller);
    error NotAModule(address caller, Module needed);
    error UnknownCollateral(uint256 collateral);
    error CollateralPaused(uint256 collateral, uint256 state);
    error CapExceeded(uint256 collateral, uint256 totalE18, uint256 limitE18);
    error TooManyCollaterals(uint256 account, uint256 limit);
    error MoreThanHeld(uint256 account, uint256 collateral, uint256 givenE18, uint256 heldE18);
    /// @notice The module may not move cash from the one row to the other.
    error NotItsRows(Module role, uint256 from, uint256 to);
    /// @notice The pool's cash is not all free: some of it is owed to the pool, not held.
    error NotFree(uint256 givenE18, uint256 freeE18);
    /// @notice There is one engine for ever, and one pool at a time.
    error RoleTaken(Module role, address holder);
    error ZeroAddress();
    error ZeroAmount();
    /// @notice A token cannot be taken as collateral: no contract, listed already, or of more than 18
    /// decimals.
    error BadToken(IERC20 token);
    error TooManyListed(uint256 limit);
    error BadRecipient(address to);
    /// @notice Too much of the collateral is lost to take more of it in.
    error RateTooLow(uint256 collateral, uint256 rateE18, uint256 leastE18);
    /// @notice Sending tokens cost the vault more than was sent.
    error SpentTooMuch(IERC20 token, uint256 spent, uint256 limit);

    /// @notice Put tokens into an account of one's own. Collateral 0 is the settlement token.
    /// @param amount In the token's own units.
    function deposit(uint256 account, uint256 collateral, uint256 amount) external;

    /// @notice Take tokens out of an account of one's own: margin permitting, if it has positions or
    /// debt.
    /// @param amount In the token's own units; 2^256 - 1 for all there is.
    function withdraw(uint256 account, uint256 collateral, uint256 amount, address to) external;

    /// @notice Pay settlement tokens to the insurance, for good. By anyone.
    function fundInsurance(uint256 amount) external;

    /// @notice Move cash or collateral between two accounts of one's own, as a withdrawal from the one.
    /// @param amountE18 Of cash, or of a collateral's shares.
    function transfer(uint256 from, uint256 to, uint256 collateral, uint256 amountE18) external;

    /// @notice Move cash between rows. By a module, between the rows that are its own:
    ///
    /// | module | from | to |
    /// |---|---|---|
    /// | ENGINE | an account | POOL |
    /// | | POOL | an account, INSURANCE |
    /// | ORDERS | an account | ESCROW |
    /// | | ESCROW | an account, POOL, INSURANCE, RESERVE |
    /// | LIQUIDATOR | an account, POOL, INSURANCE, RESERVE, DEFICIT | the same |
    /// | POOL | POOL, but for what is not free | REQUESTS |
    /// | | REQUESTS | POOL |
    ///
    /// Accounts, POOL and DEFICIT may go below zero; the other rows may not.
    function move(uint256 from, uint256 to, uint256 amountE18) external;

    /// @notice Move shares of a collateral. By the liquidator.
    function moveCollateral(uint256 from, uint256 to, uint256 collateral, uint256 sharesE18)
        external;

    /// @notice Take settlement tokens in from the caller for requests. By the pool: it can take
    /// nobody's tokens but its own.
    /// @param amount In the token's own units.
    function payIn(uint256 amount) external returns (uint256 received);

    /// @notice Pay out what the caller has in REQUESTS. A pool that was replaced still pays what it
    /// owes, and no other pool can spend it.
    function payOut(address to, uint256 amount) external;

    /// @notice Compare what is held of a collateral with what is owed, and note it: accounts are valued
    /// by what is noted. By anyone.
    function sync(uint256 collateral) external;

    /// @notice Give a contract a role, or none. By the owner. There is one engine for ever, and one
    /// pool at a time, since its shares are priced by all of the POOL row.
    function setModule(address module, Module role) external;

    /// @notice Give a token the next number, from 1. By the owner. It counts, and comes in, once its
    /// parameters are listed.
    function listCollateral(IERC20 token) external returns (uint256 collateral);

    function moduleOf(address module) external view returns (Module);
    function engine() external view returns (address);
    function pool() external view returns (address);
    /// @notice What of REQUESTS a pool, present or former, brought or was given there.
    function claimsE18(address holder) external view returns (uint256);
    function cashOf(uint256 account) external view returns (int256);
    /// @notice What all accounts together owe: the sum of the rows below zero but the protocol's own.
    function totalDebtE18() external view returns (uint256);
    function sharesOf(uint256 account, uint256 collateral) external view returns (uint256);
    /// @notice The collaterals an account holds, as a bit map.
    function heldBy(uint256 account) external view returns (uint256);
    function totalSharesOf(uint256 collateral) external view returns (uint256);
    /// @notice Tokens to a share, now: at most one. As last noted, while the token does not answer.
    function rateE18(uint256 collateral) external view returns (uint256);
    function tokenOf(uint256 collateral) external view returns (IERC20);

    /// @notice Cash, and what the collaterals count, after haircuts, at the lower of index and TWAP.
    function holdings(uint256 account, Purpose purpose)
        external
        view
        returns (int256 cashE18, uint256 collateralE18);

    /// @notice What a share of a collateral may be seized at: its rate, times the lower of index and
    /// TWAP, both of which must allow liquidation; reverts otherwise.
    function seizePriceE18(uint256 collateral) external view returns (uint256);
}
