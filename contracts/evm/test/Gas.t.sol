// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {OracleFixture} from "./OracleFixture.sol";
import {Draft} from "./ReportBuilder.sol";

/// @notice Gas of whole transactions: 21,000, calldata at 4 and 16, and execution on cold storage
/// that is not zero; for `read_cold`, a call within a transaction that reads its slot first.
/// contracts/gas.json holds the figures; `GAS_WRITE=1` rewrites it.
/// @dev Isolation makes every call from a test a transaction of its own, with what is warm
/// forgotten; the gas of the last one is then that of the transaction.
contract GasTest is OracleFixture {
    string private constant FILE = "../gas.json";
    string private constant KEY = "gas";

    /// @dev Markets in each group.
    uint256 private used = 4;

    /// forge-config: default.isolate = true
    function test_gas_IsAsRecorded() public {
        used = 1;
        uint256 oneMarket = _update(draft(1, 0), 0);
        used = 4;
        uint256 oneGroup = _update(draft(1, 0), 0);
        uint256 of32 = _update(draft(8, 0), type(uint256).max);
        uint256 of100 = _update(draft(25, 0), type(uint256).max);
        uint256 oneOf25 = _update(draft(25, 0), 12);
        oracle.readMark(3);
        uint256 readCold = vm.lastCallGas().gasTotalUsed;

        assertLe(oneGroup, 60_000);
        assertLe(oneMarket, 60_000);
        assertLe(of32, 32 * 3400);
        assertLe(of100, 100 * 2300);

        vm.serializeUint(KEY, "update_5of7_1group", oneGroup);
        vm.serializeUint(KEY, "update_5of7_1group_1market", oneMarket);
        vm.serializeUint(KEY, "update_5of7_32", of32);
        vm.serializeUint(KEY, "update_5of7_100", of100);
        vm.serializeUint(KEY, "update_5of7_1group_of_25", oneOf25);
        string memory measured = vm.serializeUint(KEY, "read_cold", readCold);
        emit log_string(measured);
        if (vm.envOr("GAS_WRITE", false)) vm.writeJson(measured, FILE);
        string[] memory names = vm.parseJsonKeys(measured, "$");
        string memory recorded = vm.readFile(FILE);
        for (uint256 i; i < names.length; ++i) {
            string memory name = string.concat(".", names[i]);
            assertEq(vm.parseJsonUint(measured, name), vm.parseJsonUint(recorded, name), name);
        }
    }

    /// @dev A word of as many valid prices as are `used`, the other entries zero; `moved` by less
    /// than 1 %.
    function _word(uint256 seed, bool moved) private view returns (uint256 word) {
        word = nowMs() << 216;
        for (uint256 i; i < used; ++i) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i)));
            uint256 mantissa = 2 * 10 ** 7 + draw % (7 * 10 ** 7);
            if (moved) mantissa = mantissa * (9900 + (draw >> 64) % 200) / 10_000;
            word |= pricedEntry(mantissa, (draw >> 128) % 32, 6) << (53 * i);
        }
    }

    /// @dev Store each group once, then measure the second update: of all groups, or of `only`.
    function _update(Draft memory d, uint256 only) private returns (uint256) {
        skipS(60);
        for (uint256 g; g < d.words.length; ++g) {
            d.words[g] = _word(g, false);
        }
        push(d);
        skipS(1);
        for (uint256 g; g < d.words.length; ++g) {
            d.words[g] = _word(g, true);
        }
        bytes memory report =
            only < d.words.length ? body(d, singleton(only), QUORUM) : fullBody(d, QUORUM);
        uint256 accepted = oracle.update(report);
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        assertEq(accepted, only < d.words.length ? 1 : d.words.length);
        return gas;
    }
}
