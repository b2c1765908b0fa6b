// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {TestToken} from "../script/sandbox/TestToken.sol";
import {ChainlinkAdapter} from "../src/adapters/ChainlinkAdapter.sol";
import {Erc7412Adapter} from "../src/adapters/Erc7412Adapter.sol";
import {ReadPolicy} from "../src/adapters/MarkReader.sol";
import {PythAdapter} from "../src/adapters/PythAdapter.sol";
import {PythFeed} from "../src/adapters/PythFeeds.sol";
import {SequencerGrace} from "../src/adapters/SequencerGrace.sol";
import {IERC7412} from "../src/adapters/interfaces/IERC7412.sol";
import {IPythErrors} from "../src/adapters/interfaces/IPyth.sol";
import {ExampleLending} from "../src/examples/ExampleLending.sol";
import {LendingOnChainlink} from "../src/examples/LendingOnChainlink.sol";
import {LendingOnErc7412} from "../src/examples/LendingOnErc7412.sol";
import {LendingOnPyth} from "../src/examples/LendingOnPyth.sol";
import {IMarkOracle, Validity} from "../src/interfaces/IMarkOracle.sol";
import {IReportErrors} from "../src/interfaces/IReportErrors.sol";
import {AdaptersFixture} from "./AdaptersFixture.sol";
import {Draft} from "./ReportBuilder.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @notice One lending contract through one adapter: Bitcoin of 8 decimals at 60,000.12, against
/// dollars of 6. Each adapter runs all of it.
abstract contract ExamplesTest is AdaptersFixture {
    uint256 private constant ONE_BTC = 1e8;
    uint256 private constant USD = 1e6;
    /// @dev 75 % of 60,000.12.
    uint256 private constant MOST = 45_000.09e6;

    TestToken internal btc = new TestToken("Bitcoin", "BTC", 8);
    TestToken internal usd = new TestToken("Dollar", "USD", 6);
    ExampleLending internal lending;

    address private lender = makeAddr("lender");
    address private borrower = makeAddr("borrower");
    address private liquidator = makeAddr("liquidator");

    function setUp() public override {
        super.setUp();
        lending = deploy(lender, IERC20Metadata(address(btc)), IERC20Metadata(address(usd)));
        fund(lender, usd, 1_000_000 * USD);
        fund(borrower, btc, 3 * ONE_BTC);
        fund(borrower, usd, 0);
        fund(liquidator, usd, 100_000 * USD);
        vm.prank(lender);
        lending.supply(500_000 * USD);
        vm.prank(borrower);
        lending.deposit(ONE_BTC);
    }

    function deploy(address lender_, IERC20Metadata collateral, IERC20Metadata debt)
        internal
        virtual
        returns (ExampleLending);

    /// @dev What a read reverts with when the price is `ageS` old.
    function staleError() internal view virtual returns (bytes memory);

    function fund(address who, TestToken token, uint256 amount) private {
        token.mint(who, amount);
        vm.prank(who);
        token.approve(address(lending), type(uint256).max);
    }

    function borrow(uint256 amount) private {
        vm.prank(borrower);
        lending.borrow(amount);
    }

    function liquidate(uint256 amount) private {
        vm.prank(liquidator);
        lending.liquidate(borrower, amount);
    }

    /// @dev The price of one Bitcoin in whole dollars, believed at once.
    function pushDollars(uint256 dollars, Validity validity) private {
        takeJumps();
        pushEntry(pricedEntry(dollars * 1000, 15, uint256(validity)));
    }

    /// @dev Who would gain from a price that is not to be trusted cannot act; who only makes a
    /// loan safer can.
    function assertOnlySafeActions(bytes memory error) private {
        vm.expectRevert(error);
        borrow(1);
        vm.expectRevert(error);
        vm.prank(borrower);
        lending.withdraw(1);
        vm.expectRevert(error);
        liquidate(1);
        vm.startPrank(borrower);
        lending.deposit(ONE_BTC);
        lending.repay(borrower, 500 * USD);
        vm.stopPrank();
    }

    function test_borrow_GoesUpToTheLimitAndNoFurther() public {
        borrow(MOST);
        assertEq(usd.balanceOf(borrower), MOST);
        vm.expectRevert(
            abi.encodeWithSelector(ExampleLending.TooLittleCollateral.selector, MOST + 1, MOST)
        );
        borrow(1);
    }

    function test_withdraw_NeedsNoPriceWhereNothingIsOwed() public {
        borrow(1000 * USD);
        vm.prank(borrower);
        lending.repay(borrower, 1000 * USD);
        pauseIt();
        vm.prank(borrower);
        lending.withdraw(ONE_BTC);
        assertEq(btc.balanceOf(borrower), 3 * ONE_BTC);
    }

    function test_liquidate_PaysTheBonusAndNoMore() public {
        borrow(MOST);
        vm.expectPartialRevert(ExampleLending.Healthy.selector);
        liquidate(1);
        skipS(1);
        pushDollars(55_000, Validity.VALID);
        liquidate(10_000 * USD);
        // 10,500 dollars at 55,000, rounded down.
        assertEq(btc.balanceOf(liquidator), uint256(10_500 * ONE_BTC) / 55_000);
        (uint256 collateral, uint256 debt) = lending.loans(borrower);
        assertEq(debt, MOST - 10_000 * USD);
        assertEq(collateral, ONE_BTC - btc.balanceOf(liquidator));
    }

    function test_liquidate_RevertIf_ExactlyAtTheThreshold() public {
        borrow(40_000 * USD);
        skipS(1);
        pushDollars(50_000, Validity.VALID);
        vm.expectRevert(
            abi.encodeWithSelector(
                ExampleLending.Healthy.selector, borrower, 40_000 * USD, 40_000 * USD
            )
        );
        liquidate(1);
    }

    function test_liquidate_WritesOffWhatNoCollateralIsLeftFor() public {
        borrow(MOST);
        skipS(1);
        pushDollars(30_000, Validity.VALID);
        vm.expectEmit(address(lending));
        emit ExampleLending.Liquidated(
            borrower, liquidator, 30_000 * USD, ONE_BTC, MOST - 30_000 * USD
        );
        liquidate(30_000 * USD);
        (uint256 collateral, uint256 debt) = lending.loans(borrower);
        assertEq(collateral + debt, 0);
    }

    function test_stale_AllowsOnlySafeActions() public {
        borrow(1000 * USD);
        skipS(MAX_AGE_MS / 1000 + 1);
        assertOnlySafeActions(staleError());
    }

    function test_halted_AllowsOnlySafeActions() public {
        borrow(1000 * USD);
        skipS(1);
        pushEntry(bareEntry(uint256(Validity.HALTED)));
        assertOnlySafeActions(tooLow(Validity.HALTED));
    }

    function test_paused_AllowsOnlySafeActions() public {
        borrow(1000 * USD);
        pauseIt();
        assertOnlySafeActions(abi.encodeWithSelector(IMarkOracle.Paused.selector, MARKET));
    }

    function test_sequencerDown_AllowsOnlySafeActions() public {
        borrow(1000 * USD);
        sequencer.set(1, START_S - 60);
        assertOnlySafeActions(
            abi.encodeWithSelector(SequencerGrace.SequencerDown.selector, 1, START_S - 60)
        );
    }

    /// @dev The sequencer comes back with a price that fell by a third: nobody is liquidated before
    /// borrowers have had the grace period to answer.
    function test_sequencerBack_GivesBorrowersTheGracePeriod() public {
        borrow(MOST);
        skipS(2 hours);
        sequencer.set(0, block.timestamp);
        pushDollars(40_000, Validity.VALID);
        vm.expectRevert(
            abi.encodeWithSelector(SequencerGrace.SequencerGracePeriod.selector, 0, GRACE_S)
        );
        liquidate(1000 * USD);
        vm.prank(borrower);
        lending.repay(borrower, 15_000.09e6);

        skipS(GRACE_S + 1);
        pushDollars(40_000, Validity.VALID);
        vm.expectPartialRevert(ExampleLending.Healthy.selector);
        liquidate(1000 * USD);
    }

    /// @dev A price that four of seven members were bought to sign.
    function test_manipulation_FailsBelowAQuorum() public {
        skipS(1);
        Draft memory d = draftOf(wordWith(pricedEntry(90_000_000, 16, 6), nowMs()));
        bytes memory forged = fullBody(d, 0x0f);
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.WrongSignerCount.selector, 0xf, 7, 5));
        oracle.update(forged);
        // The fifth signature is one of the four again.
        forged = bytes.concat(
            unsignedBody(d, singleton(0)),
            hex"0000001f",
            signatures(digestOf(d), 0x0f),
            signatures(digestOf(d), 0x08)
        );
        vm.expectRevert(abi.encodeWithSelector(IReportErrors.BadSignature.selector, 4));
        oracle.update(forged);
        vm.expectPartialRevert(ExampleLending.TooLittleCollateral.selector);
        borrow(MOST + 1);
    }

    /// @dev After a crash, a report from before it is sent again to borrow at the old price.
    function test_manipulation_FailsWithOldReports() public {
        bytes memory before = reportOf(pricedEntry(90_000_000, 15, 6), nowMs() + 1, 0);
        skipS(1);
        pushDollars(40_000, Validity.VALID);
        assertEq(oracle.update(before), 0);
        vm.expectPartialRevert(ExampleLending.TooLittleCollateral.selector);
        borrow(MOST);
    }

    /// @dev A quorum errs for a moment: its price is stored but held, and nothing happens on it
    /// until it returns.
    function test_manipulation_AllowsOnlySafeActionsOnAJump() public {
        borrow(MOST);
        skipS(1);
        pushEntry(pricedEntry(20_000_000, 15, 6));
        assertOnlySafeActions(tooLow(Validity.TOO_VOLATILE));
        skipS(1);
        pushEntry(pricedEntry(90_000_000, 15, 6));
        vm.expectRevert(tooLow(Validity.TOO_VOLATILE));
        borrow(1);
        skipS(1);
        pushEntry(entryOf(6));
        borrow(1);
    }

    /// @dev A pushed price is signed with the validity that the breakers gave it: nothing happens
    /// on it, neither a loan nor a liquidation.
    function test_manipulation_AllowsOnlySafeActionsWhileTheMarkIsDoubted() public {
        borrow(MOST);
        skipS(1);
        pushDollars(30_000, Validity.TOO_VOLATILE);
        assertOnlySafeActions(tooLow(Validity.TOO_VOLATILE));
        skipS(1);
        pushDollars(90_000, Validity.TOO_UNCERTAIN);
        assertOnlySafeActions(tooLow(Validity.TOO_UNCERTAIN));
    }

    function tooLow(Validity given) private pure returns (bytes memory) {
        return abi.encodeWithSelector(
            IMarkOracle.ValidityTooLow.selector, MARKET, given, Validity.GUARDED
        );
    }

    /// @dev At any price and amount, a loan stays within its limit by plain arithmetic, and
    /// borrowing then liquidating at the same price never pays.
    function testFuzz_borrow_StaysWithinTheLimit(uint256 mantissa, uint256 collateral, uint256 debt)
        public
    {
        mantissa = bound(mantissa, 10 ** 7, 10 ** 8 - 1);
        collateral = bound(collateral, 0, ONE_BTC);
        debt = bound(debt, 1, 100_000 * USD);
        takeJumps();
        skipS(1);
        pushEntry(pricedEntry(mantissa, 15, 6));
        vm.startPrank(borrower);
        lending.withdraw(ONE_BTC - collateral);
        (bool success,) = address(lending).call(abi.encodeCall(ExampleLending.borrow, (debt)));
        vm.stopPrank();
        // mantissa × 10^-3 dollars a Bitcoin; both sides × 10^9 × 4.
        bool allowed = debt * 4 * 10 ** 5 <= 3 * collateral * mantissa;
        if (success) assertTrue(allowed, "above the limit");
        // What rounding down in the lender's favour may refuse is two units.
        else assertFalse((debt + 2) * 4 * 10 ** 5 <= 3 * collateral * mantissa, "refused within");
        if (success) {
            vm.expectPartialRevert(ExampleLending.Healthy.selector);
            liquidate(debt);
        }
    }

    function test_lenderActions_RevertIf_CallerIsAnother() public {
        bytes memory error =
            abi.encodeWithSelector(ExampleLending.NotTheLender.selector, address(this));
        vm.expectRevert(error);
        lending.supply(1);
        vm.expectRevert(error);
        lending.reclaim(1);
    }

    function test_amounts_RevertIf_MoreThanHeld() public {
        vm.startPrank(borrower);
        vm.expectRevert(
            abi.encodeWithSelector(ExampleLending.MoreThanHeld.selector, ONE_BTC + 1, ONE_BTC)
        );
        lending.withdraw(ONE_BTC + 1);
        vm.expectRevert(abi.encodeWithSelector(ExampleLending.MoreThanHeld.selector, 1, 0));
        lending.repay(borrower, 1);
        vm.stopPrank();
        vm.prank(lender);
        lending.reclaim(500_000 * USD);
        assertEq(usd.balanceOf(lender), 1_000_000 * USD);
    }
}

