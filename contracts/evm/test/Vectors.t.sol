// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Binding, EntryFault, IMarkOracle, Leaf, Validity} from "../src/interfaces/IMarkOracle.sol";
import {IReportErrors} from "../src/interfaces/IReportErrors.sol";
import {GroupWord} from "../src/report/GroupWord.sol";
import {ReportBuilder} from "./ReportBuilder.sol";

/// @notice The golden vectors, which the Python implementation wrote and is held to as well.
contract VectorsTest is ReportBuilder {
    using GroupWord for uint256;

    uint256 private constant MAX_CONF_E8 = 245_760_000;
    uint256 private constant MAX_PREMIUM_E8 = 208_076_800;
    uint8 private constant THRESHOLD = 5;
    uint256 private constant ORIGIN_MS = 1_577_836_800_000;

    string private json;
    IMarkOracle[] private oracles;

    function setUp() public {
        json = vm.readFile("../../tests/vectors/report.json");
        // An hour after the words' time, so that none lies in the future.
        vm.warp(vm.parseJsonUint(json, ".words[0].time_ms") / 1000 + 3600);
        for (uint256 i; vm.keyExistsJson(json, at("members", i, "")); ++i) {
            members.push(vm.parseJsonAddress(json, at("members", i, ".address")));
            uint256 key = vm.parseJsonUint(json, at("members", i, ".private_key"));
            assertEq(vm.addr(key), members[i], "members[].private_key");
        }
        for (uint256 i; vm.keyExistsJson(json, at("deployments", i, "")); ++i) {
            oracles.push(deploy(i));
        }
    }

    function test_deployments_HaveTheirSaltAndDomain() public view {
        for (uint256 i; i < oracles.length; ++i) {
            bytes32 salt = vm.parseJsonBytes32(json, at("deployments", i, ".salt"));
            bytes32 separator = vm.parseJsonBytes32(json, at("deployments", i, ".domain_separator"));
            assertEq(oracles[i].SALT(), salt);
            assertEq(oracles[i].DOMAIN_SEPARATOR(), separator);
        }
    }

    function test_reports_AreVerifiedAndStored() public {
        uint256 i;
        for (; vm.keyExistsJson(json, at("reports", i, "")); ++i) {
            checkReport(i);
        }
        assertGt(i, 0);
    }

    function test_rejects_RevertAsNamed() public {
        uint256 i;
        for (; vm.keyExistsJson(json, at("rejects", i, "")); ++i) {
            IMarkOracle oracle = deploy(vm.parseJsonUint(json, at("rejects", i, ".deployment")));
            bytes memory report = vm.parseJsonBytes(json, at("rejects", i, ".body"));
            string memory name = vm.parseJsonString(json, at("rejects", i, ".name"));
            string memory error = vm.parseJsonString(json, at("rejects", i, ".error"));
            bytes4 expected = selectorOf(error);

            (bool updated, bytes memory why) =
                address(oracle).call(abi.encodeCall(oracle.update, (report)));
            assertFalse(updated, name);
            assertEq(bytes4(why), expected, string.concat("update: ", name));
            (bool verified, bytes memory whyNot) =
                address(oracle).call(abi.encodeCall(oracle.verify, (report)));
            assertFalse(verified, name);
            assertEq(bytes4(whyNot), expected, string.concat("verify: ", name));
        }
        assertGt(i, 0);
    }

    /// @notice Entries decode to the price, confidence and premium they were made of.
    function test_entries_DecodeToWhatTheyWereMadeOf() public view {
        uint256 i;
        for (; vm.keyExistsJson(json, at("entries", i, "")); ++i) {
            checkEntry(i);
        }
        assertGt(i, 0);
    }

    function test_words_AreTheirEntriesAndTime() public view {
        uint256 i;
        for (; vm.keyExistsJson(json, at("words", i, "")); ++i) {
            string[] memory entries = vm.parseJsonStringArray(json, at("words", i, ".entries"));
            uint256 word = wordOf(
                vm.parseJsonUint(json, at("words", i, ".time_ms")) - ORIGIN_MS,
                vm.parseUint(entries[0]),
                vm.parseUint(entries[1]),
                vm.parseUint(entries[2]),
                vm.parseUint(entries[3])
            );
            assertEq(word, vm.parseJsonUint(json, at("words", i, ".word")));
        }
        assertGt(i, 0);
    }

    function checkReport(uint256 i) private {
        IMarkOracle oracle = deploy(vm.parseJsonUint(json, at("reports", i, ".deployment")));
        bytes memory report = vm.parseJsonBytes(json, at("reports", i, ".body"));
        string memory name = vm.parseJsonString(json, at("reports", i, ".name"));
        (uint32 epoch, uint64 slot, bytes32 inputsRoot, Leaf[] memory leaves) =
            oracle.verify(report);
        assertEq(epoch, vm.parseJsonUint(json, at("reports", i, ".epoch")), name);
        assertEq(slot, vm.parseJsonUint(json, at("reports", i, ".slot")), name);
        assertEq(inputsRoot, vm.parseJsonBytes32(json, at("reports", i, ".inputs_root")), name);

        uint256[] memory carried = vm.parseJsonUintArray(json, at("reports", i, ".carried"));
        assertEq(leaves.length, carried.length, name);
        assertEq(oracle.update(report), carried.length, name);
        for (uint256 j; j < carried.length; ++j) {
            string memory leaf = string.concat(at("reports", i, ""), at("leaves", carried[j], ""));
            uint256 word = vm.parseJsonUint(json, string.concat(leaf, ".word"));
            uint256 prevUnixMs = vm.parseJsonUint(json, string.concat(leaf, ".prev_ms"));
            uint256 prevMs = prevUnixMs == 0 ? 0 : prevUnixMs - ORIGIN_MS;
            assertEq(leaves[j].group, carried[j], name);
            assertEq(leaves[j].prevMs, prevMs, name);
            assertEq(leaves[j].word, word, name);
            assertEq(oracle.groupWord(carried[j]), word, name);
        }
        assertEq(oracle.update(report), 0, name);
    }

    function checkEntry(uint256 i) private view {
        uint256 entry = vm.parseJsonUint(json, at("entries", i, ".entry"));
        uint256 validity = vm.parseJsonUint(json, at("entries", i, ".validity"));
        assertEq(uint256(entry.validity()), validity);
        assertEq(uint256(entry.fault()), uint256(EntryFault.NONE));
        assertEq(entry.priced(), validity > uint256(Validity.STALE));
        if (!entry.priced()) return;

        uint256 mantissa = vm.parseJsonUint(json, at("entries", i, ".price_mantissa"));
        int256 exponent = vm.parseJsonInt(json, at("entries", i, ".price_exponent"));
        uint256 priceE18 = mantissa * 10 ** uint256(exponent + 18);
        // Eight significant digits: off by at most half of the last.
        assertApproxEqAbs(entry.priceE18(), priceE18, priceE18 / (2 * 10 ** 7));

        // 0.1 bps are 1,000 e8. Rounded up, in steps of at most an eighth.
        uint256 confE8 = vm.parseJsonUint(json, at("entries", i, ".conf_e8"));
        uint256 decodedE8 = uint256(entry.confidenceBpsE1()) * 1000;
        assertGe(decodedE8, confE8 < MAX_CONF_E8 ? confE8 : MAX_CONF_E8);
        assertLe(decodedE8, confE8 + confE8 / 8 + 999);
        checkPremium(entry, at("entries", i, ".premium_e8"));
    }

    function checkPremium(uint256 entry, string memory path) private view {
        (bool known, int32 premium) = entry.premiumBpsE2();
        if (keccak256(bytes(vm.parseJsonString(json, path))) == keccak256("null")) {
            assertFalse(known);
            assertEq(premium, 0);
            return;
        }
        assertTrue(known);
        // 0.01 bps are 100 e8. Rounded towards zero, in steps of at most a 64th.
        int256 premiumE8 = vm.parseJsonInt(json, path);
        uint256 size = vm.parseUint(vm.toString(premiumE8 < 0 ? -premiumE8 : premiumE8));
        uint256 limited = size < MAX_PREMIUM_E8 ? size : MAX_PREMIUM_E8;
        int256 decodedE8 = int256(premium) * 100;
        assertTrue(decodedE8 == 0 || (decodedE8 < 0) == (premiumE8 < 0));
        uint256 decoded = vm.parseUint(vm.toString(decodedE8 < 0 ? -decodedE8 : decodedE8));
        assertLe(decoded, limited);
        assertGe(decoded + decoded / 64 + 100, limited);
    }

    function selectorOf(string memory error) private pure returns (bytes4) {
        bytes32 name = keccak256(bytes(error));
        if (name == keccak256("BadLength")) return IReportErrors.BadLength.selector;
        if (name == keccak256("UnknownVersion")) return IReportErrors.UnknownVersion.selector;
        if (name == keccak256("UnknownEpoch")) return IReportErrors.UnknownEpoch.selector;
        if (name == keccak256("WrongSignerCount")) return IReportErrors.WrongSignerCount.selector;
        if (name == keccak256("BadSignature")) return IReportErrors.BadSignature.selector;
        if (name == keccak256("GroupOrder")) return IReportErrors.GroupOrder.selector;
        if (name == keccak256("TooManyGroups")) return IReportErrors.TooManyGroups.selector;
        if (name == keccak256("FutureTime")) return IReportErrors.FutureTime.selector;
        if (name == keccak256("PauseBitsSet")) return IReportErrors.PauseBitsSet.selector;
        revert(string.concat("no such error: ", error));
    }

    function deploy(uint256 i) private returns (IMarkOracle oracle) {
        oracle = deployOracle(
            vm.parseJsonString(json, at("deployments", i, ".network")),
            vm.parseJsonAddress(json, at("deployments", i, ".home_governor")),
            vm.parseJsonUint(json, at("deployments", i, ".nonce")),
            0,
            address(this)
        );
        oracle.setCommittee(1, members, THRESHOLD, 0, new Binding[](0));
    }

    function at(string memory list, uint256 i, string memory field)
        private
        pure
        returns (string memory)
    {
        return string.concat(".", list, "[", vm.toString(i), "]", field);
    }
}
