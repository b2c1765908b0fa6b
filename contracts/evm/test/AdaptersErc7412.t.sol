// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Erc7412Adapter} from "../src/adapters/Erc7412Adapter.sol";
import {SequencerGrace} from "../src/adapters/SequencerGrace.sol";
import {UpdateFee} from "../src/adapters/UpdateFee.sol";
import {IERC7412} from "../src/adapters/interfaces/IERC7412.sol";
import {IMarkOracle, Validity} from "../src/interfaces/IMarkOracle.sol";
import {IReportErrors} from "../src/interfaces/IReportErrors.sol";
import {AdaptersFixture} from "./AdaptersFixture.sol";
import {Draft} from "./ReportBuilder.sol";

/// @notice The loop of ERC-7412: a read says what it lacks, that is sent, the read goes through.
contract AdaptersErc7412Test is AdaptersFixture {
    uint256 private constant FEE_WEI = 1000;

    address payable private collector = payable(makeAddr("collector"));
    Erc7412Adapter private adapter;

    function setUp() public override {
        super.setUp();
        adapter = new Erc7412Adapter(oracle, MARKET, "BTC-USD", policy(), FEE_WEI, collector);
    }

    function expectDataRequired() private {
        expectDataRequired(block.timestamp * 1000 - MAX_AGE_MS);
    }

    function expectDataRequired(uint256 notBeforeMs) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC7412.OracleDataRequired.selector,
                adapter,
                abi.encode(oracle.SALT(), MARKET, notBeforeMs)
            )
        );
    }

    function test_oracleId_NamesTheNetwork() public view {
        assertEq(adapter.oracleId(), bytes32("PLUMBLINE"));
    }

    function test_fulfil_MakesTheSameReadPass() public {
        skipS(60);
        expectDataRequired();
        adapter.price();
        adapter.fulfillOracleQuery{value: FEE_WEI}(reportOf(entryOf(6), nowMs(), 0));
        (uint256 priceE18, uint256 timeMs) = adapter.price();
        assertEq(priceE18, PRICE_E18);
        assertEq(timeMs, block.timestamp * 1000);
    }

    function test_fulfil_MakesAMarketReadThatNeverWasStored() public {
        adapter = new Erc7412Adapter(oracle, ETH_MARKET, "ETH-USD", policy(), 0, payable(0));
        vm.expectRevert();
        adapter.price();
        Draft memory d = draft(2, nowMs());
        adapter.fulfillOracleQuery(body(d, singleton(1), QUORUM));
        (uint256 priceE18,) = adapter.price();
        assertGt(priceE18, 0);
    }

    /// @dev Where nobody pushes, only the client brings the report that ends a halt: it is asked for
    /// as soon as the stored one is not good enough, however fresh that is.
    function test_price_AsksForANewerReportThanOneThatIsNotGoodEnough() public {
        skipS(1);
        pushEntry(entryOf(uint256(Validity.HALTED)));
        uint256 haltedMs = block.timestamp * 1000;
        expectDataRequired(haltedMs + 1);
        adapter.price();
        adapter.fulfillOracleQuery{value: FEE_WEI}(reportOf(entryOf(6), nowMs() + 1, 0));
        (uint256 priceE18, uint256 timeMs) = adapter.price();
        assertEq(priceE18, PRICE_E18);
        assertEq(timeMs, haltedMs + 1);
    }

    /// @dev A jump in a market that is only pulled: each read asks for the next report, until enough
    /// agreed with it. All of it may be in one transaction.
    function test_price_AsksUntilEnoughReportsAgreedWithAJump() public {
        skipS(60);
        uint256 firstMs = block.timestamp * 1000 - 10_000;
        uint256 jumped = pricedEntry(90_000_000, 15, 6);
        expectDataRequired();
        adapter.price();
        adapter.fulfillOracleQuery{value: FEE_WEI}(reportAt(jumped, firstMs));
        expectDataRequired(firstMs + 1);
        adapter.price();
        adapter.fulfillOracleQuery{value: FEE_WEI}(reportAt(jumped, firstMs + 1000));
        expectDataRequired(firstMs + 1001);
        adapter.price();
        adapter.fulfillOracleQuery{value: FEE_WEI}(reportAt(jumped, firstMs + 2000));
        (uint256 priceE18,) = adapter.price();
        assertEq(priceE18, 90_000e18);
    }

    function reportAt(uint256 entry, uint256 unixMs) private view returns (bytes memory) {
        return reportOf(entry, unixMs - ORIGIN_MS, 0);
    }

    /// @dev What no report mends: clients must not fetch in vain.
    function test_price_AsksForNothingWhileThereIsAPauseOrNoSequencer() public {
        skipS(1);
        pushEntry(entryOf(uint256(Validity.HALTED)));
        pauseIt();
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.Paused.selector, MARKET));
        adapter.price();
        skipS(60);
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.Paused.selector, MARKET));
        adapter.price();
        sequencer.set(1, START_S);
        vm.expectRevert(abi.encodeWithSelector(SequencerGrace.SequencerDown.selector, 1, START_S));
        adapter.price();
    }

    function test_fulfil_TakesTheFeeAndGivesBackTheRest() public {
        skipS(1);
        hoax(makeAddr("user"), 5 ether);
        adapter.fulfillOracleQuery{value: 1 ether}(reportOf(entryOf(6), nowMs(), 0));
        assertEq(makeAddr("user").balance, 5 ether - FEE_WEI);
        adapter.collect();
        assertEq(collector.balance, FEE_WEI);
        assertEq(address(adapter).balance, 0);
    }

    /// @dev Two users race with one report: who comes second has nothing stored and pays nothing.
    function test_fulfil_IsFreeWhereNothingIsNew() public {
        skipS(1);
        bytes memory report = reportOf(entryOf(6), nowMs(), 0);
        adapter.fulfillOracleQuery{value: FEE_WEI}(report);
        hoax(makeAddr("second"), 1 ether);
        adapter.fulfillOracleQuery{value: FEE_WEI}(report);
        assertEq(makeAddr("second").balance, 1 ether);
    }

    function test_fulfil_RevertIf_UnderpaidOrUnsigned() public {
        skipS(1);
        bytes memory report = reportOf(entryOf(6), nowMs(), 0);
        vm.expectRevert(abi.encodeWithSelector(IERC7412.FeeRequired.selector, FEE_WEI));
        adapter.fulfillOracleQuery{value: FEE_WEI - 1}(report);

        Draft memory d = draftOf(wordWith(entryOf(6), nowMs()));
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.WrongSignerCount.selector, 0xf, 7, 5));
        adapter.fulfillOracleQuery{value: FEE_WEI}(fullBody(d, 0xf));
    }

    /// @dev We are a caller that takes no ether. Whoever sends the same report first must not be able
    /// to fail our call: what cannot be given back is kept.
    function test_fulfil_IsNotFailedByWhoSendsTheSameReportFirst() public {
        skipS(60);
        bytes memory report = reportOf(entryOf(6), nowMs(), 0);
        oracle.update(report);
        adapter.fulfillOracleQuery{value: FEE_WEI}(report);
        (uint256 priceE18,) = adapter.price();
        assertEq(priceE18, PRICE_E18);
        adapter.fulfillOracleQuery{value: 3 * FEE_WEI}(reportOf(entryOf(6), nowMs() + 1, 0));
        adapter.collect();
        assertEq(collector.balance, 4 * FEE_WEI);
    }

    /// @dev Without a collector nobody could ever have it.
    function test_fulfil_RevertIf_NobodyWouldHaveTheRest() public {
        adapter = new Erc7412Adapter(oracle, MARKET, "BTC-USD", policy(), 0, payable(0));
        skipS(1);
        bytes memory report = reportOf(entryOf(6), nowMs(), 0);
        vm.expectRevert(abi.encodeWithSelector(UpdateFee.RefundNotTaken.selector, this, 1));
        adapter.fulfillOracleQuery{value: 1}(report);
        adapter.fulfillOracleQuery(report);
    }
}