contract ExamplesChainlinkTest is ExamplesTest {
    function deploy(address lender_, IERC20Metadata collateral, IERC20Metadata debt)
        internal
        override
        returns (ExampleLending)
    {
        ChainlinkAdapter adapter =
            new ChainlinkAdapter(oracle, MARKET, "BTC-USD", policy(), 8, "BTC / USD");
        return new LendingOnChainlink(lender_, collateral, debt, adapter);
    }

    function staleError() internal pure override returns (bytes memory) {
        return abi.encodeWithSelector(IMarkOracle.TooOld.selector, MARKET, 31_000, MAX_AGE_MS);
    }
}

contract ExamplesPythTest is ExamplesTest {
    bytes32 private constant ID = keccak256("BTC/USD");

    PythAdapter private pyth;

    function deploy(address lender_, IERC20Metadata collateral, IERC20Metadata debt)
        internal
        override
        returns (ExampleLending)
    {
        PythFeed[] memory feeds = new PythFeed[](1);
        feeds[0] = PythFeed(ID, "BTC-USD", 0, uint16(MARKET), 0, 8);
        pyth = new PythAdapter(oracle, policy(), feeds, 0, payable(0));
        return new LendingOnPyth(lender_, collateral, debt, pyth, ID);
    }

    function staleError() internal pure override returns (bytes memory) {
        return abi.encodeWithSelector(IPythErrors.StalePrice.selector);
    }

    /// @dev 0x3f is 96 bps of the price, 0x40 is 102.4: 100 is as much as it takes.
    function test_borrow_RevertIf_TheConfidenceIsTooWide() public {
        skipS(1);
        pushEntry(entryWithConfidence(0x3f));
        vm.prank(makeAddr("borrower"));
        lending.borrow(1);
        skipS(1);
        pushEntry(entryWithConfidence(0x40));
        vm.prank(makeAddr("borrower"));
        vm.expectPartialRevert(LendingOnPyth.BadPrice.selector);
        lending.borrow(1);
    }

    function entryWithConfidence(uint256 code) private pure returns (uint256) {
        return (entryOf(6) & ~(uint256(0x7f) << 32)) | (code << 32);
    }

    /// @dev As Pyth's users do: update, then act.
    function test_update_ThenBorrow() public {
        skipS(60);
        bytes[] memory updateData = new bytes[](1);
        updateData[0] = reportOf(entryOf(6), nowMs(), 0);
        pyth.updatePriceFeeds{value: pyth.getUpdateFee(updateData)}(updateData);
        vm.prank(makeAddr("borrower"));
        lending.borrow(1);
    }
}

