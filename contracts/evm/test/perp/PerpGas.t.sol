// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {OrderEnd, OrderKind} from "../../src/perp/interfaces/IOrders.sol";
import {Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {PerpFixture, TestToken} from "./PerpFixture.sol";

/// @notice Gas of whole transactions, as GasTest has it: 21,000, calldata at 4 and 16, execution on
/// cold storage, refunds taken off. The account has a position in each of two markets, cash and two
/// collaterals; reports are of 5 of 7 and carry one group of eight, but for liquidations, which
/// carry the group of their market. contracts/gas.json holds the figures with those of GasTest;
/// `GAS_WRITE=1` rewrites them.
/// @dev Isolation makes every call from a test a transaction of its own.
contract PerpGasTest is PerpFixture {
    string private constant FILE = "../gas.json";
    string private constant KEY = "perp";
    uint256 private constant FIRST_MORE_MARKET = 6;
    uint256 private constant SETTLE_LIMIT = 300_000;
    uint256 private constant LIQUIDATE_LIMIT = 425_000;

    string private measured;
    uint256 private account;

    function setUp() public override {
        super.setUp();
        account = cross(alice);
        fund(account, 40_000);
        fundEther(account, 5e18);
        fundBitcoin(account, 0.2e8);
        // Somebody else is in each market, and the keeper has had a reward before.
        fund(cross(bob), 1_000_000);
        fund(cross(keeper), 1000);
        trade(cross(bob), BTC, -3e18);
        trade(cross(bob), ETH, 30e18);
        trade(account, BTC, 2e18);
        trade(account, ETH, -10e18);
    }

    /// forge-config: default.isolate = true
    function test_gas_OfAnAccountsLife() public {
        recordCommit();
        recordSettle();
        recordVault();
        recordFunding();
        recordSlopes();
        recordLiquidate();
        emit log_string(measured);
        writeAndCompare();
    }

    function recordCommit() private {
        skipS(60);
        store();
        record("perp_commit", commitGas(OrderKind.MARKET, 0.1e18), 325_000);
        record("perp_commit_reduce", commitGas(OrderKind.REDUCE_ONLY, -0.1e18), 180_000);
    }

    function recordSettle() private {
        record("perp_settle", settleGas(OrderKind.MARKET, 0.1e18), SETTLE_LIMIT);
        record("perp_settle_reduce", settleGas(OrderKind.REDUCE_ONLY, -0.1e18), 350_000);
    }

    function recordVault() private {
        skipS(2);
        store();
        usd.mint(alice, 1000e6);
        vm.startPrank(alice);
        usd.approve(address(vault), type(uint256).max);
        bytes memory data = abi.encodeCall(vault.deposit, (account, 0, 500e6));
        record("perp_deposit", sendGas(address(vault), data), 100_000);
        data = abi.encodeCall(vault.withdraw, (account, 0, 100e6, alice));
        record("perp_withdraw", sendGas(address(vault), data), 250_000);
        data = abi.encodeCall(vault.withdraw, (account, ETHER, 0.1e18, alice));
        record("perp_withdraw_collateral", sendGas(address(vault), data), 280_000);
        vm.stopPrank();
    }

    function recordFunding() private {
        skipS(60);
        store();
        record(
            "perp_funding", sendGas(address(engine), abi.encodeCall(engine.accrue, (BTC))), 95_000
        );
    }

    /// @dev What each further position, and each further collateral, adds to settling.
    function recordSlopes() private {
        uint256 base = settleGas(OrderKind.MARKET, 0.1e18);
        for (uint256 i; i < 2; ++i) {
            uint256 market = FIRST_MORE_MARKET + i;
            vm.prank(owner);
            params.list(Scope.MARKET, market, ethDefaults(market));
            trade(account, market, 1e18);
        }
        uint256 more = settleGas(OrderKind.MARKET, 0.1e18);
        record("perp_settle_per_position", (more - base) / 2, 60_000);
        TestToken token = new TestToken("MORE", 18);
        vm.startPrank(owner);
        uint256 collateral = vault.listCollateral(token);
        params.list(Scope.COLLATERAL, collateral, etherDefaults(collateral, 12, 13));
        vm.stopPrank();
        give(account, collateral, token, 10e18);
        base = settleGas(OrderKind.MARKET, 0.1e18);
        record("perp_settle_per_collateral", base - more, 60_000);
        vm.prank(alice);
        vault.withdraw(account, collateral, 10e18, alice);
        for (uint256 i; i < 2; ++i) {
            reduce(account, FIRST_MORE_MARKET + i, -1e18);
        }
    }

    function recordLiquidate() private {
        vm.roll(block.number + 1);
        skipS(2);
        setPrice(BTC, 32_400e18);
        bytes memory report = reportOf(0, block.timestamp * 1000, block.timestamp * 1000 - 400);
        vm.startPrank(keeper);
        bytes memory data = abi.encodeCall(liquidator.liquidate, (account, BTC, report));
        record("perp_liquidate", sendGas(address(liquidator), data), LIQUIDATE_LIMIT);
        vm.stopPrank();
        assertGt(sizeOf(account, BTC), 0);
    }

    function commitGas(OrderKind kind, int256 sizeDeltaE18) private returns (uint256) {
        bytes memory data =
            abi.encodeCall(orders.commit, (account, BTC, kind, sizeDeltaE18, 0, 0, 0));
        vm.prank(alice);
        return sendGas(address(orders), data);
    }

    /// @dev The mark is stored already, as it is in service; the report is carried along to decide.
    function settleGas(OrderKind kind, int256 sizeDeltaE18) private returns (uint256) {
        skipS(60);
        store();
        uint256 id = commit(account, BTC, kind, sizeDeltaE18);
        uint256 dueMs = block.timestamp * 1000 + MAX_FUTURE_MS + 1000;
        skipS(4);
        store();
        bytes memory report = reportOf(0, block.timestamp * 1000, dueMs - 1);
        bytes memory data = abi.encodeCall(orders.settle, (id, report));
        vm.prank(keeper);
        return sendGas(address(orders), data);
    }

    function sendGas(address to, bytes memory data) private returns (uint256 gas) {
        (bool success, bytes memory answer) = to.call(data);
        gas = vm.lastCallGas().gasTotalUsed;
        if (!success) {
            assembly {
                revert(add(answer, 0x20), mload(answer))
            }
        }
        if (to == address(orders) && bytes4(data) == orders.settle.selector) {
            assertEq(uint256(abi.decode(answer, (OrderEnd))), uint256(OrderEnd.FILLED));
        }
    }

    function record(string memory name, uint256 value, uint256 limit) private {
        emit log_named_uint(name, value);
        assertLe(value, limit, name);
        measured = vm.serializeUint(KEY, name, value);
    }

    /// @dev Those of GasTest stay as they are.
    function writeAndCompare() private {
        string memory recorded = vm.readFile(FILE);
        string[] memory names = vm.parseJsonKeys(measured, "$");
        if (vm.envOr("GAS_WRITE", false)) {
            string memory all = vm.serializeJson("all", recorded);
            for (uint256 i; i < names.length; ++i) {
                uint256 value = vm.parseJsonUint(measured, string.concat(".", names[i]));
                all = vm.serializeUint("all", names[i], value);
            }
            vm.writeJson(all, FILE);
            return;
        }
        for (uint256 i; i < names.length; ++i) {
            string memory name = string.concat(".", names[i]);
            // Until it is recorded for the first time, its limit is all.
            if (!vm.keyExistsJson(recorded, name)) continue;
            uint256 most = vm.parseJsonUint(recorded, name) * 101 / 100;
            assertLe(vm.parseJsonUint(measured, name), most, name);
        }
    }
}
