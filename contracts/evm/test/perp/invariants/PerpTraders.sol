// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Validity} from "../../../src/interfaces/IMarkOracle.sol";
import {IOrders, Order, OrderEnd, OrderKind} from "../../../src/perp/interfaces/IOrders.sol";
import {Margin} from "../../../src/perp/interfaces/IPerpEngine.sol";
import {IVault, Purpose} from "../../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../../src/perp/lib/Accounts.sol";
import {PerpWorld} from "./PerpWorld.sol";

/// @notice What prices and traders do.
abstract contract PerpTraders is PerpWorld {
    /// @dev An order while it is settled.
    struct Settling {
        uint256 id;
        Order order;
        bytes report;
        bool atStored;
        int256 sizeE18;
        Margin margin;
        int256 cashE18;
    }

    uint256[] internal pending;
    /// @dev What pending orders have put down.
    uint256 public escrowE18;

    function pendingOrders() external view returns (uint256[] memory) {
        return pending;
    }

    /// @notice Time passes and prices move: mostly little, at times as in a crash; at times the committee
    /// doubts what it sees.
    function movePrices(uint256 seed) external {
        pass(1 + seed % 20);
        for (uint256 market; market < MARKETS; ++market) {
            uint256 draw = uint256(keccak256(abi.encode(seed, market)));
            uint256 kind = draw % 20;
            uint256 mostBps = kind == 0 ? 5500 : kind < 4 ? 900 : 100;
            uint256 bps = (draw >> 16) % mostBps;
            bool up = (draw >> 64) % 2 == 0;
            uint256 to = priceE18[market] * (up ? 10_000 + bps : 10_000 - bps) / 10_000;
            if (to > 1e18 && to < 1e24) priceE18[market] = to;
            uint256 mood = (draw >> 80) % 24;
            validity[market] = mood == 0
                ? Validity.HALTED
                : mood == 1 ? Validity.MISSING : mood == 2 ? Validity.GUARDED : Validity.VALID;
        }
        premiumCode = (seed >> 128) % 256;
        store();
        ++done["move"];
    }

    /// @notice Time passes without reports, until marks are too old.
    function wait_(uint256 seed) external {
        pass(30 + seed % 90);
        ++done["wait"];
    }

    function deposit(uint256 seed, uint256 amount) external {
        uint256 account = accountAt(seed);
        uint256 collateral = (seed >> 8) % 3;
        amount = bound(amount, 1, collateral == 0 ? 400_000e6 : collateral == 1 ? 100e18 : 5e8);
        address who = Accounts.ownerOf(account);
        s.tokens[collateral].mint(who, amount);
        tried(
            "deposit",
            who,
            address(s.vault),
            abi.encodeCall(IVault.deposit, (account, collateral, amount))
        );
    }

    function withdraw(uint256 seed, uint256 amount) external {
        uint256 account = accountAt(seed);
        uint256 collateral = (seed >> 8) % 3;
        amount = bound(amount, 1, collateral == 0 ? 200_000e6 : collateral == 1 ? 50e18 : 2e8);
        if ((seed >> 16) % 4 == 0) amount = type(uint256).max;
        address who = Accounts.ownerOf(account);
        (bool success,) = tried(
            "withdraw",
            who,
            address(s.vault),
            abi.encodeCall(IVault.withdraw, (account, collateral, amount, who))
        );
        if (success) assertTaken(account);
    }

    function transfer(uint256 seed, uint256 amount) external {
        uint256 from = accountAt(seed);
        uint256 to = Accounts.numberOf(Accounts.ownerOf(from), Accounts.isIsolated(from) ? 0 : 1);
        uint256 collateral = (seed >> 8) % 3;
        amount = bound(amount, 1, collateral == 0 ? 200_000e18 : 20e18);
        (bool success,) = tried(
            "transfer",
            Accounts.ownerOf(from),
            address(s.vault),
            abi.encodeCall(IVault.transfer, (from, to, collateral, amount))
        );
        if (success) assertTaken(from);
    }

    /// @dev Who took something out either has nothing at stake, or keeps the initial margin.
    function assertTaken(uint256 account) private view {
        bool free = s.engine.marketsOf(account).length == 0 && s.vault.cashOf(account) >= 0;
        if (!free) assertInitialMargin(account);
    }

    function commit(uint256 seed, uint256 size) external {
        _commit(seed, size);
    }

    /// @notice Commit, and have it settled in time.
    function trade(uint256 seed, uint256 size) external {
        (validity[BTC], validity[ETH]) = (Validity.VALID, Validity.VALID);
        pass(1);
        store();
        if (_commit(seed, size)) _settle(pending.length - 1, seed);
    }

    function _commit(uint256 seed, uint256 size) private returns (bool) {
        uint256 account = accountAt(seed);
        uint256 market = (seed >> 8) % MARKETS;
        int256 heldE18 = s.engine.position(account, market).sizeE18;
        // Mostly what makes sense: to reduce what is held, and else to open.
        bool opens = (seed >> 16) % 16 < (heldE18 == 0 ? 15 : 6);
        OrderKind kind = OrderKind(opens ? 0 : (seed >> 24) % 4);
        uint256 triggerE18;
        if (uint256(kind) > 1) triggerE18 = priceE18[market] * (90 + (seed >> 32) % 20) / 100;
        uint256 acceptableE18 = (seed >> 40) % 8 == 0 ? priceE18[market] : 0;
        int256 sizeE18 = int256(notional(account, seed, size) * 1e18 / priceE18[market]);
        if ((seed >> 48) % 2 == 0) sizeE18 = -sizeE18;
        if (kind != OrderKind.MARKET && heldE18 != 0 && (heldE18 > 0) == (sizeE18 > 0)) {
            sizeE18 = -sizeE18;
        }
        (bool success, bytes memory answer) = tried(
            "commit",
            Accounts.ownerOf(account),
            address(s.orders),
            abi.encodeCall(
                IOrders.commit, (account, market, kind, sizeE18, acceptableE18, triggerE18, 0)
            )
        );
        if (!success) return false;
        uint256 id = abi.decode(answer, (uint256));
        pending.push(id);
        if (kind != OrderKind.MARKET) return true;
        escrowE18 += putDown(s.orders.order(id));
        assertInitialMargin(account);
        return true;
    }

    /// @dev Any, or what the account can carry.
    function notional(uint256 account, uint256 seed, uint256 size) private view returns (uint256) {
        int256 equityE18 = marginOf(account, Purpose.PERMIT).equityE18;
        if ((seed >> 56) % 5 == 0 || equityE18 < 1000e18) return bound(size, 1e9, 3_000_000e18);
        uint256 mostE18 = uint256(equityE18) * 10;
        return bound(size, 1e18, mostE18 < 1_200_000e18 ? mostE18 : 1_200_000e18);
    }

    /// @notice Settle some pending order: with the report that decides it, and with none else.
    function settle(uint256 seed) external {
        if (pending.length != 0) _settle(seed % pending.length, seed);
    }

    function _settle(uint256 at, uint256 seed) private {
        Settling memory c;
        c.id = pending[at];
        c.order = s.orders.order(c.id);
        if (c.order.dueMs == 0) return start(c.id);
        if (block.timestamp > c.order.expiresAtS) return expire(at);
        uint256 dueMs = c.order.dueMs;
        if (block.timestamp * 1000 < dueMs) pass((dueMs - block.timestamp * 1000 + 999) / 1000);
        refuseOthers(c, seed);
        uint256 timeMs = dueMs + (seed >> 8) % 900;
        c.report = signed(timeMs, dueMs - 1 - (seed >> 24) % 1000);
        if (timeMs > reportMs) {
            s.oracle.update(c.report);
            reportMs = timeMs;
            c.atStored = true;
        } else if ((seed >> 40) % 4 != 0) {
            store();
        }
        execute(c, at);
    }

    /// @dev Reports that are not the first after the order's time, or none of this epoch's chain.
    function refuseOthers(Settling memory c, uint256 seed) private {
        uint256 dueMs = c.order.dueMs;
        bytes memory other;
        if ((seed >> 48) % 3 == 0) other = signed(dueMs - 1 - (seed >> 56) % 1000, dueMs - 2000);
        else if ((seed >> 48) % 3 == 1) other = signed(dueMs + 900, dueMs + (seed >> 56) % 900);
        else other = signed(dueMs, ORIGIN_MS);
        refused(keeper, address(s.orders), abi.encodeCall(IOrders.settle, (c.id, other)));
    }

    function execute(Settling memory c, uint256 at) private {
        uint256 account = c.order.account;
        c.sizeE18 = s.engine.position(account, c.order.market).sizeE18;
        c.margin = marginOf(account, Purpose.LIQUIDATE);
        c.cashE18 = s.vault.cashOf(Accounts.numberOf(keeper, 0));
        bytes memory data = abi.encodeCall(IOrders.settle, (c.id, c.report));
        (bool success, bytes memory answer) = tried("settle", keeper, address(s.orders), data);
        if (!success) return;
        forget(at, c.order);
        refused(keeper, address(s.orders), data);
        OrderEnd how = abi.decode(answer, (OrderEnd));
        if (how == OrderEnd.FAILED) ++done["fail"];
        if (how == OrderEnd.FORBIDDEN) ++done["forbid"];
        int256 sizeE18 = s.engine.position(account, c.order.market).sizeE18;
        if (how != OrderEnd.FILLED) return assertEq(sizeE18, c.sizeE18, "traded all the same");
        bool reduced = abs(sizeE18) < abs(c.sizeE18) && (sizeE18 ^ c.sizeE18 >= 0 || sizeE18 == 0);
        if (reduced) return assertReduced(c);
        assertEq(uint256(c.order.kind), uint256(OrderKind.MARKET), "reduce-only opened");
        assertLive(c.order.market, Validity.VALID);
        assertInitialMargin(account);
        ++done["open"];
    }

    /// @dev At the same prices, and but for what a settler was paid, the ratio has not fallen.
    function assertReduced(Settling memory c) private {
        ++done["reduce"];
        if (!c.atStored) return;
        Margin memory m = marginOf(c.order.account, Purpose.LIQUIDATE);
        if (c.order.kind != OrderKind.MARKET) {
            m.equityE18 += s.vault.cashOf(Accounts.numberOf(keeper, 0)) - c.cashE18;
        }
        if (c.margin.equityE18 <= 0) return;
        assertGe(
            m.equityE18 * int256(c.margin.maintenanceE18) + int256(c.margin.maintenanceE18) * 10,
            c.margin.equityE18 * int256(m.maintenanceE18),
            "reducing lowered the margin ratio"
        );
    }

    function start(uint256 id) private {
        tried("trigger", keeper, address(s.orders), abi.encodeCall(IOrders.trigger, (id)));
    }

    function expire(uint256 at) private {
        bytes memory data = abi.encodeCall(IOrders.expire, (pending[at]));
        Order memory o = s.orders.order(pending[at]);
        (bool success,) = tried("expire", keeper, address(s.orders), data);
        if (success) forget(at, o);
    }

    /// @notice Take back a stop that was not triggered, and end what is past its time.
    function giveUp(uint256 seed) external {
        if (pending.length == 0) return;
        uint256 at = seed % pending.length;
        Order memory o = s.orders.order(pending[at]);
        if (seed % 2 == 0 && o.dueMs != 0) pass(310);
        if (block.timestamp > o.expiresAtS) return expire(at);
        bytes memory data = abi.encodeCall(IOrders.expire, (pending[at]));
        address who = Accounts.ownerOf(o.account);
        if (o.dueMs != 0) return refused(who, address(s.orders), data);
        refused(attacker, address(s.orders), data);
        (bool success,) = tried("takeBack", who, address(s.orders), data);
        if (success) forget(at, o);
    }

    function forget(uint256 at, Order memory o) private {
        if (o.kind == OrderKind.MARKET) escrowE18 -= putDown(o);
        pending[at] = pending[pending.length - 1];
        pending.pop();
    }

    function putDown(Order memory o) private pure returns (uint256) {
        return (uint256(o.rewardE6) + o.failureE6) * 1e12;
    }

    function abs(int256 x) private pure returns (uint256) {
        return uint256(x < 0 ? -x : x);
    }
}
