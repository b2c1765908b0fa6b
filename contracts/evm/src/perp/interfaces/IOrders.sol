// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

enum OrderKind {
    MARKET,
    REDUCE_ONLY,
    /// @dev Reduces once the mark is as bad for the position as the trigger.
    STOP,
    /// @dev Reduces once the mark is as good for the position as the trigger.
    TAKE_PROFIT
}

enum OrderEnd {
    FILLED,
    /// @dev Its acceptable price or its margin failed: pays the failure fee.
    FAILED,
    /// @dev Its report allows no such trade, or there was nothing to reduce: pays the reward alone.
    FORBIDDEN,
    EXPIRED
}

struct Order {
    uint256 account;
    int128 sizeDeltaE18;
    uint128 acceptablePriceE18;
    uint16 market;
    OrderKind kind;
    /// @dev Settles with the first report at or after it, in signed unix ms; 0 while untriggered.
    uint48 dueMs;
    uint40 expiresAtS;
    /// @dev As they were at the commit, in the settlement token × 10^6. A MARKET order has put both
    /// down.
    uint32 rewardE6;
    uint32 failureE6;
    uint128 triggerE18;
}

/// @title IOrders
/// @notice Orders in two steps: committed, and settled by anyone with exactly the first report after a
/// delay, so that neither trader nor settler chooses among prices.
interface IOrders {
    event Committed(uint256 indexed id, uint256 indexed account, Order order);
    event Triggered(uint256 indexed id, uint256 priceE18, uint256 dueMs);
    event Settled(
        uint256 indexed id, OrderEnd how, bytes4 reason, uint256 priceE18, address settler
    );

    /// @notice The report does not decide this order, or it cannot be settled now.
    event Skipped(uint256 indexed id, bytes4 reason);
    /// @notice What a reduce-only order left of its reward and failure fee, in the account's favour.
    event Unpaid(uint256 indexed id, uint256 leftE18);

    error NotTheOwner(uint256 account, address caller);
    error UnknownOrder(uint256 id);
    error ZeroSize();
    /// @notice A stop or take-profit needs a trigger, the others have none.
    error BadTrigger(OrderKind kind, uint256 triggerE18);
    error AccessDenied(address owner, uint256 market);
    error TooManyOrders(uint256 account, uint256 limit);
    error BadExpiry(uint256 givenS, uint256 leastS, uint256 mostS);
    error NotTriggered(uint256 id, uint256 priceE18, uint256 triggerE18);
    error AlreadyTriggered(uint256 id);
    error NotDue(uint256 id);
    /// @notice Not the first report at or after the order's time.
    error NotTheFirstReport(uint256 prevMs, uint256 dueMs, uint256 timeMs);
    error WrongEpoch(uint256 given, uint256 current);
    error NoLeaf(uint256 group);
    error Expired(uint256 id, uint256 expiresAtS);
    error NotExpired(uint256 id, uint256 expiresAtS);

    /// @notice Commit an order. By the account's owner.
    /// @param acceptablePriceE18 A buy fills at this or below, a sale at this or above; 0 for any.
    /// @param triggerE18 Of a stop or take-profit; 0 for the others.
    /// @param expiresAtS Between half and all of ORDER_EXPIRY_S after it is due, or 0 for all of it; a
    /// stop or take-profit waits for its trigger for up to MAX_WAIT_S.
    function commit(
        uint256 account,
        uint256 market,
        OrderKind kind,
        int256 sizeDeltaE18,
        uint256 acceptablePriceE18,
        uint256 triggerE18,
        uint256 expiresAtS
    ) external returns (uint256 id);

    /// @notice Start a stop or take-profit whose trigger the stored mark has reached. From then on it
    /// has ORDER_EXPIRY_S to settle, as any other.
    function trigger(uint256 id) external;

    /// @notice Settle an order with the report that decides it.
    function settle(uint256 id, bytes calldata report) external returns (OrderEnd);

    /// @notice Settle several orders with one report; those that it does not decide are skipped.
    function settleMany(uint256[] calldata ids, bytes calldata report) external;

    /// @notice End an order past its expiry; by its owner at any time, while it waits for its trigger.
    function expire(uint256 id) external;

    function order(uint256 id) external view returns (Order memory);
    function pendingOf(uint256 account) external view returns (uint256);
}
