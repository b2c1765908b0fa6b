// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Binding, JumpRule, Validity} from "../src/interfaces/IMarkOracle.sol";
import {AdaptersGas} from "./AdaptersGas.sol";
import {Draft} from "./ReportBuilder.sol";

/// @notice Gas of whole transactions: 21,000, calldata at 4 and 16, and execution on cold storage
/// that is not zero; of reads, what the call itself takes, above the cold access of the
/// account. contracts/gas.json holds the figures, with the bytes of calldata; `GAS_WRITE=1` rewrites it.
/// @dev Isolation makes every call from a test a transaction of its own, with what is warm
/// forgotten; the gas of the last one is then that of the transaction.
contract GasTest is AdaptersGas {
    string private constant FILE = "../gas.json";
    string private constant KEY = "gas";
    uint256 private constant ALL = type(uint256).max;

    /// @dev Markets in each group.
    uint256 private used = 4;
    string private measured;

    /// forge-config: default.isolate = true
    function test_gas_RisesByNoMoreThanAHundredth() public {
        // The default: a market's own rule would be one slot less to read.
        vm.prank(owner);
        oracle.setDefaultJumpRule(JumpRule({boundBps: 1000, reports: 2, holdMs: 2000}));

        used = 1;
        record("update_5of7_1group_1market", updateGas(draft(1, 0), 0, QUORUM), 60_000);
        used = 4;
        record("update_5of7_1group", updateGas(draft(1, 0), 0, QUORUM), 60_000);
        record("update_5of7_32", updateGas(draft(8, 0), ALL, QUORUM), 32 * 3400);
        record("update_5of7_100", updateGas(draft(25, 0), ALL, QUORUM), 100 * 2300);
        record("update_5of7_1group_of_25", updateGas(draft(25, 0), 12, QUORUM), 68_000);
        recordLastSigners();
        recordOffTheFastPath();
        recordLosses();
        recordNoop();
        recordVerify();
        recordReads();
        recordBytes();
        makeMembers(19);
        rotate(2, members, 13, 0);
        Draft memory d = draft(1, 0);
        d.epoch = 2;
        record("update_13of19_1group", updateGas(d, 0, 0x1fff), 100_000);
        record("update_13of19_1group_last", updateGas(d, 0, 0x1fff << 6), 100_000);
        recordAdapters();
        recordOutdated();

        keepOthers(vm.readFile(FILE));
        emit log_string(measured);
        if (vm.envOr("GAS_WRITE", false)) vm.writeJson(measured, FILE);
        compare(vm.readFile(FILE));
    }

    /// @dev What PerpGasTest records in the same file.
    function keepOthers(string memory recorded) private {
        string[] memory names = vm.parseJsonKeys(recorded, "$");
        for (uint256 i; i < names.length; ++i) {
            if (bytes5(bytes(names[i])) != "perp_") continue;
            uint256 value = vm.parseJsonUint(recorded, string.concat(".", names[i]));
            measured = vm.serializeUint(KEY, names[i], value);
        }
    }

    function compare(string memory recorded) private view {
        string[] memory names = vm.parseJsonKeys(measured, "$");
        assertEq(names.length, vm.parseJsonKeys(recorded, "$").length);
        for (uint256 i; i < names.length; ++i) {
            string memory name = string.concat(".", names[i]);
            uint256 limit = vm.parseJsonUint(recorded, name) * 101 / 100;
            assertLe(vm.parseJsonUint(measured, name), limit, name);
        }
    }

    /// @dev The worst places in the committee's list: each member passed over costs a little.
    function recordLastSigners() private {
        record("update_5of7_1group_last", updateGas(draft(1, 0), 0, QUORUM << 2), 60_000);
    }

    function recordOffTheFastPath() private {
        Draft memory d = draft(1, 0);
        start(d);
        moveAll(d, 5);
        record("update_5of7_1group_moved", sendGas(fullBody(d, QUORUM)), 90_000);
        start(d);
        moveAll(d, 50);
        record("update_5of7_1group_jumps", sendGas(fullBody(d, QUORUM)), 210_000);
        start(d);
        uint256 entry = d.words[0] % 2 ** 53;
        d.words[0] += (entry % 2 ** 27) / 2;
        record("update_5of7_1group_jump_held", sendGas(fullBody(d, QUORUM)), 100_000);
        skipS(2);
        d.words[0] += 2000 << 216;
        push(d);
        d.words[0] += 1 << 216;
        record("update_5of7_1group_jump_promoted", sendGas(fullBody(d, QUORUM)), 100_000);
    }

    /// @dev One price is lost, then all; HALTED goes on; then all are back.
    function recordLosses() private {
        Draft memory d = draft(1, 0);
        start(d);
        uint256 back = d.words[0] % 2 ** 212;
        d.words[0] = wordOf(nowMs(), 0, 0, 0, 0) | (d.words[0] % 2 ** 159) | (1 << 209);
        record("update_5of7_1group_lost_price", sendGas(fullBody(d, QUORUM)), 100_000);
        start(d);
        d.words[0] = nowMs() << 216;
        record("update_5of7_1group_all_lost", sendGas(fullBody(d, QUORUM)), 180_000);
        skipS(2);
        d.words[0] = nowMs() << 216;
        record("update_5of7_1group_halted", sendGas(fullBody(d, QUORUM)), 70_000);
        skipS(2);
        d.words[0] = (nowMs() << 216) | back;
        record("update_5of7_1group_recovered", sendGas(fullBody(d, QUORUM)), 90_000);
    }

    /// @dev A report of the epoch before, while it overlaps one that has bound a number.
    function recordOutdated() private {
        makeMembers(7);
        Draft memory d = draft(1, 0);
        d.epoch = oracle.currentEpoch() + 1;
        rotate(d.epoch, members, THRESHOLD, 0);
        start(d);
        Binding[] memory bindings = new Binding[](1);
        bindings[0] = Binding(4000, "NEW-USD");
        vm.prank(owner);
        oracle.setCommittee(d.epoch + 1, members, THRESHOLD, uint64(block.timestamp + 60), bindings);
        record("update_5of7_1group_outdated", sendGas(fullBody(d, QUORUM)), 80_000);
    }

    function moveAll(Draft memory d, uint256 percent) private pure {
        for (uint256 i; i < 4; ++i) {
            uint256 shift = 53 * i;
            d.words[0] -= (((d.words[0] >> shift) % 2 ** 27) * percent / 100) << shift;
        }
    }

    function recordNoop() private {
        Draft memory d = draft(1, 0);
        start(d);
        push(d);
        record("update_older_noop", sendGas(fullBody(d, QUORUM)), 32_000);
        Draft memory many = draft(25, 0);
        start(many);
        push(many);
        record("update_older_noop_100", sendGas(fullBody(many, QUORUM)), 120_000);
    }

    function recordVerify() private {
        Draft memory d = draft(1, 0);
        start(d);
        record(
            "verify_5of7_1group",
            callGas(abi.encodeCall(oracle.verify, (fullBody(d, QUORUM)))),
            60_000
        );
        d = draft(25, 0);
        start(d);
        bytes memory report = body(d, singleton(12), QUORUM);
        record("verify_5of7_1group_of_25", callGas(abi.encodeCall(oracle.verify, (report))), 70_000);
    }

    function recordReads() private {
        Draft memory d = draft(1, 0);
        start(d);
        push(d);
        oracle.usablePrice(3, 1 days);
        record("read_cold", vm.lastCallGas().gasTotalUsed, 3000);
        oracle.priceNoOlderNorWorse(3, 1 days, Validity.VALID);
        record("read_price_cold", vm.lastCallGas().gasTotalUsed, 3000);
        oracle.readMark(3);
        record("read_mark_cold", vm.lastCallGas().gasTotalUsed, 3000);
    }

    function recordAdapters() private {
        AdapterReads memory reads = measureAdapters(13);
        record("read_chainlink_cold", reads.chainlink, 8000);
        record("read_pyth_cold", reads.pyth, 12_500);
        record("read_erc7412_cold", reads.erc7412, 7000);
    }

    /// @dev Calldata of a transaction, with selector, offset and padding.
    function recordBytes() private {
        Draft memory d = draft(1, 0);
        start(d);
        record("bytes_5of7_1group", callBytes(fullBody(d, QUORUM)), 500);
        record("bytes_5of7_32", callBytes(fullBody(draft(8, 0), QUORUM)), 1000);
        record("bytes_5of7_100", callBytes(fullBody(draft(25, 0), QUORUM)), 1500);
        record("bytes_5of7_1group_of_25", callBytes(body(draft(25, 0), singleton(12), QUORUM)), 700);
    }

    function record(string memory name, uint256 value, uint256 limit) private {
        assertLe(value, limit, name);
        measured = vm.serializeUint(KEY, name, value);
    }

    /// @dev Store each group once, then measure the second update: of all groups, or of `only`.
    function updateGas(Draft memory d, uint256 only, uint256 signers) private returns (uint256) {
        start(d);
        bytes memory report =
            only < d.words.length ? body(d, singleton(only), signers) : fullBody(d, signers);
        uint256 gas = sendGas(report);
        if (only < d.words.length) assertEq(oracle.groupWord(only), d.words[only]);
        else assertEq(oracle.groupWord(d.words.length - 1), d.words[d.words.length - 1]);
        return gas;
    }

    /// @dev Store each group, and leave the next report in `d`.
    function start(Draft memory d) private {
        skipS(60);
        uint256 threshold = d.epoch == 2 ? 13 : THRESHOLD;
        // Jumps away from whatever was stored before are over.
        for (uint256 i; i < 4; ++i) {
            for (uint256 g; g < d.words.length; ++g) {
                d.words[g] = word(g, false);
            }
            oracle.update(fullBody(d, (1 << threshold) - 1));
            skipS(2);
        }
        for (uint256 g; g < d.words.length; ++g) {
            d.words[g] = word(g, true);
        }
        // No more zero bytes in the calldata than a report in service has.
        (d.slot, d.prevMs) = (uint64(block.timestamp * 1000), uint40(nowMs() - 400));
    }

    /// @dev A word of as many valid prices as are `used`, the other entries zero; `moved` by less
    /// than 1 %.
    function word(uint256 seed, bool moved) private view returns (uint256 packed) {
        packed = nowMs() << 216;
        for (uint256 i; i < used; ++i) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i)));
            uint256 mantissa = 3 * 10 ** 7 + draw % (6 * 10 ** 7);
            if (moved) mantissa = mantissa * (9900 + (draw >> 64) % 200) / 10_000;
            packed |= pricedEntry(mantissa, (draw >> 128) % 32, 6) << (53 * i);
        }
    }

    function sendGas(bytes memory report) private returns (uint256) {
        return callGas(abi.encodeCall(oracle.update, (report)));
    }

    function callGas(bytes memory data) private returns (uint256) {
        (bool success,) = address(oracle).call(data);
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        assertTrue(success);
        return gas;
    }

    function callBytes(bytes memory report) private view returns (uint256) {
        return abi.encodeCall(oracle.update, (report)).length;
    }
}
