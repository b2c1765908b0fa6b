// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ChainlinkAdapter} from "../src/adapters/ChainlinkAdapter.sol";
import {Erc7412Adapter} from "../src/adapters/Erc7412Adapter.sol";
import {MarkReader, ReadPolicy} from "../src/adapters/MarkReader.sol";
import {PythAdapter} from "../src/adapters/PythAdapter.sol";
import {PythFeed} from "../src/adapters/PythFeeds.sol";
import {SequencerGrace} from "../src/adapters/SequencerGrace.sol";
import {UpdateFee} from "../src/adapters/UpdateFee.sol";
import {AggregatorInterface} from "../src/adapters/interfaces/AggregatorV2V3Interface.sol";
import {AggregatorV3Interface} from "../src/adapters/interfaces/AggregatorV3Interface.sol";
import {IERC7412} from "../src/adapters/interfaces/IERC7412.sol";
import {IPyth, IPythErrors} from "../src/adapters/interfaces/IPyth.sol";
import {IMarkOracle, Validity} from "../src/interfaces/IMarkOracle.sol";
import {AdaptersFixture} from "./AdaptersFixture.sol";
import {Draft} from "./ReportBuilder.sol";

/// @notice What every adapter refuses, and what no adapter can be deployed with. `read` gets the
/// price × 10^18 through each adapter in turn.
contract AdaptersReadingTest is AdaptersFixture {
    bytes32 private constant ID = "BTC/USD";

    ChainlinkAdapter private chainlink;
    PythAdapter private pyth;
    Erc7412Adapter private erc7412;

    function setUp() public override {
        super.setUp();
        deploy(policy());
    }

    function deploy(ReadPolicy memory p) private {
        PythFeed[] memory feeds = new PythFeed[](1);
        feeds[0] = PythFeed(ID, "BTC-USD", 0, uint16(MARKET), 0, 8);
        chainlink = new ChainlinkAdapter(oracle, MARKET, "BTC-USD", p, 8, "BTC / USD");
        pyth = new PythAdapter(oracle, p, feeds, 0, payable(0));
        erc7412 = new Erc7412Adapter(oracle, MARKET, "BTC-USD", p, 0, payable(0));
    }

    function readChainlink() public view returns (uint256) {
        (, int256 answer,,,) = chainlink.latestRoundData();
        return uint256(answer) * 1e10;
    }

    function readPyth() public view returns (uint256) {
        return uint256(uint64(pyth.getPriceUnsafe(ID).price)) * 1e10;
    }

    function readPythBounded() public view returns (uint256) {
        return uint256(uint64(pyth.getPriceNoOlderThan(ID, type(uint256).max).price)) * 1e10;
    }

    function readErc7412() public view returns (uint256 priceE18) {
        (priceE18,) = erc7412.price();
    }

    function assertAllRead() private view {
        assertEq(readChainlink(), PRICE_E18);
        assertEq(readPyth(), PRICE_E18);
        assertEq(readPythBounded(), PRICE_E18);
        assertEq(readErc7412(), PRICE_E18);
    }

    function assertAllRevert(bytes memory error) private {
        assertAllRevert(error, error, error);
    }

    function assertAllRevert(bytes memory byChainlink, bytes memory byPyth, bytes memory byErc7412)
        private
    {
        vm.expectRevert(byChainlink);
        this.readChainlink();
        vm.expectRevert(byPyth);
        this.readPyth();
        vm.expectRevert(byPyth);
        this.readPythBounded();
        vm.expectRevert(byErc7412);
        this.readErc7412();
    }

    /// @dev The published selectors: those of npm's packages, and of the ERC's text.
    function test_interfaces_AreThePublishedOnes() public pure {
        assertEq(type(IPyth).interfaceId, bytes4(0x308dc74c));
        assertEq(IPythErrors.StalePrice.selector, bytes4(0x19abf40e));
        assertEq(IPythErrors.PriceFeedNotFound.selector, bytes4(0x14aebe68));
        assertEq(IPythErrors.PriceFeedNotFoundWithinRange.selector, bytes4(0x45805f5d));
        assertEq(IPythErrors.InsufficientFee.selector, bytes4(0x025dbdd4));
        assertEq(IPythErrors.NoFreshUpdate.selector, bytes4(0xde2c57fa));
        assertEq(IPythErrors.InvalidArgument.selector, bytes4(0xa9cb9e0d));
        assertEq(type(AggregatorV3Interface).interfaceId, bytes4(0x73851258));
        assertEq(type(AggregatorInterface).interfaceId, bytes4(0xb7c5d175));
        assertEq(type(IERC7412).interfaceId, bytes4(0x35982edb));
        assertEq(IERC7412.OracleDataRequired.selector, bytes4(0xcf2cabdf));
        assertEq(IERC7412.FeeRequired.selector, bytes4(0xea958df6));
    }

    function test_read_GivesTheStoredPriceUpToItsGreatestAge() public {
        assertAllRead();
        skipS(MAX_AGE_MS / 1000);
        assertAllRead();
    }

    function test_read_RevertIf_TooOld() public {
        skipS(MAX_AGE_MS / 1000 + 1);
        assertAllRevert(
            abi.encodeWithSelector(IMarkOracle.TooOld.selector, MARKET, 31_000, MAX_AGE_MS),
            abi.encodeWithSelector(IPythErrors.StalePrice.selector),
            dataRequired(block.timestamp * 1000 - MAX_AGE_MS)
        );
    }

    function test_read_RevertIf_Paused() public {
        pauseIt();
        assertAllRevert(abi.encodeWithSelector(IMarkOracle.Paused.selector, MARKET));
    }

    function test_read_GivesWhatThePolicyAllows() public {
        skipS(1);
        pushEntry(entryOf(uint256(Validity.GUARDED)));
        assertAllRead();
    }

    function test_read_RevertIf_ValidityIsBelowThePolicy() public {
        for (uint256 validity; validity < uint256(Validity.GUARDED); ++validity) {
            if (validity == uint256(Validity.STALE)) continue;
            skipS(1);
            pushEntry(entryOf(validity));
            assertAllRevertBelow(Validity(validity));
        }
    }

    function test_read_RevertIf_EntryIsBad() public {
        skipS(1);
        pushEntry(pricedEntry(1, 1, 6));
        assertAllRevertBelow(Validity.MISSING);
    }

    /// @dev ERC-7412's clients are asked for a newer report.
    function assertAllRevertBelow(Validity given) private {
        bytes memory error = abi.encodeWithSelector(
            IMarkOracle.ValidityTooLow.selector, MARKET, given, Validity.GUARDED
        );
        assertAllRevert(error, error, dataRequired(block.timestamp * 1000 + 1));
    }

    function dataRequired(uint256 notBeforeMs) private view returns (bytes memory) {
        return abi.encodeWithSelector(
            IERC7412.OracleDataRequired.selector,
            erc7412,
            abi.encode(oracle.SALT(), MARKET, notBeforeMs)
        );
    }

    function test_read_RevertIf_SequencerIsDown() public {
        // Anything but 0 is down; a feed without a status yet is, too.
        int256[4] memory answers = [int256(1), -1, 2, 0];
        for (uint256 i; i < answers.length; ++i) {
            uint256 sinceS = answers[i] == 0 ? 0 : START_S - 10;
            sequencer.set(answers[i], sinceS);
            assertAllRevert(
                abi.encodeWithSelector(SequencerGrace.SequencerDown.selector, answers[i], sinceS)
            );
        }
    }

    function testFuzz_read_RevertIf_SequencerIsNotUpForLongEnough(uint256 upForS) public {
        upForS = bound(upForS, 0, GRACE_S);
        sequencer.set(0, START_S - upForS);
        assertAllRevert(
            abi.encodeWithSelector(SequencerGrace.SequencerGracePeriod.selector, upForS, GRACE_S)
        );
        sequencer.set(0, START_S - GRACE_S - 1);
        assertAllRead();
    }

    function test_read_RevertIf_SequencerFeedIsAheadOfTheClock() public {
        sequencer.set(0, START_S + 1);
        assertAllRevert(
            abi.encodeWithSelector(SequencerGrace.SequencerGracePeriod.selector, 0, GRACE_S)
        );
    }

    function test_read_NeedsNoSequencerWhereThereIsNone() public {
        ReadPolicy memory p = policy();
        (p.sequencerFeed, p.graceS) = (AggregatorV3Interface(address(0)), 0);
        deploy(p);
        sequencer.set(1, START_S);
        assertAllRead();
    }

    /// @dev A price ahead of the clock, as the oracle allows, is never ahead of it for consumers:
    /// they subtract it from the block's time.
    function test_read_GivesNoTimeAheadOfTheClock() public {
        skipS(1);
        push(draftOf(wordWith(entryOf(6), nowMs() + MAX_FUTURE_MS)));
        (,, uint256 startedAt, uint256 updatedAt,) = chainlink.latestRoundData();
        assertEq(updatedAt, block.timestamp);
        assertEq(startedAt, block.timestamp);
        assertEq(pyth.getPriceUnsafe(ID).publishTime, block.timestamp);
    }

    /// @dev Adapters ask what the number means when they are deployed, and never again: it never means
    /// anything else, and once retired it is paused, whatever is still signed for it.
    function test_read_RevertIf_TheNumberIsRetired() public {
        retireIt();
        bytes memory error = abi.encodeWithSelector(IMarkOracle.Paused.selector, MARKET);
        assertAllRevert(error);
        skipS(1);
        Draft memory d = draftOf(wordWith(entryOf(6), nowMs()));
        d.epoch = 2;
        assertEq(push(d), 1);
        assertAllRevert(error);
    }

    function otherInstrument(bytes32 given, bytes32 expected) private pure returns (bytes memory) {
        return abi.encodeWithSelector(MarkReader.OtherInstrument.selector, MARKET, given, expected);
    }

    function test_constructor_RevertIf_TheNumberMeansAnotherInstrument() public {
        vm.expectRevert(otherInstrument("BTC-USD", "ETH-USD"));
        new ChainlinkAdapter(oracle, MARKET, "ETH-USD", policy(), 8, "?");
        vm.expectRevert(otherInstrument("BTC-USD", "ETH-USD"));
        new Erc7412Adapter(oracle, MARKET, "ETH-USD", policy(), 0, payable(0));
        PythFeed[] memory feeds = new PythFeed[](1);
        feeds[0] = PythFeed(ID, "ETH-USD", 0, uint16(MARKET), 0, 8);
        vm.expectRevert(otherInstrument("BTC-USD", "ETH-USD"));
        new PythAdapter(oracle, policy(), feeds, 0, payable(0));
        feeds[0] = PythFeed(ID, "BTC-USD", "ETH-USD", uint16(MARKET), uint16(MARKET), 8);
        vm.expectRevert(otherInstrument("BTC-USD", "ETH-USD"));
        new PythAdapter(oracle, policy(), feeds, 0, payable(0));
        // A number that means nothing cannot be read as nothing.
        vm.expectRevert(abi.encodeWithSelector(MarkReader.OtherInstrument.selector, 9, 0, 0));
        new ChainlinkAdapter(oracle, 9, 0, policy(), 8, "?");
    }

    function test_constructor_RevertIf_PolicyIsUnsafe() public {
        ReadPolicy memory p = policy();
        p.least = Validity.STALE;
        expectBadPolicy(
            p,
            abi.encodeWithSelector(
                MarkReader.LeastTooLow.selector, Validity.STALE, Validity.TOO_VOLATILE
            )
        );
        p = policy();
        p.maxAgeMs = 60;
        expectBadPolicy(
            p, abi.encodeWithSelector(MarkReader.AgeOutOfRange.selector, 60, 1000, 1 days * 1000)
        );
        p.maxAgeMs = 1 days * 1000 + 1;
        expectBadPolicy(
            p,
            abi.encodeWithSelector(
                MarkReader.AgeOutOfRange.selector, p.maxAgeMs, 1000, 1 days * 1000
            )
        );
        p = policy();
        p.graceS = 0;
        expectBadPolicy(
            p, abi.encodeWithSelector(SequencerGrace.BadGrace.selector, sequencer, 0, 1 days)
        );
        p.graceS = 1 days + 1;
        expectBadPolicy(
            p, abi.encodeWithSelector(SequencerGrace.BadGrace.selector, sequencer, p.graceS, 1 days)
        );
        (p.sequencerFeed, p.graceS) = (AggregatorV3Interface(address(0)), 1);
        expectBadPolicy(
            p, abi.encodeWithSelector(SequencerGrace.BadGrace.selector, address(0), 1, 1 days)
        );
    }

    function expectBadPolicy(ReadPolicy memory p, bytes memory error) private {
        vm.expectRevert(error);
        new ChainlinkAdapter(oracle, MARKET, "BTC-USD", p, 8, "BTC / USD");
    }

    function test_constructor_RevertIf_MarketCannotBe() public {
        bytes memory error = abi.encodeWithSelector(IMarkOracle.UnknownMarket.selector, 4096, 4096);
        vm.expectRevert(error);
        new ChainlinkAdapter(oracle, 4096, "BTC-USD", policy(), 8, "?");
        vm.expectRevert(error);
        new Erc7412Adapter(oracle, 4096, "BTC-USD", policy(), 0, payable(0));
        PythFeed[] memory feeds = new PythFeed[](1);
        feeds[0] = PythFeed(ID, "BTC-USD", 0, 4096, 0, 8);
        vm.expectRevert(error);
        new PythAdapter(oracle, policy(), feeds, 0, payable(0));
        feeds[0] = PythFeed(ID, "BTC-USD", "BTC-USD.twap", uint16(MARKET), 4096, 8);
        vm.expectRevert(error);
        new PythAdapter(oracle, policy(), feeds, 0, payable(0));
    }

    function test_constructor_RevertIf_DecimalsAreTooMany() public {
        bytes memory error = abi.encodeWithSelector(MarkReader.TooManyDecimals.selector, 19, 18);
        vm.expectRevert(error);
        new ChainlinkAdapter(oracle, MARKET, "BTC-USD", policy(), 19, "?");
        PythFeed[] memory feeds = new PythFeed[](1);
        feeds[0] = PythFeed(ID, "BTC-USD", 0, uint16(MARKET), 0, 19);
        vm.expectRevert(error);
        new PythAdapter(oracle, policy(), feeds, 0, payable(0));
    }

    function test_constructor_RevertIf_FeeHasNoCollector() public {
        bytes memory error = abi.encodeWithSelector(UpdateFee.NoCollector.selector, 1);
        vm.expectRevert(error);
        new Erc7412Adapter(oracle, MARKET, "BTC-USD", policy(), 1, payable(0));
        vm.expectRevert(error);
        new PythAdapter(oracle, policy(), new PythFeed[](0), 1, payable(0));
    }
}
