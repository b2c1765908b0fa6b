// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SequencerGrace} from "../src/adapters/SequencerGrace.sol";
import {ExampleLending} from "../src/examples/ExampleLending.sol";
import {IMarkOracle, Validity} from "../src/interfaces/IMarkOracle.sol";
import {IReportErrors} from "../src/interfaces/IReportErrors.sol";
import {ExamplesFixture} from "./ExamplesFixture.sol";
import {Draft} from "./ReportBuilder.sol";

/// @notice What is still allowed while there is no price to act on, or somebody made one up.
abstract contract ExamplesSafety is ExamplesFixture {
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
        bytes memory error = tooLow(Validity.TOO_VOLATILE);
        vm.expectRevert(error);
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
}
