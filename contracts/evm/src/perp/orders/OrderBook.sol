// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IOrders, Order, OrderKind} from "../interfaces/IOrders.sol";

/// @title OrderBook
/// @notice The pending orders, in three words each, and a fourth for a trigger.
abstract contract OrderBook is IOrders {
    /// @notice Orders that an account may have pending.
    uint256 public constant MAX_PENDING = 8;

    mapping(uint256 id => Order) private _orders;
    mapping(uint256 account => uint256) private _pending;
    uint256 private _lastId;

    /// @inheritdoc IOrders
    function order(uint256 id) external view returns (Order memory) {
        return _require(id);
    }

    /// @inheritdoc IOrders
    function pendingOf(uint256 account) external view returns (uint256) {
        return _pending[account];
    }

    function _add(Order memory o) internal returns (uint256 id) {
        uint256 pending = _pending[o.account];
        if (pending == MAX_PENDING) revert TooManyOrders(o.account, MAX_PENDING);
        _pending[o.account] = pending + 1;
        id = ++_lastId;
        _write(id, o);
    }

    /// @dev An order that was removed in this call and turns out to be undecided.
    function _restore(uint256 id, Order memory o) internal {
        ++_pending[o.account];
        _write(id, o);
    }

    function _remove(uint256 id, Order memory o) internal {
        --_pending[o.account];
        Order storage stored = _orders[id];
        (stored.account, stored.sizeDeltaE18, stored.acceptablePriceE18) = (0, 0, 0);
        (stored.market, stored.kind, stored.dueMs) = (0, OrderKind.MARKET, 0);
        (stored.expiresAtS, stored.rewardE6, stored.failureE6) = (0, 0, 0);
        if (o.triggerE18 != 0) stored.triggerE18 = 0;
    }

    function _reschedule(uint256 id, uint48 dueMs, uint40 expiresAtS) internal {
        Order storage stored = _orders[id];
        (stored.dueMs, stored.expiresAtS) = (dueMs, expiresAtS);
    }

    function _find(uint256 id) internal view returns (Order memory o) {
        Order storage stored = _orders[id];
        (o.account, o.sizeDeltaE18, o.acceptablePriceE18) =
        (stored.account, stored.sizeDeltaE18, stored.acceptablePriceE18);
        (o.market, o.kind, o.dueMs) = (stored.market, stored.kind, stored.dueMs);
        (o.expiresAtS, o.rewardE6, o.failureE6) =
        (stored.expiresAtS, stored.rewardE6, stored.failureE6);
        if (_isConditional(o.kind)) o.triggerE18 = stored.triggerE18;
    }

    function _require(uint256 id) internal view returns (Order memory o) {
        o = _find(id);
        if (o.account == 0) revert UnknownOrder(id);
    }

    /// @dev Tell whether an order waits for a trigger before it is due.
    function _isConditional(OrderKind kind) internal pure returns (bool) {
        return kind == OrderKind.STOP || kind == OrderKind.TAKE_PROFIT;
    }

    function _write(uint256 id, Order memory o) private {
        Order storage stored = _orders[id];
        (stored.account, stored.sizeDeltaE18, stored.acceptablePriceE18) =
        (o.account, o.sizeDeltaE18, o.acceptablePriceE18);
        (stored.market, stored.kind, stored.dueMs) = (o.market, o.kind, o.dueMs);
        (stored.expiresAtS, stored.rewardE6, stored.failureE6) =
        (o.expiresAtS, o.rewardE6, o.failureE6);
        if (o.triggerE18 != 0) stored.triggerE18 = o.triggerE18;
    }
}
