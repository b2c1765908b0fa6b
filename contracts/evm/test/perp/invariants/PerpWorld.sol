// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle, Mark, Validity} from "../../../src/interfaces/IMarkOracle.sol";
import {ILiquidator} from "../../../src/perp/interfaces/ILiquidator.sol";
import {ILiquidityPool} from "../../../src/perp/interfaces/ILiquidityPool.sol";
import {IOrders} from "../../../src/perp/interfaces/IOrders.sol";
import {IPerpEngine, Margin} from "../../../src/perp/interfaces/IPerpEngine.sol";
import {IRiskParameters, Scope} from "../../../src/perp/interfaces/IRiskParameters.sol";
import {IVault, Purpose} from "../../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../../src/perp/lib/Accounts.sol";
import {Fields} from "../../../src/perp/lib/Fields.sol";
import {Draft, ReportBuilder} from "../../ReportBuilder.sol";
import {TestToken} from "../PerpFixture.sol";

/// @notice The contracts under test, and who governs them.
struct System {
    IMarkOracle oracle;
    IRiskParameters params;
    IVault vault;
    IPerpEngine engine;
    IOrders orders;
    ILiquidator liquidator;
    ILiquidityPool pool;
    TestToken usd;
    TestToken[3] tokens;
    address owner;
    address guardian;
}

