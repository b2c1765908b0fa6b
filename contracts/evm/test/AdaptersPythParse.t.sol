// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {PythAdapter} from "../src/adapters/PythAdapter.sol";
import {PythFeed} from "../src/adapters/PythFeeds.sol";
import {PythReports} from "../src/adapters/PythReports.sol";
import {SequencerGrace} from "../src/adapters/SequencerGrace.sol";
import {IPythErrors, PythStructs} from "../src/adapters/interfaces/IPyth.sol";
import {Binding, IMarkOracle, Validity} from "../src/interfaces/IMarkOracle.sol";
import {IReportErrors} from "../src/interfaces/IReportErrors.sol";
import {AdaptersPythFixture} from "./AdaptersFixture.sol";
import {Draft} from "./ReportBuilder.sol";

/// @notice Prices taken from reports, without storing them.
contract AdaptersPythParseTest is AdaptersPythFixture {
    uint64 private constant FROM_S = uint64(START_S - 100);
    uint64 private constant TO_S = uint64(START_S - 90);

    /// @dev As a word counts it.
    function sinceOrigin(uint256 unixMs) private pure returns (uint256) {
        return unixMs - ORIGIN_MS;
    }

    /// @dev A report of BTC, its average, and ETH at one time.
    function report(uint256 unixMs, uint256 prevUnixMs) private view returns (bytes memory) {
        return report(unixMs, prevUnixMs, entryOf(6));
    }

    function report(uint256 unixMs, uint256 prevUnixMs, uint256 btc)
        private
        view
        returns (bytes memory)
    {
        return fullBody(draftOfBoth(unixMs, prevUnixMs, btc), QUORUM);
    }

    /// @dev A report that carries the group of ETH alone.
    function reportOfEth(uint256 unixMs) private view returns (bytes memory) {
        return body(draftOfBoth(unixMs, 0, entryOf(6)), singleton(1), QUORUM);
    }

    function draftOfBoth(uint256 unixMs, uint256 prevUnixMs, uint256 btc)
        private
        pure
        returns (Draft memory d)
    {
        d = draft(2, 0);
        uint256 time = sinceOrigin(unixMs) << 216;
        d.words[0] = time | (btc << 106) | (pricedEntry(59_000_000, 15, 6) << 159);
        d.words[1] = time | pricedEntry(25_000_000, 14, 6);
        d.prevMs = prevUnixMs == 0 ? 0 : uint40(sinceOrigin(prevUnixMs));
    }

    function parse(bytes[] memory reports, bytes32[] memory some)
        private
        returns (PythStructs.PriceFeed[] memory)
    {
        return pyth.parsePriceFeedUpdates{value: FEE_WEI * reports.length}(
            reports, some, FROM_S, TO_S
        );
    }

    function parseFirst(bytes memory one) private returns (PythStructs.PriceFeed[] memory) {
        return pyth.parsePriceFeedUpdatesUnique{value: FEE_WEI}(list(one), ids(BTC), FROM_S, TO_S);
    }

    function expectNotInRange(bytes memory one) private {
        vm.expectRevert(IPythErrors.PriceFeedNotFoundWithinRange.selector);
        parse(list(one), ids(BTC));
    }

    function expectNotFirst(bytes memory one) private {
        vm.expectRevert(IPythErrors.PriceFeedNotFoundWithinRange.selector);
        parseFirst(one);
    }

    function test_parse_GivesEachPriceWithItsAverageAndStoresNothing() public {
        bytes32[] memory both = new bytes32[](2);
        (both[0], both[1]) = (ETH, BTC);
        PythStructs.PriceFeed[] memory feeds = parse(list(report(FROM_S * 1000 + 500, 0)), both);
        assertEq(feeds[0].id, ETH);
        assertEq(feeds[0].price.price, 2500e5);
        assertEq(feeds[0].price.expo, -5);
        assertEq(feeds[0].emaPrice.publishTime, 0);
        assertEq(feeds[1].id, BTC);
        assertEq(feeds[1].price.price, 60_000.12e8);
        assertEq(feeds[1].price.publishTime, FROM_S);
        assertEq(feeds[1].emaPrice.price, 59_000e8);
        assertEq(oracle.groupWord(1), 0);
    }

    /// @dev The bounds are whole seconds, both inclusive; reports have milliseconds.
    function test_parse_TakesBothEndsOfTheRange() public {
        parse(list(report(FROM_S * 1000, 0)), ids(BTC));
        parse(list(report(TO_S * 1000 + 999, 0)), ids(BTC));
        expectNotInRange(report(FROM_S * 1000 - 1, 0));
        expectNotInRange(report((TO_S + 1) * 1000, 0));
    }

    function test_parse_TakesTheFirstOfTheReportsThatIsInRange() public {
        bytes[] memory reports = new bytes[](3);
        reports[0] = report(FROM_S * 1000 - 1, 0);
        reports[1] = report(FROM_S * 1000 + 2000, 0, pricedEntry(61_000_000, 15, 6));
        reports[2] = report(FROM_S * 1000 + 3000, 0, pricedEntry(62_000_000, 15, 6));
        assertEq(parse(reports, ids(BTC))[0].price.price, 61_000e8);
    }

    /// @dev Exactly one report is the first after a time: of reports one after the other, exactly
    /// that one is taken.
    function testFuzz_parseUnique_TakesTheFirstReportAfterATimeAlone(uint256 seed) public {
        uint256 at = FROM_S * 1000 - seed % 4000;
        uint256 prev = at - 1 - (seed >> 16) % 3000;
        uint256 taken;
        for (uint256 i; i < 6; ++i) {
            bool first = prev < FROM_S * 1000 && at >= FROM_S * 1000;
            bytes memory one = report(at, prev);
            if (first) {
                assertEq(parseFirst(one)[0].price.publishTime, at / 1000);
                ++taken;
            } else {
                expectNotFirst(one);
            }
            (prev, at) = (at, at + 1 + (seed >> (32 + 8 * i)) % 1500);
        }
        assertLe(taken, 1);
        if (at > FROM_S * 1000 + 1500) assertEq(taken, 1);
    }

    /// @dev A group's first report says nothing of what came before.
    function test_parseUnique_RevertIf_ThereIsNoReportBefore() public {
        expectNotFirst(report(FROM_S * 1000, 0));
        parseFirst(report(FROM_S * 1000, FROM_S * 1000 - 1));
        expectNotFirst(report(FROM_S * 1000 + 1, FROM_S * 1000));
    }

    /// @dev While two committees may sign, each has a chain of reports of its own, and so a first one:
    /// only the present one's is taken.
    function test_parseUnique_RevertIf_SignedInTheEpochBefore() public {
        bytes memory early = report(FROM_S * 1000, FROM_S * 1000 - 1);
        parseFirst(early);
        vm.prank(owner);
        oracle.setCommittee(2, members, 5, uint64(block.timestamp + 60), new Binding[](0));
        vm.expectRevert(abi.encodeWithSelector(PythReports.EpochNotCurrent.selector, 1, 2));
        parseFirst(early);
        assertEq(parse(list(early), ids(BTC))[0].price.publishTime, FROM_S);

        Draft memory d = draftOfBoth(FROM_S * 1000 + 300, FROM_S * 1000 - 200, entryOf(6));
        d.epoch = 2;
        assertEq(parseFirst(fullBody(d, QUORUM))[0].price.publishTime, FROM_S);
    }

    /// @dev A report may be ahead of the block by MAX_FUTURE_MS; consumers subtract its time.
    function test_parse_SaysNoTimeAheadOfTheClock() public {
        bytes memory ahead = report(START_S * 1000 + MAX_FUTURE_MS, 0);
        PythStructs.PriceFeed[] memory feeds = pyth.parsePriceFeedUpdates{value: FEE_WEI}(
            list(ahead), ids(BTC), FROM_S, uint64(START_S + 2)
        );
        assertEq(feeds[0].price.publishTime, START_S);
        assertEq(feeds[0].emaPrice.publishTime, START_S);
        vm.expectRevert(IPythErrors.PriceFeedNotFoundWithinRange.selector);
        pyth.parsePriceFeedUpdates{value: FEE_WEI}(
            list(ahead), ids(BTC), FROM_S, uint64(START_S + 1)
        );
    }

    /// @dev The first report after a time has no price: no other may stand in for it.
    function test_parse_RevertIf_ThePriceInRangeIsNotUsable() public {
        bytes[] memory reports = new bytes[](2);
        reports[0] = report(FROM_S * 1000, 0, bareEntry(0));
        reports[1] = report(FROM_S * 1000 + 1000, 0);
        vm.expectRevert(tooLow(Validity.HALTED));
        parse(reports, ids(BTC));
        reports[0] = report(FROM_S * 1000, 0, pricedEntry(1, 1, 6));
        vm.expectRevert(tooLow(Validity.MISSING));
        parse(reports, ids(BTC));
        reports[0] = report(FROM_S * 1000, 0, entryOf(uint256(Validity.TOO_UNCERTAIN)));
        vm.expectRevert(tooLow(Validity.TOO_UNCERTAIN));
        parse(reports, ids(BTC));
    }

    function tooLow(Validity given) private pure returns (bytes memory) {
        return abi.encodeWithSelector(
            IMarkOracle.ValidityTooLow.selector, MARKET, given, Validity.GUARDED
        );
    }

    function test_parse_RevertIf_TheAverageIsNotInTheReport() public {
        bytes[] memory reports = list(reportOfEth(FROM_S * 1000));
        parse(reports, ids(ETH));
        vm.expectRevert(IPythErrors.PriceFeedNotFoundWithinRange.selector);
        parse(reports, ids(BTC));
        vm.expectRevert(IPythErrors.PriceFeedNotFound.selector);
        parse(reports, ids("unknown"));
    }

    /// @dev A report signed before the number meant this instrument, in an epoch that is still
    /// valid, prices something else.
    function test_parse_RevertIf_SignedBeforeTheNumberMeantTheInstrument() public {
        uint16 unused = 7;
        Binding[] memory bound = new Binding[](1);
        bound[0] = Binding(unused, "SOL-USD");
        vm.prank(owner);
        oracle.setCommittee(2, members, THRESHOLD, uint64(block.timestamp + 60), bound);
        PythFeed[] memory feeds = new PythFeed[](1);
        feeds[0] = PythFeed("SOL", "SOL-USD", 0, unused, 0, 5);
        pyth = new PythAdapter(oracle, policy(), feeds, 0, payable(0));

        Draft memory d = draft(2, sinceOrigin(FROM_S * 1000));
        d.words[1] = (sinceOrigin(FROM_S * 1000) << 216) | (pricedEntry(10_000_000, 14, 6) << 159);
        bytes memory early = fullBody(d, QUORUM);
        vm.expectRevert(
            abi.encodeWithSelector(PythReports.EpochBeforeInstrument.selector, unused, 1, 2)
        );
        pyth.parsePriceFeedUpdates(list(early), ids("SOL"), FROM_S, TO_S);
        d.epoch = 2;
        bytes memory late = fullBody(d, QUORUM);
        assertEq(
            pyth.parsePriceFeedUpdates(list(late), ids("SOL"), FROM_S, TO_S)[0].price.price, 1000e5
        );
    }

    function test_parse_RevertIf_PausedOrSequencerDown() public {
        bytes[] memory reports = list(report(FROM_S * 1000, 0));
        sequencer.set(1, START_S - 10);
        vm.expectRevert(
            abi.encodeWithSelector(SequencerGrace.SequencerDown.selector, 1, START_S - 10)
        );
        parse(reports, ids(BTC));
        sequencer.set(0, START_S - 1 days);
        pauseIt();
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.Paused.selector, MARKET));
        parse(reports, ids(BTC));
    }

    function test_parse_RevertIf_UnderpaidOrUnsigned() public {
        bytes[] memory reports = list(report(FROM_S * 1000, 0));
        vm.expectRevert(IPythErrors.InsufficientFee.selector);
        pyth.parsePriceFeedUpdates{value: FEE_WEI - 1}(reports, ids(BTC), FROM_S, TO_S);
        reports[0][60] ^= 0x01;
        vm.expectPartialRevert(IReportErrors.BadSignature.selector);
        parse(reports, ids(BTC));
    }

    function test_parse_RefundsWhatIsBeyondTheFee() public {
        hoax(makeAddr("user"), 1 ether);
        pyth.parsePriceFeedUpdates{value: 1 ether}(
            list(report(FROM_S * 1000, 0)), ids(BTC), FROM_S, TO_S
        );
        assertEq(makeAddr("user").balance, 1 ether - FEE_WEI);
    }

    function test_parseWithConfig_StoresIfAskedAndSaysTheSlot() public {
        skipS(10);
        bytes[] memory reports = list(report(block.timestamp * 1000, 0));
        (PythStructs.PriceFeed[] memory feeds, uint64[] memory slots) = pyth.parsePriceFeedUpdatesWithConfig{
            value: FEE_WEI
        }(
            reports, ids(ETH), FROM_S, uint64(block.timestamp), false, false, true
        );
        assertEq(feeds[0].price.price, 2500e5);
        assertEq(slots[0], 77);
        assertEq(pyth.getPriceUnsafe(ETH).price, 2500e5);
    }

    function test_parseWithConfig_RevertIf_UpdateDataAreNotMinimal() public {
        bytes[] memory reports = list(report(FROM_S * 1000, 0));
        vm.expectRevert(IPythErrors.InvalidArgument.selector);
        pyth.parsePriceFeedUpdatesWithConfig{value: FEE_WEI}(
            reports, ids(ETH), FROM_S, TO_S, false, true, false
        );
        reports[0] = reportOfEth(FROM_S * 1000);
        pyth.parsePriceFeedUpdatesWithConfig{value: FEE_WEI}(
            reports, ids(ETH), FROM_S, TO_S, false, true, false
        );
    }
}
