// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Erc7412Adapter} from "../src/adapters/Erc7412Adapter.sol";
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
        uint256 notBeforeMs = block.timestamp * 1000 - MAX_AGE_MS;
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

    /// @dev A halted mark asks for data only once its status is old: a fresh one no report mends.
    function test_price_AsksForDataOnlyWhereDataCanHelp() public {
        skipS(1);
        pushEntry(entryOf(uint256(Validity.HALTED)));
        vm.expectRevert(
            abi.encodeWithSelector(
                IMarkOracle.ValidityTooLow.selector, MARKET, Validity.HALTED, Validity.GUARDED
            )
        );
        adapter.price();
        skipS(60);
        expectDataRequired();
        adapter.price();
        pauseIt();
        vm.expectRevert(abi.encodeWithSelector(IMarkOracle.Paused.selector, MARKET));
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

    /// @dev A caller that takes no ether must pay exactly.
    function test_fulfil_RevertIf_TheRestCannotBeGivenBack() public {
        skipS(1);
        bytes memory report = reportOf(entryOf(6), nowMs(), 0);
        vm.expectRevert();
        adapter.fulfillOracleQuery{value: FEE_WEI + 1}(report);
        adapter.fulfillOracleQuery{value: FEE_WEI}(report);
    }
}
