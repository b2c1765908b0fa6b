// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommittee} from "../src/interfaces/ICommittee.sol";
import {EntryFault, IMarkOracle, Leaf, Mark, Validity} from "../src/interfaces/IMarkOracle.sol";
import {IReportErrors} from "../src/interfaces/IReportErrors.sol";
import {OracleFixture} from "./OracleFixture.sol";
import {Draft} from "./ReportBuilder.sol";

contract MarkOracleTest is OracleFixture {
    uint256 private constant PRICED = 6;

    // ---- what is stored

    function test_update_StoresSignedWordsAndEmitsThem() public {
        Draft memory d = draft(2, nowMs());
        bytes memory report = fullBody(d, QUORUM);
        bytes memory groups = abi.encodePacked(uint16(0), d.words[0], uint16(1), d.words[1]);
        vm.expectEmit(address(oracle));
        emit IMarkOracle.Updated(d.slot, groups);
        assertEq(oracle.update(report), 2);
        assertEq(oracle.groupWord(0), d.words[0]);
        assertEq(oracle.groupWord(1), d.words[1]);
    }

    /// @notice The event is the ABI's to the byte: zeros follow the groups, whatever memory held.
    function testFuzz_update_EmitsCleanBytes(uint8 size) public {
        Draft memory d = draft(bound(size, 1, 64), nowMs());
        bytes memory groups;
        for (uint256 g; g < d.words.length; ++g) {
            groups = abi.encodePacked(groups, uint16(g), d.words[g]);
        }
        bytes memory report = fullBody(d, QUORUM);
        vm.recordLogs();
        oracle.update(report);
        assertEq(vm.getRecordedLogs()[0].data, abi.encode(d.slot, groups));
    }

    /// @notice Any subset of any tree, signed by any quorum, stores exactly what it carries.
    function testFuzz_update_StoresWhatItCarries(uint256 seed, uint8 size, uint256 subset) public {
        Draft memory d = draft(bound(size, 1, 33), nowMs());
        uint256[] memory carried = pick(d.words.length, subset);
        uint256 signers = quorumFrom(seed);
        assertEq(oracle.update(body(d, carried, signers)), carried.length);
        uint256 next;
        for (uint256 g; g < d.words.length; ++g) {
            bool sent = next < carried.length && carried[next] == g;
            assertEq(oracle.groupWord(g), sent ? d.words[g] : 0);
            if (sent) ++next;
        }
    }

    function test_update_OfTheLargestTreeStoresItsLastGroup() public {
        Draft memory d = draft(1024, nowMs());
        assertEq(oracle.update(body(d, singleton(1023), QUORUM)), 1);
        assertEq(oracle.groupWord(1023), d.words[1023]);
    }

    function testFuzz_update_TakesOnlyNewerGroups(uint40 first, uint40 second) public {
        uint256 limit = nowMs() + MAX_FUTURE_MS;
        Draft memory a = draftOf(pricedWord(bound(first, 1, limit), 1));
        Draft memory b = draftOf(pricedWord(bound(second, 1, limit), 2));
        push(a);
        bool newer = b.words[0] >> 216 > a.words[0] >> 216;
        assertEq(push(b), newer ? 1 : 0);
        assertEq(oracle.groupWord(0), newer ? b.words[0] : a.words[0]);
    }

    function test_update_TakesTheNewerGroupsOfAMixedReport() public {
        Draft memory d = draft(3, nowMs());
        push(d);
        uint256 kept = d.words[1];
        skipS(1);
        d.words[0] = pricedWord(nowMs(), 7);
        d.words[1] = pricedWord(nowMs() - 1000, 8);
        d.words[2] = pricedWord(nowMs(), 9);
        assertEq(push(d), 2);
        assertEq(oracle.groupWord(0), d.words[0]);
        assertEq(oracle.groupWord(1), kept);
        assertEq(oracle.groupWord(2), d.words[2]);
    }

    /// @notice A replay costs no signature check: not even the committee need still be valid.
    function test_update_OfAReplaySucceedsAfterItsEpochEnded() public {
        bytes memory report = fullBody(draft(2, nowMs()), QUORUM);
        oracle.update(report);
        rotate(2, members, THRESHOLD, 0);
        vm.recordLogs();
        assertEq(oracle.update(report), 0);
        assertEq(vm.getRecordedLogs().length, 0);
    }

    // ---- HALTED, MISSING and bad entries

    function test_update_KeepsThePriceAndItsTimeWhenHalted() public {
        uint256 pricedAt = nowMs();
        push(draftOf(wordOf(pricedAt, pricedEntry(12_345_678, 18, PRICED), 0, 0, 0)));
        for (uint256 status; status < 2; ++status) {
            skipS(1);
            push(draftOf(wordOf(nowMs(), bareEntry(status), 0, 0, 0)));
            Mark memory mark = oracle.readMark(0);
            assertEq(mark.priceE18, 12_345_678e18);
            assertEq(mark.priceTimeMs, pricedAt + ORIGIN_MS);
            assertEq(mark.statusTimeMs, nowMs() + ORIGIN_MS);
            assertEq(uint256(mark.validity), status);
            assertFalse(mark.premiumKnown);
        }
        skipS(1);
        push(draftOf(wordOf(nowMs(), pricedEntry(87_654_321, 18, PRICED), 0, 0, 0)));
        assertEq(oracle.readMark(0).priceE18, 87_654_321e18);
        assertEq(oracle.readMark(0).priceTimeMs, nowMs() + ORIGIN_MS);
    }

    function test_readMark_OfAMarketNeverPricedHasNoTimes() public {
        Mark memory mark = oracle.readMark(5);
        assertEq(mark.priceE18 + mark.priceTimeMs + mark.statusTimeMs, 0);
        assertEq(uint256(mark.validity), uint256(Validity.HALTED));
        push(draftOf(wordOf(nowMs(), bareEntry(1), 0, 0, 0)));
        mark = oracle.readMark(0);
        assertEq(mark.priceE18 + mark.priceTimeMs, 0);
        assertEq(mark.statusTimeMs, nowMs() + ORIGIN_MS);
    }

    /// @notice Every one of the 2^53 entries is taken as signed if it keeps the format's rules, and
    /// as MISSING, with an event, if not; those beside it are taken either way.
    function testFuzz_update_TakesBadEntriesAsMissing(uint256 entry, uint256 position) public {
        entry = bound(entry, 0, (1 << 53) - 1);
        checkEntry(entry, position % 4);
    }

    function test_update_JudgesEntriesAtTheEdgesOfTheRules() public {
        uint256[5] memory mantissas = [uint256(0), 1, 9_999_999, 10_000_000, 99_999_999];
        for (uint256 validity; validity < 8; ++validity) {
            for (uint256 exponent; exponent < 3; ++exponent) {
                for (uint256 i; i < 5; ++i) {
                    uint256 snapshot = vm.snapshotState();
                    checkEntry(mantissas[i] | (exponent << 27) | (validity << 50), i % 4);
                    vm.revertToState(snapshot);
                    checkEntry((mantissas[i] + 1) | (exponent << 27) | (validity << 50), 3);
                    vm.revertToState(snapshot);
                }
            }
        }
    }

    function checkEntry(uint256 entry, uint256 position) private {
        uint256 others = pricedWord(0, 99) & ~(((1 << 53) - 1) << (53 * position));
        uint256 word = others | (entry << (53 * position)) | (nowMs() << 216);
        EntryFault fault = faultOf(entry);
        if (fault != EntryFault.NONE) {
            vm.expectEmit(address(oracle));
            emit IMarkOracle.EntryRejected(position, fault, entry);
        }
        vm.recordLogs();
        assertEq(push(draftOf(word)), 1);
        assertEq(vm.getRecordedLogs().length, fault == EntryFault.NONE ? 1 : 2);
        uint256 taken = fault == EntryFault.NONE ? entry : bareEntry(1);
        assertEq(oracle.groupWord(0), others | (taken << (53 * position)) | (nowMs() << 216));
    }

    /// @dev The rules of the format, written out.
    function faultOf(uint256 entry) private pure returns (EntryFault) {
        uint256 mantissa = entry % 2 ** 27;
        uint256 exponent = (entry >> 27) % 32;
        uint256 validity = entry >> 50;
        if (validity == 2 || validity == 7) return EntryFault.UNKNOWN_VALIDITY;
        if (validity < 2) {
            return entry % 2 ** 50 == 0 ? EntryFault.NONE : EntryFault.PRICE_WITHOUT_VALIDITY;
        }
        if (mantissa >= 10 ** 8 || mantissa == 0) return EntryFault.NOT_NORMALISED;
        if (mantissa < 10 ** 7 && exponent != 0) return EntryFault.NOT_NORMALISED;
        return EntryFault.NONE;
    }

    // ---- reads

    function testFuzz_readMark_DecodesEveryField(uint256 seed) public {
        uint256 mantissa = bound(seed, 10 ** 7, 10 ** 8 - 1);
        uint256 exponent = (seed >> 32) % 32;
        uint256 conf = (seed >> 64) % 128;
        uint256 premium = (seed >> 80) % 2048;
        uint256 validity = 3 + (seed >> 96) % 4;
        uint256 entry =
            mantissa | (exponent << 27) | (conf << 32) | (premium << 39) | (validity << 50);
        push(draftOf(wordOf(nowMs(), 0, 0, entry, 0)));
        Mark memory mark = oracle.readMark(2);
        assertEq(mark.priceE18, mantissa * 10 ** exponent);
        assertEq(mark.priceTimeMs, block.timestamp * 1000);
        assertEq(uint256(mark.validity), validity);
        assertEq(mark.confidenceBpsE1, minifloat(conf, 3));
        assertEq(mark.premiumKnown, premium != 0x400);
        int256 size = int256(minifloat(premium % 1024, 6));
        assertEq(mark.premiumBpsE2, premium < 1024 ? size : -size);
    }

    function testFuzz_priceNoOlderNorWorse_RevertsIf_TooOld(uint32 ageS, uint32 maxAgeMs) public {
        push(draftOf(wordOf(nowMs(), pricedEntry(12_345_678, 18, PRICED), 0, 0, 0)));
        uint256 priceTimeMs = block.timestamp * 1000;
        skipS(ageS);
        uint256 ageMs = uint256(ageS) * 1000;
        Validity aged = oracle.readMarkAged(0, maxAgeMs).validity;
        if (ageMs > maxAgeMs) {
            assertEq(uint256(aged), uint256(Validity.STALE));
            vm.expectRevert(abi.encodeWithSelector(IMarkOracle.TooOld.selector, 0, ageMs, maxAgeMs));
            oracle.priceNoOlderNorWorse(0, maxAgeMs, Validity.VALID);
        } else {
            assertEq(uint256(aged), uint256(Validity.VALID));
            (uint256 price, uint256 timeMs) =
                oracle.priceNoOlderNorWorse(0, maxAgeMs, Validity.VALID);
            assertEq(price, 12_345_678e18);
            assertEq(timeMs, priceTimeMs);
        }
    }

    function test_readMarkAged_IsFreshUpToTheGivenAge() public {
        push(draftOf(wordOf(nowMs(), pricedEntry(12_345_678, 18, PRICED), 0, 0, 0)));
        skipS(3);
        assertEq(uint256(oracle.readMarkAged(0, 3000).validity), uint256(Validity.VALID));
        assertEq(uint256(oracle.readMarkAged(0, 2999).validity), uint256(Validity.STALE));
    }

    function test_priceNoOlderNorWorse_RevertsIf_ValidityIsTooLow() public {
        for (uint256 validity; validity < 7; ++validity) {
            if (validity == 2) continue;
            skipS(1);
            uint256 entry =
                validity < 2 ? bareEntry(validity) : pricedEntry(12_345_678, 18, validity);
            push(draftOf(wordOf(nowMs(), entry, 0, 0, 0)));
            for (uint256 least; least < 7; ++least) {
                if (validity < least || validity < 2) {
                    vm.expectPartialRevert(IMarkOracle.ValidityTooLow.selector);
                }
                oracle.priceNoOlderNorWorse(0, 0, Validity(least));
            }
        }
    }

    function test_priceNoOlderNorWorse_TakesATimeAheadOfTheBlockAsAgeZero() public {
        push(draft(1, nowMs() + MAX_FUTURE_MS));
        oracle.priceNoOlderNorWorse(0, 0, Validity.VALID);
    }

    function test_readMark_RevertsIf_NoReportCanNameTheMarket() public {
        oracle.readMark(4095);
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.UnknownMarket.selector, 4096, 4096));
        oracle.readMark(4096);
    }

    function testFuzz_verify_ReturnsTheLeavesAndStoresNothing(uint8 size, uint256 subset)
        public
        view
    {
        Draft memory d = draft(bound(size, 1, 20), nowMs());
        d.prevMs = uint40(nowMs() - 250);
        uint256[] memory carried = pick(d.words.length, subset);
        bytes memory report = body(d, carried, QUORUM);
        (uint32 epoch, uint64 slot, bytes32 inputsRoot, Leaf[] memory leaves) =
            oracle.verify(report);
        assertEq(epoch, d.epoch);
        assertEq(slot, d.slot);
        assertEq(inputsRoot, d.inputsRoot);
        assertEq(leaves.length, carried.length);
        for (uint256 i; i < carried.length; ++i) {
            assertEq(leaves[i].group, carried[i]);
            assertEq(leaves[i].prevMs, d.prevMs);
            assertEq(leaves[i].word, d.words[carried[i]]);
            assertEq(oracle.groupWord(carried[i]), 0);
        }
    }

    function testFuzz_usablePrice_IsPriceNoOlderThanOfValidOnes(uint256 seed, uint32 maxAgeMs)
        public
    {
        uint256 validity = 3 + seed % 4;
        push(draftOf(wordOf(nowMs(), 0, pricedEntry(12_345_678, 18, validity), 0, 0)));
        skipS((seed >> 8) % 10);
        bytes memory strict =
            abi.encodeCall(oracle.priceNoOlderNorWorse, (1, maxAgeMs % 10_000, Validity.VALID));
        bytes memory usable = abi.encodeCall(oracle.usablePrice, (1, maxAgeMs % 10_000));
        (bool taken, bytes memory result) = address(oracle).staticcall(strict);
        (bool taken2, bytes memory result2) = address(oracle).staticcall(usable);
        assertEq(taken, taken2);
        assertEq(result, result2);
    }

    // ---- pauses

    function testFuzz_pauseMarket_SurvivesUpdates(uint256 market) public {
        market = bound(market, 0, 11);
        vm.expectEmit(address(oracle));
        emit IMarkOracle.MarketPaused(market, guardian, "wrong instrument");
        vm.prank(guardian);
        oracle.pauseMarket(market, "wrong instrument");
        Draft memory d = draft(3, nowMs());
        d.words[1] &= ~uint256((1 << 53) - 1); // market 4 is HALTED: the slow way to merge
        push(d);
        for (uint256 m; m < 12; ++m) {
            assertEq(oracle.readMark(m).paused, m == market);
        }
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.Paused.selector, market));
        oracle.priceNoOlderNorWorse(market, 0, Validity.STALE);

        vm.prank(owner);
        oracle.unpauseMarket(market, "put right");
        assertFalse(oracle.readMark(market).paused);
        assertEq(oracle.groupWord(market / 4), d.words[market / 4]);
    }

    function testFuzz_pauseMarket_RevertsIf_CallerIsNeitherGuardianNorOwner(address caller) public {
        vm.assume(caller != guardian && caller != owner);
        vm.startPrank(caller);
        vm.expectRevert(abi.encodeWithSelector(ICommittee.NotGuardian.selector, caller));
        oracle.pauseMarket(0, "");
        vm.expectRevert(abi.encodeWithSelector(ICommittee.NotGuardian.selector, caller));
        oracle.unpauseMarket(0, "");
    }

    // ---- drawing inputs

    /// @dev Any 5 of the 7 members: all but two different ones.
    function quorumFrom(uint256 seed) private pure returns (uint256) {
        uint256 a = seed % 7;
        uint256 b = (a + 1 + (seed >> 8) % 6) % 7;
        return 0x7f & ~((1 << a) | (1 << b));
    }

    function minifloat(uint256 code, uint256 mantissaBits) private pure returns (uint256) {
        uint256 e = code / 2 ** mantissaBits;
        uint256 m = code % 2 ** mantissaBits;
        return e == 0 ? m : (2 ** mantissaBits + m) * 2 ** (e - 1);
    }
}
