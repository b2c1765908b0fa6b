// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAccessPolicy} from "../../src/perp/interfaces/IAccessPolicy.sol";
import {Change, IRiskParameters, Rule, Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {CollateralRisk, Fields, GlobalRisk, MarketRisk} from "../../src/perp/lib/Fields.sol";
import {RiskParametersFixture} from "./RiskParametersFixture.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

contract RiskParametersTest is RiskParametersFixture {
    using Fields for MarketRisk;
    using Fields for CollateralRisk;
    using Fields for GlobalRisk;

    function test_list_GivesWhatWasListed() public view {
        MarketRisk memory m = params.marketRisk(BTC);
        GlobalRisk memory g = params.globalRisk();
        Change[] memory markets = btcDefaults(BTC);
        Change[] memory all = globalDefaults();
        for (uint256 i; i < 28; ++i) {
            assertEq(m.get(markets[i].field), markets[i].value);
            assertEq(g.get(all[i].field), all[i].value);
            assertEq(params.value(Scope.GLOBAL, 0, all[i].field), all[i].value);
            assertEq(params.governed(Scope.MARKET, BTC, markets[i].field), markets[i].value);
        }
        CollateralRisk memory c = params.collateralRisk(ETHER);
        Change[] memory collaterals = etherDefaults(ETHER, 2, 3);
        for (uint256 i; i < 13; ++i) {
            assertEq(c.get(collaterals[i].field), collaterals[i].value);
        }
        assertEq(params.listedMarkets().length, 2);
        assertEq(params.listedMarkets()[1], ETH);
    }

    function test_risk_IsZeroForWhatIsNotListed() public view {
        MarketRisk memory m = params.marketRisk(7);
        assertEq(m.tiers | m.trading | m.limits, 0);
        CollateralRisk memory c = params.collateralRisk(type(uint256).max);
        assertEq(c.haircuts | c.limits, 0);
    }

    function test_marketRisk_CostsThreeSlots() public view {
        IRiskParameters cold = params;
        uint256 before = gasleft();
        cold.marketRisk(BTC);
        // Three cold slots, a cold account, and little else.
        assertLt(before - gasleft(), 10_400);
    }

    function test_change_SetsAndSaysSo() public {
        vm.expectEmit(address(params));
        emit IRiskParameters.ParameterChanged(Scope.MARKET, BTC, Fields.MAINTENANCE_0_BPS, 200, 240);
        change(btc(Fields.MAINTENANCE_0_BPS, 240));
        assertEq(btcNow(Fields.MAINTENANCE_0_BPS), 240);
        assertEq(
            params.nextChangeS(Scope.MARKET, BTC, Fields.MAINTENANCE_0_BPS),
            block.timestamp + 1 days
        );
        assertEq(params.value(Scope.MARKET, ETH, Fields.MAINTENANCE_0_BPS), 250);
    }

    /// @dev To its bound in one step, or in several that are executed together.
    function test_change_RevertIf_FurtherThanAStep() public {
        bytes32 name = "MAINTENANCE_0_BPS";
        vm.expectRevert(
            abi.encodeWithSelector(IRiskParameters.StepTooLarge.selector, name, 200, 5000, 40)
        );
        change(btc(Fields.MAINTENANCE_0_BPS, 5000));
        Change[] memory twice =
            both(btc(Fields.MAINTENANCE_0_BPS, 240), btc(Fields.MAINTENANCE_0_BPS, 280));
        uint256 nextS = block.timestamp + 1 days;
        vm.expectRevert(abi.encodeWithSelector(IRiskParameters.TooSoon.selector, name, nextS));
        change(twice);
        change(btc(Fields.MAINTENANCE_0_BPS, 240));
        skipS(1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(IRiskParameters.TooSoon.selector, name, nextS));
        change(btc(Fields.MAINTENANCE_0_BPS, 280));
        skipS(1);
        change(btc(Fields.MAINTENANCE_0_BPS, 280));
        assertEq(btcNow(Fields.MAINTENANCE_0_BPS), 280);
    }

    /// @dev The bound is refused for its own sake where the step would reach it.
    function test_change_RevertIf_OutOfBounds() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IRiskParameters.OutOfBounds.selector, bytes32("MARKET_STATE"), 0, 1, 2
            )
        );
        change(btc(Fields.MARKET_STATE, Fields.UNLISTED));
        for (uint256 i; i < 27; ++i) {
            Change memory c = globalDefaults()[i];
            Rule memory r = params.rule(Scope.GLOBAL, c.field);
            vm.expectRevert(
                abi.encodeWithSelector(
                    IRiskParameters.OutOfBounds.selector, r.name, r.most + 1, r.least, r.most
                )
            );
            change(global(c.field, r.most + 1));
        }
    }

    function test_change_MovesOneBitOfTheTable() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IRiskParameters.StepTooLarge.selector, bytes32("ALLOWED_GUARDED"), 0x1e, 0x02, 1
            )
        );
        change(global(Fields.ALLOWED_GUARDED, 0x02));
        change(global(Fields.ALLOWED_GUARDED, 0x16));
        assertEq(params.globalRisk().get(Fields.ALLOWED_GUARDED), 0x16);
    }

    /// @dev Nothing below VALID opens or withdraws; nothing below GUARDED does more than reduce; stale
    /// and worse do nothing; and VALID reduces, liquidates and withdraws whatever governance wants.
    function test_change_RevertIf_TheTableAllowsTooMuchOrTooLittle() public {
        _refuseTable(Fields.ALLOWED_HALTED, 0x02);
        _refuseTable(Fields.ALLOWED_MISSING, 0x02);
        _refuseTable(Fields.ALLOWED_STALE, 0x04);
        _refuseTable(Fields.ALLOWED_TOO_VOLATILE, 0x06);
        _refuseTable(Fields.ALLOWED_TOO_UNCERTAIN, 0x03);
        _refuseTable(Fields.ALLOWED_GUARDED, 0x1f);
        _refuseTable(Fields.ALLOWED_GUARDED, 0x3e);
        _refuseTable(Fields.ALLOWED_GUARDED, 0x1c);
        for (uint256 bit = 1; bit < 6; ++bit) {
            _refuseTable(Fields.ALLOWED_VALID, 0x3f ^ (1 << bit));
        }
        change(global(Fields.ALLOWED_VALID, 0x3e));
    }

    function test_change_RevertIf_WhatACollateralIsPricedByWouldChange() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IRiskParameters.StepTooLarge.selector, bytes32("INDEX_MARKET"), 2, 4, 0
            )
        );
        change(one(Scope.COLLATERAL, ETHER, Fields.INDEX_MARKET, 4));
        vm.expectRevert(
            abi.encodeWithSelector(
                IRiskParameters.StepTooLarge.selector, bytes32("TWAP_MARKET"), 3, 5, 0
            )
        );
        change(one(Scope.COLLATERAL, ETHER, Fields.TWAP_MARKET, 5));
    }

    function test_change_RevertIf_UnknownField() public {
        uint256[4] memory fields =
            [Fields.MARKET_EMERGENCY_UNTIL_S, Fields.CAP_0_USD + 1, 3 << 16, type(uint256).max];
        for (uint256 i; i < 4; ++i) {
            for (uint8 scope; scope < 3; ++scope) {
                vm.expectRevert(
                    abi.encodeWithSelector(
                        IRiskParameters.UnknownField.selector, Scope(scope), fields[i]
                    )
                );
                change(one(Scope(scope), scope == 1 ? 1 : 0, fields[i], 1));
            }
        }
    }

    function test_change_RevertIf_NotListed() public {
        for (uint8 scope; scope < 3; ++scope) {
            vm.expectRevert(
                abi.encodeWithSelector(IRiskParameters.NotListed.selector, Scope(scope), 4)
            );
            change(one(Scope(scope), 4, Fields.CAP_0_USD, 1));
        }
    }

    function test_change_DelistsAndOpensAgain() public {
        change(btc(Fields.MARKET_STATE, Fields.REDUCE_ONLY));
        assertEq(btcNow(Fields.MARKET_STATE), Fields.REDUCE_ONLY);
        skipS(1 days);
        change(btc(Fields.MARKET_STATE, Fields.LISTED));
        assertEq(btcNow(Fields.MARKET_STATE), Fields.LISTED);
    }

    /// @dev What goes together is judged after the batch, not within it.
    function test_change_JudgesTheWholeBatch() public {
        Change[] memory cap = btc(Fields.OPEN_INTEREST_CAP_USD, 12_000_000);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRiskParameters.Inconsistent.selector,
                bytes32("OPEN_INTEREST_CAP_USD"),
                bytes32("DEPTH"),
                12_000_000,
                10_000_000
            )
        );
        change(cap);
        change(both(cap, global(Fields.DEPTH_1_USD, 12_000_000)));
        assertEq(btcNow(Fields.OPEN_INTEREST_CAP_USD), 12_000_000);
        skipS(1 days);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRiskParameters.Inconsistent.selector,
                bytes32("OPEN_INTEREST_CAP_USD"),
                bytes32("DEPTH"),
                12_000_000,
                11_000_000
            )
        );
        change(global(Fields.DEPTH_1_USD, 11_000_000));
    }

    function test_setAccessPolicy_SetsAndSaysSo() public {
        IAccessPolicy policy = IAccessPolicy(makeAddr("policy"));
        vm.expectEmit(address(params));
        emit IRiskParameters.AccessPolicyChanged(BTC, policy);
        vm.prank(owner);
        params.setAccessPolicy(BTC, policy);
        assertEq(address(params.accessPolicy(BTC)), address(policy));
        vm.expectRevert(abi.encodeWithSelector(IRiskParameters.NotListed.selector, Scope.MARKET, 4));
        vm.prank(owner);
        params.setAccessPolicy(4, policy);
    }

    function testFuzz_OnlyTheOwnerGoverns(address caller) public {
        vm.assume(caller != owner && caller != address(0));
        bytes memory refusal =
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(refusal);
        params.change(new Change[](0));
        vm.expectRevert(refusal);
        params.list(Scope.MARKET, 4, btcDefaults(4));
        vm.expectRevert(refusal);
        params.endEmergency(Scope.GLOBAL, 0);
        vm.expectRevert(refusal);
        params.setAccessPolicy(BTC, IAccessPolicy(caller));
        vm.expectRevert(refusal);
        params.setGuardian(caller);
        vm.expectRevert(refusal);
        Ownable2Step(address(params)).transferOwnership(caller);
    }

    function test_renounceOwnership_RevertAlways() public {
        vm.expectRevert(IRiskParameters.OwnershipIsKept.selector);
        vm.prank(owner);
        Ownable2Step(address(params)).renounceOwnership();
    }

    function test_transferOwnership_NeedsToBeAccepted() public {
        address next = makeAddr("timelock");
        vm.prank(owner);
        Ownable2Step(address(params)).transferOwnership(next);
        assertEq(Ownable2Step(address(params)).owner(), owner);
        vm.prank(next);
        Ownable2Step(address(params)).acceptOwnership();
        assertEq(Ownable2Step(address(params)).owner(), next);
    }

    /// @dev Wherever a parameter is, one change moves it by its step and within its bounds, or fails.
    function testFuzz_change_MovesByAStepAtMost(uint256 which, uint256 to, bool near) public {
        Change memory c = btcDefaults(BTC)[which % 28];
        Rule memory r = params.rule(Scope.MARKET, c.field);
        to = near ? bound(to, c.value / 2, c.value * 2) : bound(to, 0, r.most * 2);
        uint256 limit = c.value * r.stepBps / 10_000;
        if (limit < r.stepAbs) limit = r.stepAbs;
        vm.prank(owner);
        try params.change(btc(c.field, to)) {
            assertEq(btcNow(c.field), to);
            assertLe(to > c.value ? to - c.value : c.value - to, limit);
            assertGe(to, r.least);
            assertLe(to, r.most);
        } catch {
            assertEq(btcNow(c.field), c.value);
        }
        for (uint256 i; i < 28; ++i) {
            Change memory other = btcDefaults(BTC)[i];
            if (other.field != c.field) assertEq(btcNow(other.field), other.value);
        }
    }

    function _refuseTable(uint256 field, uint256 to) private {
        Rule memory r = params.rule(Scope.GLOBAL, field);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRiskParameters.OutOfBounds.selector, r.name, to, r.least, r.most
            )
        );
        change(global(field, to));
    }
}