/// @notice What all actions share: actors, prices, reports signed once each, and what is counted.
/// @dev The committee is one member: who signs is tested elsewhere, and here it would only take time.
abstract contract PerpWorld is ReportBuilder {
    uint256 internal constant ORIGIN_MS = 1_577_836_800_000;
    uint256 internal constant BTC = 0;
    uint256 internal constant ETH = 1;
    uint256 internal constant MARKETS = 2;
    uint256 internal constant ACTORS = 3;
    uint32 internal constant EPOCH = 3;
    /// @dev What each account begins with.
    uint256 private constant START_USD = 150_000;
    bytes4 private constant PANIC = 0x4e487b71;

    System internal s;
    address internal keeper = makeAddr("keeper");
    address internal attacker = makeAddr("attacker");
    address[ACTORS] internal actors;
    /// @dev Every account that can have a row: each actor's cross and isolated one, the keeper's, the
    /// attacker's.
    uint256[] internal accounts;

    uint256[MARKETS] internal priceE18;
    Validity[MARKETS] internal validity;
    uint256 internal premiumCode;
    /// @dev The last report's time (unix ms).
    uint256 internal reportMs;

    /// @notice How often each action did what it is for.
    mapping(string action => uint256) public done;
    /// @dev Markets in which a loss was ever shared: their indices are no mirror images any more.
    mapping(uint256 market => bool) public lossShared;

    constructor(System memory system) {
        s = system;
        domain = system.oracle.DOMAIN_SEPARATOR();
        makeMembers(1);
        (priceE18[BTC], priceE18[ETH]) = (60_000e18, 3000e18);
        (validity[BTC], validity[ETH]) = (Validity.VALID, Validity.VALID);
        string[ACTORS] memory names = ["ann", "ben", "cid"];
        for (uint256 i; i < ACTORS; ++i) {
            actors[i] = makeAddr(names[i]);
            accounts.push(Accounts.numberOf(actors[i], 0));
            accounts.push(Accounts.numberOf(actors[i], 1));
            _approve(actors[i]);
            system.usd.mint(actors[i], 2 * START_USD * 1e6);
            for (uint96 sub; sub < 2; ++sub) {
                vm.prank(actors[i]);
                system.vault.deposit(Accounts.numberOf(actors[i], sub), 0, START_USD * 1e6);
            }
        }
        accounts.push(Accounts.numberOf(keeper, 0));
        accounts.push(Accounts.numberOf(attacker, 0));
        _approve(keeper);
        _approve(attacker);
    }

    function member() external view returns (address) {
        return members[0];
    }

    function allAccounts() external view returns (uint256[] memory) {
        return accounts;
    }

    // Reports.

    /// @dev Sign a report of what prices are.
    function signed(uint256 timeMs, uint256 prevMs) internal view returns (bytes memory) {
        Draft memory d;
        d.epoch = EPOCH;
        d.slot = uint64(timeMs / 400);
        d.prevMs = uint40(prevMs - ORIGIN_MS);
        d.words = new uint256[](2);
        uint256 eth = entryOf(ETH);
        uint256 index = priced(priceE18[ETH], Validity.VALID);
        d.words[0] = wordOf(timeMs - ORIGIN_MS, entryOf(BTC), eth, index, index);
        index = priced(priceE18[BTC], Validity.VALID);
        d.words[1] = wordOf(timeMs - ORIGIN_MS, index, index, 0, 0);
        return fullBody(d, 1);
    }

    function entryOf(uint256 market) private view returns (uint256) {
        Validity v = validity[market];
        if (v <= Validity.MISSING) return bareEntry(uint256(v));
        return priced(priceE18[market], v) | (premiumCode << 39);
    }

    function priced(uint256 e18, Validity v) private pure returns (uint256) {
        uint256 exponent;
        while (e18 >= 10 ** 8) {
            e18 /= 10;
            ++exponent;
        }
        return e18 | (exponent << 27) | (5 << 32) | (uint256(v) << 50);
    }

    /// @dev Store a report of now.
    function store() internal {
        uint256 timeMs = block.timestamp * 1000;
        if (timeMs <= reportMs) return;
        s.oracle.update(signed(timeMs, timeMs - 1));
        reportMs = timeMs;
    }

    function pass(uint256 seconds_) internal {
        vm.warp(block.timestamp + seconds_);
        vm.roll(block.number + 1 + seconds_ / 12);
    }

    // Reading.

    function accountAt(uint256 seed) internal view returns (uint256) {
        return accounts[seed % (2 * ACTORS)];
    }

    function marginOf(uint256 account, Purpose purpose) internal view returns (Margin memory) {
        return s.engine.marginOf(account, purpose);
    }

    function isBelow(uint256 account) internal view returns (bool) {
        if (s.engine.marketsOf(account).length == 0) return false;
        Margin memory m = marginOf(account, Purpose.LIQUIDATE);
        return m.equityE18 < int256(m.maintenanceE18);
    }

    /// @dev The first account from a random one on that is below its maintenance margin; 0 for none.
    function accountBelow(uint256 seed) internal view returns (uint256) {
        for (uint256 i; i < 2 * ACTORS; ++i) {
            uint256 account = accountAt(seed % 6 + i);
            if (isBelow(account)) return account;
        }
        return 0;
    }

    function assertInitialMargin(uint256 account) internal view {
        Margin memory m = marginOf(account, Purpose.PERMIT);
        assertTrue(m.complete, "margin unknown");
        assertGe(m.equityE18, int256(m.initialE18), "below initial margin");
    }

    /// @dev The stored mark is what an action at it needs: neither old, nor paused, nor halted.
    function assertLive(uint256 market, Validity least) internal view {
        Mark memory mark = s.oracle.readMark(market);
        assertFalse(mark.paused, "acted on a paused market");
        assertGe(uint256(mark.validity), uint256(least), "acted on a bad mark");
        uint256 maxAgeMs = s.params.value(Scope.MARKET, market, Fields.MAX_AGE_MS);
        assertLe(block.timestamp * 1000, mark.priceTimeMs + maxAgeMs, "acted on an old mark");
    }

    // Calling.

    /// @dev Call as somebody. That it may be refused is part of the game; that it panics is not.
    function tried(string memory action, address who, address to, bytes memory data)
        internal
        returns (bool success, bytes memory answer)
    {
        vm.prank(who);
        (success, answer) = to.call(data);
        if (success) ++done[action];
        else assertTrue(bytes4(answer) != PANIC && answer.length >= 4, "panic, or no reason");
    }

    /// @dev Call as somebody who may not.
    function refused(address who, address to, bytes memory data) internal {
        vm.prank(who);
        (bool success,) = to.call(data);
        assertFalse(success, "an attacker was let in");
    }

    function _approve(address who) private {
        vm.startPrank(who);
        for (uint256 i; i < 3; ++i) {
            s.tokens[i].approve(address(s.vault), type(uint256).max);
        }
        s.usd.approve(address(s.pool), type(uint256).max);
        vm.stopPrank();
    }
}