contract ExamplesErc7412Test is ExamplesTest {
    Erc7412Adapter private adapter;

    function deploy(address lender_, IERC20Metadata collateral, IERC20Metadata debt)
        internal
        override
        returns (ExampleLending)
    {
        adapter = new Erc7412Adapter(oracle, MARKET, "BTC-USD", policy(), 0, payable(0));
        return new LendingOnErc7412(lender_, collateral, debt, adapter);
    }

    function staleError() internal view override returns (bytes memory) {
        uint256 notBeforeMs = block.timestamp * 1000 - MAX_AGE_MS;
        return abi.encodeWithSelector(
            IERC7412.OracleDataRequired.selector,
            adapter,
            abi.encode(oracle.SALT(), MARKET, notBeforeMs)
        );
    }

    /// @dev As clients of ERC-7412 do: the call says what it lacks, and whom to send it to.
    function test_call_SaysWhatItLacksAndPassesOnceSent() public {
        skipS(60);
        vm.startPrank(makeAddr("borrower"));
        (bool success, bytes memory error) =
            address(lending).call(abi.encodeCall(ExampleLending.borrow, (1)));
        assertFalse(success);
        assertEq(error, staleError());
        adapter.fulfillOracleQuery(reportOf(entryOf(6), nowMs(), 0));
        lending.borrow(1);
        vm.stopPrank();
    }
}
