// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IListingGate, Terms} from "../../src/governance/interfaces/IListingGate.sol";
import {Binding, IMarkOracle} from "../../src/interfaces/IMarkOracle.sol";
import {Change, IRiskParameters, Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {Draft} from "../ReportBuilder.sol";
import {GovernanceFixture, Proposal} from "./GovernanceFixture.sol";

/// @notice What may be listed, and the ways to have a thin market listed.
contract ListingGateTest is GovernanceFixture {
    /// @dev Bound and unlisted: a perp market, and the two marks of a collateral.
    uint256 private constant NEW = 4;
    uint256 private constant TWAP = 5;
    uint256 private constant PROBATION_S = 30 days;
    uint256 private constant INTERVAL_S = 6 hours;
    uint256 private constant DEPTH_0_USD = 1_000_000;
    uint256 private constant VALID = 6;
    uint256 private constant GUARDED = 5;
    uint256 private constant MISSING = 1;

    function test_list_OfAMarketThatWasWatched() public {
        Proposal memory p = listing(NEW, 0);
        passAndQueue(p);
        watch();
        execute(p);
        assertEq(params.value(Scope.MARKET, NEW, Fields.MARKET_STATE), Fields.LISTED);
    }

    function test_list_RevertIf_NobodyWatched() public {
        Proposal memory p = listing(NEW, 0);
        passAndQueue(p);
        toEta(p);
        vm.expectPartialRevert(IListingGate.NotProven.selector);
        this.doExecute(p);
    }

    function test_list_RevertIf_WatchedForTooShort() public {
        push(VALID);
        gate.sample(NEW);
        uint256 startS = block.timestamp;
        while (block.timestamp + INTERVAL_S < startS + PROBATION_S) {
            step();
        }
        vm.warp(startS + PROBATION_S - 1);
        push(VALID);
        vm.expectPartialRevert(IListingGate.NotProven.selector);
        gate.requireProven(NEW);
        skipS(1);
        gate.requireProven(NEW);
    }

    /// @dev Long enough, but looked at too seldom.
    function test_list_RevertIf_SampledTooSeldom() public {
        push(VALID);
        gate.sample(NEW);
        for (uint256 i; i < 31; ++i) {
            skipS(1 days);
            push(VALID);
            gate.sample(NEW);
        }
        vm.expectRevert(
            abi.encodeWithSelector(
                IListingGate.NotProven.selector, NEW, block.timestamp - 31 days, 32, 60
            )
        );
        gate.requireProven(NEW);
    }

    function test_list_RevertIf_NotValidAtThatMoment() public {
        watch();
        skipS(1);
        push(GUARDED);
        vm.expectPartialRevert(IMarkOracle.ValidityTooLow.selector);
        gate.requireProven(NEW);
        skipS(1);
        push(VALID);
        skipS(61);
        vm.expectPartialRevert(IMarkOracle.TooOld.selector);
        gate.requireProven(NEW);
    }

    function test_sample_RestartsAtABadMark() public {
        watch();
        gate.requireProven(NEW);
        skipS(1);
        push(MISSING);
        vm.prank(mallory);
        gate.sample(NEW);
        assertEq(gate.probationOf(NEW).sinceS, 0);
        skipS(1);
        push(VALID);
        vm.expectPartialRevert(IListingGate.NotProven.selector);
        gate.requireProven(NEW);
        gate.sample(NEW);
        assertEq(gate.probationOf(NEW).samples, 1);
        assertEq(gate.probationOf(NEW).sinceS, block.timestamp);
    }

    function test_sample_RestartsAtAPauseAndAfterAGap() public {
        push(VALID);
        gate.sample(NEW);
        vm.prank(bot);
        homeGuardian.pauseMarket(NEW, "odd");
        gate.sample(NEW);
        assertEq(gate.probationOf(NEW).sinceS, 0);
        vm.prank(council);
        homeGuardian.unpauseMarket(NEW, "clear");
        gate.sample(NEW);
        skipS(4 * INTERVAL_S + 1);
        push(VALID);
        gate.sample(NEW);
        assertEq(gate.probationOf(NEW).samples, 1);
        assertEq(gate.probationOf(NEW).sinceS, block.timestamp);
    }

    /// @dev Nobody begins a market's time anew by looking while nobody pays for updates.
    function test_sample_RevertIf_TheMarkIsOldOrGuarded() public {
        push(VALID);
        gate.sample(NEW);
        skipS(INTERVAL_S);
        vm.expectPartialRevert(IListingGate.NothingToSample.selector);
        gate.sample(NEW);
        push(GUARDED);
        vm.expectPartialRevert(IListingGate.NothingToSample.selector);
        gate.sample(NEW);
        assertEq(gate.probationOf(NEW).samples, 1);
    }

    function test_sample_RevertIf_TooEarlyOrUnbound() public {
        push(VALID);
        gate.sample(NEW);
        skipS(INTERVAL_S - 1);
        push(VALID);
        vm.expectRevert(abi.encodeWithSelector(IListingGate.TooEarly.selector, block.timestamp + 1));
        gate.sample(NEW);
        vm.expectRevert(abi.encodeWithSelector(IListingGate.NotBound.selector, 7));
        gate.sample(7);
        vm.expectPartialRevert(IListingGate.NothingToSample.selector);
        gate.sample(0);
    }

    function test_list_RevertIf_ItBeginsDeeperThanTheLeast() public {
        Proposal memory p = listing(NEW, 1);
        passAndQueue(p);
        watch();
        vm.expectRevert(abi.encodeWithSelector(IListingGate.DepthTooGreat.selector, NEW, 1, 0));
        this.doExecute(p);
    }

    function test_list_RevertIf_ItsOpenInterestIsAboveTheLeastDepth() public {
        Change[] memory changes = market(NEW, 0);
        changes[22].value = DEPTH_0_USD + 1;
        Proposal memory p =
            proposalOf(address(params), abi.encodeCall(params.list, (Scope.MARKET, NEW, changes)));
        passAndQueue(p);
        watch();
        vm.expectRevert(
            abi.encodeWithSelector(
                IRiskParameters.Inconsistent.selector,
                bytes32("OPEN_INTEREST_CAP_USD"),
                bytes32("DEPTH"),
                DEPTH_0_USD + 1,
                DEPTH_0_USD
            )
        );
        this.doExecute(p);
    }

    /// @dev drift-2026-04: a token with 500 USD of liquidity, traded among friends at 1 for three
    /// weeks, is to be listed as a collateral for as much as the thief can mint.
    function test_list_RefusesAWashTradedCollateral() public {
        Proposal memory p = collateralListing(785_000_000);
        passAndQueue(p);
        push(VALID);
        gate.sample(NEW);
        gate.sample(TWAP);
        uint256 startS = block.timestamp;
        while (block.timestamp < startS + 21 days) {
            step();
        }
        vm.expectPartialRevert(IListingGate.NotProven.selector);
        this.doExecute(p);
        uint256 snapshot = vm.snapshotState();
        veto(p);
        assertTrue(vm.revertToState(snapshot));
        // Were it left for longer, and nobody's: it may not begin with more than the least depth.
        while (block.timestamp < startS + PROBATION_S) {
            step();
        }
        vm.expectRevert(
            abi.encodeWithSelector(
                IListingGate.DepositCapTooGreat.selector, 2, 785_000_000, DEPTH_0_USD
            )
        );
        this.doExecute(p);
    }

    function test_list_OfACollateralThatBeginsSmall() public {
        Proposal memory p = collateralListing(DEPTH_0_USD);
        passAndQueue(p);
        watch();
        execute(p);
        assertEq(params.value(Scope.COLLATERAL, 2, Fields.DEPOSIT_CAP), DEPTH_0_USD);
    }

    function test_list_RevertIf_TheTwapIsUnproven() public {
        Proposal memory p = collateralListing(1);
        passAndQueue(p);
        watch();
        skipS(1);
        push(MISSING);
        gate.sample(TWAP);
        skipS(1);
        push(VALID);
        vm.expectPartialRevert(IListingGate.NotProven.selector);
        this.doExecute(p);
    }

    function test_change_PromotesOneDepthAtATimeAndSlowly() public {
        Proposal memory p = listing(NEW, 0);
        passAndQueue(p);
        watch();
        execute(p);
        uint256 listedAtS = block.timestamp;
        Proposal memory first = promotion(1);
        passAndQueue(first);
        toEta(first);
        vm.expectRevert(
            abi.encodeWithSelector(IListingGate.PromotedTooSoon.selector, NEW, listedAtS + 30 days)
        );
        this.doExecute(first);
        vm.warp(listedAtS + 30 days);
        execute(first);
        Proposal memory second = promotion(2);
        Proposal memory jump = promotion(3);
        passAndQueue(second);
        passAndQueue(jump);
        toEta(jump);
        vm.expectPartialRevert(IListingGate.DepthTooGreat.selector);
        this.doExecute(jump);
        vm.expectPartialRevert(IListingGate.PromotedTooSoon.selector);
        this.doExecute(second);
        decide(promotion(0));
        assertEq(params.value(Scope.MARKET, NEW, Fields.DEPTH), 0);
    }

    function test_requireProven_RevertIf_NobodyLookedSince() public {
        watch();
        skipS(4 * INTERVAL_S);
        push(VALID);
        gate.requireProven(NEW);
        skipS(1);
        push(VALID);
        vm.expectPartialRevert(IListingGate.NotProven.selector);
        gate.requireProven(NEW);
    }

    /// @dev A number that means nothing any more has shown nothing.
    function test_requireProven_RevertIf_TheNumberIsRetired() public {
        watch();
        Binding[] memory retired = new Binding[](1);
        retired[0] = Binding(NEW, 0);
        vm.prank(address(timelock));
        oracle.setCommittee(3, members, THRESHOLD, 0, retired);
        vm.expectRevert(abi.encodeWithSelector(IListingGate.NotBound.selector, NEW));
        gate.requireProven(NEW);
    }

    function test_setTerms_StaysWithinBounds() public {
        Terms[6] memory bad = [
            Terms(7 days - 1, 6 hours, 60_000, 30 days),
            Terms(181 days, 6 hours, 60_000, 30 days),
            Terms(30 days, 10 minutes - 1, 60_000, 30 days),
            Terms(30 days, 1 days + 1, 60_000, 30 days),
            Terms(30 days, 6 hours, 1 hours * 1000 + 1, 30 days),
            Terms(30 days, 6 hours, 60_000, 7 days - 1)
        ];
        vm.startPrank(address(timelock));
        for (uint256 i; i < bad.length; ++i) {
            vm.expectPartialRevert(IListingGate.TermOutOfRange.selector);
            gate.setTerms(bad[i]);
        }
        gate.setTerms(Terms(7 days, 1 hours, 60_000, 7 days));
        vm.stopPrank();
        assertEq(gate.terms().probationS, 7 days);
    }

    function test_gate_RevertIf_CalledByAnyoneButTheTimelock() public {
        bytes memory refusal =
            abi.encodeWithSelector(IListingGate.NotExecutor.selector, address(this));
        vm.expectRevert(refusal);
        gate.setTerms(terms());
        vm.expectRevert(refusal);
        gate.beforeCall(address(params), "");
    }

    /// @dev Watched for as long as it takes, every sample good.
    function watch() private {
        push(VALID);
        gate.sample(NEW);
        gate.sample(TWAP);
        for (uint256 i; i < PROBATION_S / INTERVAL_S; ++i) {
            step();
        }
    }

    function step() private {
        skipS(INTERVAL_S);
        push(VALID);
        gate.sample(NEW);
        gate.sample(TWAP);
    }

    /// @dev A report of now, with the numbers 4 and 5 at 1 USD.
    function push(uint256 validity) private {
        uint256 entry = validity < 3 ? bareEntry(validity) : pricedEntry(10 ** 7, 11, validity);
        Draft memory d = draft(2, nowMs());
        d.epoch = 2;
        d.words[0] = wordOf(nowMs(), 0, 0, 0, 0);
        d.words[1] = wordOf(nowMs(), entry, entry, 0, 0);
        push(d);
    }

    function market(uint256 id, uint256 depth) private pure returns (Change[] memory changes) {
        changes = btcDefaults(id);
        assert(changes[9].field == Fields.DEPTH);
        assert(changes[22].field == Fields.OPEN_INTEREST_CAP_USD);
        changes[9].value = depth;
        changes[22].value = DEPTH_0_USD;
    }

    function listing(uint256 id, uint256 depth) private view returns (Proposal memory) {
        return proposalOf(
            address(params), abi.encodeCall(params.list, (Scope.MARKET, id, market(id, depth)))
        );
    }

    function collateralListing(uint256 cap) private view returns (Proposal memory) {
        Change[] memory changes = bitcoinDefaults(2, NEW, TWAP);
        assert(changes[10].field == Fields.DEPOSIT_CAP);
        changes[10].value = cap;
        return
            proposalOf(address(params), abi.encodeCall(params.list, (Scope.COLLATERAL, 2, changes)));
    }

    function promotion(uint256 depth) private view returns (Proposal memory p) {
        p = proposalOf(
            address(params),
            abi.encodeCall(params.change, (one(Scope.MARKET, NEW, Fields.DEPTH, depth)))
        );
        p.description = string.concat(p.description, " to ", vm.toString(depth));
    }
}
