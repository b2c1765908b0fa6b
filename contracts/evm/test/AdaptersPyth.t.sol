// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MarkReader, ReadPolicy} from "../src/adapters/MarkReader.sol";
import {PythAdapter} from "../src/adapters/PythAdapter.sol";
import {PythFeed, PythFeeds} from "../src/adapters/PythFeeds.sol";
import {IPythErrors, PythStructs} from "../src/adapters/interfaces/IPyth.sol";
import {IReportErrors} from "../src/interfaces/IReportErrors.sol";
import {AdaptersPythFixture} from "./AdaptersFixture.sol";

/// @notice Takes a refund and, with it, tries to enter the adapter again.
contract ReentrantPayer {
    PythAdapter private immutable PYTH;
    bytes[] private _updateData;
    uint256 public refunds;

    constructor(PythAdapter pyth, bytes memory report) payable {
        PYTH = pyth;
        _updateData.push(report);
    }

    function pay() external {
        PYTH.updatePriceFeeds{value: 1 ether}(_updateData);
    }

    receive() external payable {
        if (refunds++ > 0) return;
        PYTH.updatePriceFeeds{value: 1 ether}(_updateData);
        PYTH.collect();
    }
}

/// @notice Updating, paying, and reading what is stored, as Pyth's consumers do.
contract AdaptersPythTest is AdaptersPythFixture {
    function test_getPrice_SaysPriceConfidenceAndExponentAsPythDoes() public view {
        PythStructs.Price memory read = pyth.getPriceUnsafe(BTC);
        assertEq(read.price, 60_000.12e8);
        assertEq(read.expo, -8);
        // 0.5 bps of 60,000.12 is 3.000006.
        assertEq(read.conf, 300_000_600);
        assertEq(read.publishTime, START_S);
        assertEq(abi.encode(read), abi.encode(pyth.getPriceNoOlderThan(BTC, 0)));
        assertEq(pyth.feedOf(BTC).market, MARKET);
    }

    function test_getPriceNoOlderThan_TakesTheStricterAge() public {
        skipS(10);
        pyth.getPriceNoOlderThan(BTC, 10);
        vm.expectRevert(IPythErrors.StalePrice.selector);
        pyth.getPriceNoOlderThan(BTC, 9);
        skipS(MAX_AGE_MS / 1000);
        vm.expectRevert(IPythErrors.StalePrice.selector);
        pyth.getPriceNoOlderThan(BTC, 1 days);
        vm.expectRevert(IPythErrors.StalePrice.selector);
        pyth.getPriceUnsafe(BTC);
    }

    /// @dev A policy of no whole seconds adds nothing to the age that was asked for.
    function test_getPriceNoOlderThan_TakesTheStricterAgeToTheMillisecond() public {
        ReadPolicy memory p = policy();
        p.maxAgeMs = 30_999;
        PythFeed[] memory feeds = new PythFeed[](1);
        feeds[0] = btcFeed(8);
        pyth = new PythAdapter(oracle, p, feeds, 0, payable(0));
        skipS(1);
        push(draftOf(wordWith(entryOf(6), nowMs() - 500)));
        skipS(30);
        vm.expectRevert(IPythErrors.StalePrice.selector);
        pyth.getPriceNoOlderThan(BTC, 30);
        pyth.getPriceNoOlderThan(BTC, 31);
        pyth.getPriceUnsafe(BTC);
    }

    function test_getPrice_RevertIf_ThereIsNone() public {
        vm.expectRevert(IPythErrors.PriceFeedNotFound.selector);
        pyth.getPriceUnsafe("unknown");
        vm.expectRevert(IPythErrors.PriceFeedNotFound.selector);
        pyth.getPriceNoOlderThan(0, 60);
        // A feed nothing was ever stored for.
        vm.expectRevert(IPythErrors.PriceFeedNotFound.selector);
        pyth.getPriceUnsafe(ETH);
    }

    function test_getEmaPrice_ReadsTheConfiguredMarketAlone() public {
        vm.expectRevert(abi.encodeWithSelector(PythFeeds.NoEma.selector, ETH));
        pyth.getEmaPriceUnsafe(ETH);
        vm.expectRevert(abi.encodeWithSelector(PythFeeds.NoEma.selector, ETH));
        pyth.getEmaPriceNoOlderThan(ETH, 60);
        skipS(1);
        push(draftOf(wordOf(nowMs(), 0, 0, entryOf(6), pricedEntry(59_000_000, 15, 6))));
        assertEq(pyth.getEmaPriceUnsafe(BTC).price, 59_000e8);
        assertEq(pyth.getEmaPriceNoOlderThan(BTC, 0).price, 59_000e8);
        skipS(10);
        vm.expectRevert(IPythErrors.StalePrice.selector);
        pyth.getEmaPriceNoOlderThan(BTC, 9);
    }

    /// @dev Any price at any decimals is said within one unit, with an interval that holds the one
    /// signed, or refused.
    function testFuzz_getPrice_RoundsAsNamed(uint256 mantissa, uint256 exponent, uint8 decimals)
        public
    {
        mantissa = bound(mantissa, 10 ** 7, 10 ** 8 - 1);
        exponent = bound(exponent, 0, 31);
        decimals = uint8(bound(decimals, 0, 18));
        PythFeed[] memory feeds = new PythFeed[](1);
        feeds[0] = btcFeed(decimals);
        pyth = new PythAdapter(oracle, policy(), feeds, 0, payable(0));
        takeJumps();
        skipS(1);
        pushEntry(pricedEntry(mantissa, exponent, 6));

        uint256 priceE18 = mantissa * 10 ** exponent;
        uint256 unit = 10 ** (18 - decimals);
        uint256 expected = priceE18 / unit;
        if (expected == 0 || expected > uint64(type(int64).max)) {
            vm.expectRevert(
                abi.encodeWithSelector(MarkReader.PriceOutOfRange.selector, priceE18, decimals)
            );
            pyth.getPriceUnsafe(BTC);
            return;
        }
        PythStructs.Price memory read = pyth.getPriceUnsafe(BTC);
        assertEq(uint256(uint64(read.price)), expected);
        assertEq(read.expo, -int32(uint32(decimals)));
        // The interval said holds the one signed, and no unit more than it must.
        uint256 halfE18E5 = priceE18 * 5;
        uint256 aboveE18E5 = (priceE18 - expected * unit) * 100_000 + halfE18E5;
        assertGe(uint256(read.conf) * unit * 100_000, aboveE18E5);
        assertLt(uint256(read.conf) * unit * 100_000, aboveE18E5 + unit * 100_000);
    }

    /// @dev 24,576 % of the price, which no 64 bits hold, saturates: it still reads as useless.
    function test_getPrice_SaturatesTheConfidence() public {
        PythFeed[] memory feeds = new PythFeed[](1);
        feeds[0] = btcFeed(18);
        pyth = new PythAdapter(oracle, policy(), feeds, 0, payable(0));
        takeJumps();
        skipS(1);
        pushEntry(pricedEntry(90_000_000, 11, 6) | (uint256(0x7f) << 32));
        PythStructs.Price memory read = pyth.getPriceUnsafe(BTC);
        assertEq(read.price, 9e18);
        assertEq(read.conf, type(uint64).max);
    }

    function test_update_StoresPaysAndRefunds() public {
        skipS(60);
        bytes[] memory reports = new bytes[](2);
        reports[0] = reportOf(entryOf(6), nowMs() - 5000, 0);
        reports[1] = reportOf(pricedEntry(61_000_000, 15, 6), nowMs(), 0);
        assertEq(pyth.getUpdateFee(reports), 2 * FEE_WEI);
        hoax(makeAddr("user"), 1 ether);
        pyth.updatePriceFeeds{value: 1 ether}(reports);
        assertEq(makeAddr("user").balance, 1 ether - 2 * FEE_WEI);
        assertEq(pyth.getPriceUnsafe(BTC).price, 61_000e8);
        pyth.collect();
        assertEq(collector.balance, 2 * FEE_WEI);
    }

    function test_update_SucceedsWhereNothingIsNew() public {
        pyth.updatePriceFeeds{value: FEE_WEI}(list(reportOf(entryOf(6), nowMs() - 5000, 0)));
        assertEq(pyth.getPriceUnsafe(BTC).publishTime, START_S);
    }

    function test_update_RevertIf_UnderpaidOrUnsigned() public {
        skipS(1);
        bytes[] memory reports = list(reportOf(entryOf(6), nowMs(), 0));
        vm.expectRevert(IPythErrors.InsufficientFee.selector);
        pyth.updatePriceFeeds{value: FEE_WEI - 1}(reports);
        reports[0][60] ^= 0x01;
        vm.expectPartialRevert(IReportErrors.BadSignature.selector);
        pyth.updatePriceFeeds{value: FEE_WEI}(reports);
    }

    function test_updateIfNecessary_UpdatesOnlyForANewerTime() public {
        skipS(10);
        bytes[] memory reports = list(reportOf(entryOf(6), nowMs(), 0));
        vm.expectRevert(IPythErrors.NoFreshUpdate.selector);
        pyth.updatePriceFeedsIfNecessary{value: FEE_WEI}(reports, ids(BTC), times(uint64(START_S)));
        vm.expectRevert(IPythErrors.InvalidArgument.selector);
        pyth.updatePriceFeedsIfNecessary{value: FEE_WEI}(reports, ids(BTC), new uint64[](2));
        vm.expectRevert(IPythErrors.InsufficientFee.selector);
        pyth.updatePriceFeedsIfNecessary(reports, ids(BTC), times(uint64(START_S + 10)));

        uint256 before = address(this).balance;
        pyth.updatePriceFeedsIfNecessary{value: 1 ether}(
            reports, ids(BTC), times(uint64(START_S + 10))
        );
        assertEq(address(this).balance, before - FEE_WEI);
        assertEq(pyth.getPriceUnsafe(BTC).publishTime, START_S + 10);
    }

    /// @dev Each entry pays its own fee, and gets back only what it paid beyond it.
    function test_refund_CannotBeReentered() public {
        skipS(1);
        bytes memory report = reportOf(entryOf(6), nowMs(), 0);
        pyth.updatePriceFeeds{value: FEE_WEI}(list(report));
        ReentrantPayer payer = new ReentrantPayer{value: 3 ether}(pyth, report);
        payer.pay();
        assertEq(payer.refunds(), 2);
        assertEq(address(payer).balance, 3 ether - 2 * FEE_WEI);
        assertEq(collector.balance + address(pyth).balance, 3 * FEE_WEI);
    }

    function test_twapUpdates_DoNotExist() public {
        vm.expectRevert(PythAdapter.NoTwapUpdates.selector);
        pyth.getTwapUpdateFee(new bytes[](2));
        vm.expectRevert(PythAdapter.NoTwapUpdates.selector);
        pyth.parseTwapPriceFeedUpdates(new bytes[](2), ids(BTC));
    }

    function test_constructor_RevertIf_IdsAreNotUnique() public {
        PythFeed[] memory feeds = new PythFeed[](2);
        (feeds[0], feeds[1]) = (btcFeed(8), btcFeed(8));
        vm.expectRevert(abi.encodeWithSelector(PythFeeds.BadFeedId.selector, BTC));
        new PythAdapter(oracle, policy(), feeds, 0, payable(0));
        feeds[1].id = 0;
        vm.expectRevert(abi.encodeWithSelector(PythFeeds.BadFeedId.selector, bytes32(0)));
        new PythAdapter(oracle, policy(), feeds, 0, payable(0));
    }
}
