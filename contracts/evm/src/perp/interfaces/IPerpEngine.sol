// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Validity} from "../../interfaces/IMarkOracle.sol";
import {Action} from "../lib/Fields.sol";
import {Purpose} from "./IVault.sol";

struct Position {
    /// @dev In base units × 10^18; below zero for a short.
    int128 sizeE18;
    /// @dev What was paid for it: the sum of size × price of what is open. PnL is value − cost.
    int128 costE18;
    /// @dev The market's funding index of its side when it was last settled.
    int128 fundingIndexE18;
}

struct MarketState {
    uint128 longE18;
    uint128 shortE18;
    /// @dev Sums over all positions: cost, and |size| × funding index, each rounded up.
    int128 costE18;
    int128 fundingBasisE18;
    /// @dev What one base unit of a long, and of a short, has paid so far.
    int128 longIndexE18;
    int128 shortIndexE18;
    /// @dev The part of the rate that the skew has built up, per day.
    int64 velocityRateE18;
    uint40 accruedAtS;
    /// @dev The insurance's share of fees that the pool's row still holds: paid when the market is
    /// accrued by itself, which saves each trade a row.
    uint128 insuredE18;
}

/// @notice What an account is worth and must be worth, in the settlement token × 10^18.
struct Margin {
    /// @dev Cash, collateral after haircuts, PnL at mark and funding owed.
    int256 equityE18;
    uint256 initialE18;
    uint256 maintenanceE18;
    /// @dev False if a market it holds could not be priced, and was left out.
    bool complete;
}

/// @notice The price a trade is settled at: of a report that Orders verified.
struct Quote {
    uint256 priceE18;
    uint256 timeMs;
    Validity validity;
    uint32 confidenceBpsE1;
    int32 premiumBpsE2;
    bool premiumKnown;
}

struct Trade {
    uint256 account;
    uint256 market;
    int256 sizeDeltaE18;
    /// @dev A buy fills at this or below, a sale at this or above; 0 for any.
    uint256 acceptablePriceE18;
    /// @dev Cut to what reduces the position.
    bool reduceOnly;
    Quote quote;
}

/// @title IPerpEngine
/// @notice Positions, funding and margin. Orders and the liquidator act through it.
interface IPerpEngine {
    event Filled(
        uint256 indexed account,
        uint256 indexed market,
        int256 sizeDeltaE18,
        uint256 priceE18,
        uint256 feeE18,
        int256 pnlE18,
        int256 sizeE18
    );
    event FundingAccrued(
        uint256 indexed market, int256 rateE18, int256 longIndexE18, int256 shortIndexE18
    );
    /// @param paidE18 What the account paid to the pool; below zero what it got.
    event FundingSettled(uint256 indexed account, uint256 indexed market, int256 paidE18);
    event LossShared(uint256 indexed market, bool longs, uint256 amountE18);

    error NotAModule(address caller);
    error MarketNotOpen(uint256 market, uint256 state);
    /// @notice The table, the age or a pause forbids this use of the mark.
    error NotAllowed(uint256 market, Action action, Validity validity, uint256 ageMs);
    error BelowInitialMargin(uint256 account, int256 equityE18, uint256 initialE18);
    error BelowMinimumMargin(uint256 account, int256 equityE18, uint256 leastE18);
    error MarginUnknown(uint256 account, uint256 market);
    error WouldLowerMarginRatio(uint256 account);
    error PriceNotAcceptable(uint256 priceE18, uint256 acceptableE18);
    error OpenInterestCap(uint256 market, uint256 givenE18, uint256 limitE18);
    error PositionTooLarge(uint256 market, uint256 givenE18, uint256 limitE18);
    error TooManyMarkets(uint256 account, uint256 limit);
    error NothingToReduce(uint256 account, uint256 market);
    error OwesTooMuch(uint256 account, uint256 debtE18, uint256 limitE18);
    /// @notice A side of a market bears no more than it is worth.
    error LossTooLarge(uint256 market, uint256 givenE18, uint256 limitE18);
    /// @notice More than any market is made for.
    error OutOfRange(uint256 priceE18, uint256 sizeE18);

    /// @notice Settle a trade at a quote. By Orders. Reverts with one of the errors above; or, while
    /// the sequencer is down or in its grace, with one of SequencerGrace: the order can wait.
    /// @dev The table must allow the quote's validity to REDUCE for what reduces; to OPEN and to SETTLE
    /// for what opens. A mark that is not VALID fills at the price worsened by its confidence.
    /// @return sizeDeltaE18 What was traded: less than asked if it only reduces.
    function fill(Trade calldata trade) external returns (int256 sizeDeltaE18, uint256 priceE18);

    /// @notice Close part of a position at the stored mark, without fee or impact. By the liquidator,
    /// who judges whether and how much.
    /// @return pnlE18 What the account's cash changed by, funding included.
    function close(uint256 account, uint256 market, uint256 sizeE18, uint256 priceE18)
        external
        returns (int256 pnlE18);

    /// @notice Charge one side of a market a loss, by size. By the liquidator, who owes the money to
    /// nobody: it goes to the pool's row.
    function shareLoss(uint256 market, bool longs, uint256 amountE18) external;

    /// @notice Accrue a market's funding up to now, and pay the insurance its share of the market's
    /// fees. By anyone.
    function accrue(uint256 market) external;

    /// @notice Revert unless a withdrawal that was just debited leaves the account its initial margin,
    /// unrealised profit left out. By the vault.
    function requireWithdrawable(uint256 account) external view;

    function marginOf(uint256 account, Purpose purpose) external view returns (Margin memory);

    /// @notice The stored mark's price if it may be used; reverts otherwise.
    function priceFor(uint256 market, Action action) external view returns (uint256 priceE18);

    function position(uint256 account, uint256 market) external view returns (Position memory);
    function marketState(uint256 market) external view returns (MarketState memory);
    /// @notice The markets an account holds.
    function marketsOf(uint256 account) external view returns (uint256[] memory);
    /// @notice The markets in which anything is open.
    function openMarkets() external view returns (uint256[] memory);
    /// @notice What traders would gain if all of a market closed at this price, funding included: what
    /// the pool would lose.
    function tradersPnlE18(uint256 market, uint256 priceE18) external view returns (int256);
}
