// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Change, IRiskParameters, Rule, Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {CollateralRisk, Fields, GlobalRisk, MarketRisk} from "../../src/perp/lib/Fields.sol";
import {RiskParametersFixture} from "./RiskParametersFixture.sol";

contract RiskParametersEmergencyTest is RiskParametersFixture {
    using Fields for MarketRisk;
    using Fields for CollateralRisk;
    using Fields for GlobalRisk;

    function test_tighten_HoldsForAWhileAndLapses() public {
        uint256 untilS = block.timestamp + 1 days;
        vm.expectEmit(address(params));
        emit IRiskParameters.ParameterTightened(
            Scope.MARKET, BTC, Fields.MARKET_STATE, 2, 1, untilS, guardian
        );
        tighten(btc(Fields.MARKET_STATE, Fields.REDUCE_ONLY));
        assertEq(params.marketRisk(BTC).get(Fields.MARKET_STATE), Fields.REDUCE_ONLY);
        assertEq(params.marketRisk(BTC).get(Fields.MARKET_EMERGENCY_UNTIL_S), untilS);
        assertEq(params.governed(Scope.MARKET, BTC, Fields.MARKET_STATE), Fields.LISTED);
        assertEq(params.value(Scope.MARKET, ETH, Fields.MARKET_STATE), Fields.LISTED);
        skipS(1 days - 1);
        assertEq(btcNow(Fields.MARKET_STATE), Fields.REDUCE_ONLY);
        skipS(1);
        assertEq(btcNow(Fields.MARKET_STATE), Fields.LISTED);
        assertEq(params.marketRisk(BTC).get(Fields.MARKET_STATE), Fields.LISTED);
    }

    function test_tighten_ReachesEachScope() public {
        Change[] memory changes = both(
            global(Fields.ALLOWED_VALID, 0x3e),
            one(Scope.COLLATERAL, ETHER, Fields.COLLATERAL_STATE, Fields.REDUCE_ONLY)
        );
        tighten(changes);
        tighten(one(Scope.COLLATERAL, ETHER, Fields.DEPOSIT_CAP, 1));
        assertEq(params.globalRisk().get(Fields.ALLOWED_VALID), 0x3e);
        CollateralRisk memory risk = params.collateralRisk(ETHER);
        assertEq(risk.get(Fields.COLLATERAL_STATE), Fields.REDUCE_ONLY);
        assertEq(risk.get(Fields.DEPOSIT_CAP), 1);
        skipS(1 days);
        assertEq(params.globalRisk().get(Fields.ALLOWED_VALID), 0x3f);
        assertEq(params.collateralRisk(ETHER).get(Fields.DEPOSIT_CAP), 20_000);
    }

    /// @dev Whatever the guardian says: of every field only these, and only that way. So no account is
    /// nearer its liquidation for it, and closing, liquidating and withdrawing go on.
    function test_tighten_TouchesNothingElse() public {
        uint256[8] memory allowed = [
            Fields.INITIAL_0_BPS,
            Fields.INITIAL_1_BPS,
            Fields.INITIAL_2_BPS,
            Fields.MARKET_STATE,
            Fields.POOL_SHARE_BPS,
            Fields.OPEN_INTEREST_CAP_USD,
            0,
            0
        ];
        for (uint256 i; i < 28; ++i) {
            _checkTouch(btcDefaults(BTC)[i], allowed);
        }
        allowed = [Fields.ALLOWED_VALID, 0, 0, 0, 0, 0, 0, 0];
        for (uint256 i; i < 28; ++i) {
            _checkTouch(globalDefaults()[i], allowed);
        }
        allowed = [Fields.DEPOSIT_CAP, Fields.COLLATERAL_STATE, 0, 0, 0, 0, 0, 0];
        for (uint256 i; i < 13; ++i) {
            _checkTouch(etherDefaults(ETHER, 2, 3)[i], allowed);
        }
    }

    function test_tighten_RevertIf_ItLoosens() public {
        _refuseLooser(btc(Fields.INITIAL_0_BPS, 399), "INITIAL_0_BPS", 400);
        _refuseLooser(
            btc(Fields.OPEN_INTEREST_CAP_USD, 10_000_001), "OPEN_INTEREST_CAP_USD", 10_000_000
        );
        _refuseLooser(btc(Fields.POOL_SHARE_BPS, 5001), "POOL_SHARE_BPS", 5000);
        tighten(btc(Fields.INITIAL_0_BPS, 700));
        _refuseLooser(btc(Fields.INITIAL_0_BPS, 699), "INITIAL_0_BPS", 700);
        tighten(btc(Fields.MARKET_STATE, Fields.REDUCE_ONLY));
        _refuseLooser(btc(Fields.MARKET_STATE, Fields.LISTED), "MARKET_STATE", 1);
        tighten(global(Fields.ALLOWED_VALID, 0x3e));
        _refuseLooser(global(Fields.ALLOWED_VALID, 0x3f), "ALLOWED_VALID", 0x3e);
    }

    /// @dev Closing stays possible: of the table only OPEN goes, a state never falls below reduce-only,
    /// and margins to withdraw at most double.
    function test_tighten_RevertIf_OutOfBounds() public {
        for (uint256 bit = 1; bit < 6; ++bit) {
            _refuseBounds(global(Fields.ALLOWED_VALID, 0x3f ^ (1 << bit)), 0x3e, 0x3f);
        }
        _refuseBounds(btc(Fields.MARKET_STATE, Fields.UNLISTED), 1, 2);
        _refuseBounds(btc(Fields.POOL_SHARE_BPS, 9), 10, 10_000);
        _refuseBounds(btc(Fields.INITIAL_0_BPS, 801), 100, 800);
        tighten(btc(Fields.INITIAL_0_BPS, 800));
        _refuseBounds(btc(Fields.INITIAL_0_BPS, 1000), 100, 800);
    }

    function test_tighten_RevertIf_TooLong() public {
        uint256 limitS = block.timestamp + 7 days;
        bytes memory refusal =
            abi.encodeWithSelector(IRiskParameters.EmergencyTooLong.selector, limitS + 1, limitS);
        _refuseUntil(guardian, limitS + 1, refusal);
        _refuseUntil(owner, limitS + 1, refusal);
        _refuseUntil(
            guardian,
            block.timestamp,
            abi.encodeWithSelector(
                IRiskParameters.EmergencyOver.selector, block.timestamp, block.timestamp
            )
        );
    }

    function testFuzz_tighten_RevertIf_NotGuardian(address caller) public {
        vm.assume(caller != guardian && caller != owner);
        _refuseUntil(
            caller,
            block.timestamp + 1,
            abi.encodeWithSelector(IRiskParameters.NotGuardian.selector, caller)
        );
    }

    function test_tighten_RevertIf_NotListed() public {
        vm.expectRevert(abi.encodeWithSelector(IRiskParameters.NotListed.selector, Scope.MARKET, 4));
        tighten(one(Scope.MARKET, 4, Fields.MARKET_STATE, 1));
    }

    /// @dev A guardian alone holds nothing for more than a week of each two, whatever it is he takes.
    function test_tighten_CannotBeKeptUpByTheGuardian() public {
        uint256 endS = block.timestamp + 7 days;
        tighten(btc(Fields.MARKET_STATE, Fields.REDUCE_ONLY));
        skipS(6 days);
        bytes memory tooLong =
            abi.encodeWithSelector(IRiskParameters.EmergencyTooLong.selector, endS + 1, endS);
        _refuseUntil(guardian, endS + 1, tooLong);
        vm.prank(guardian);
        params.tighten(btc(Fields.MARKET_STATE, Fields.REDUCE_ONLY), endS);
        skipS(1 days);
        assertEq(btcNow(Fields.MARKET_STATE), Fields.LISTED);
        bytes memory tooSoon = abi.encodeWithSelector(
            IRiskParameters.TooSoon.selector, bytes32("EMERGENCY"), endS + 7 days
        );
        _refuseUntil(guardian, block.timestamp + 1, tooSoon);
        // Nor by taking another parameter.
        uint256 untilS = block.timestamp + 1 days;
        vm.expectRevert(tooSoon);
        vm.prank(guardian);
        params.tighten(global(Fields.ALLOWED_VALID, 0x3e), untilS);
        skipS(7 days - 1);
        _refuseUntil(guardian, block.timestamp + 1, tooSoon);
        skipS(1);
        tighten(btc(Fields.MARKET_STATE, Fields.REDUCE_ONLY));
        assertEq(btcNow(Fields.MARKET_STATE), Fields.REDUCE_ONLY);
    }

    function test_tighten_ByTheOwnerNeedsNoRestAndOutlastsTheGuardian() public {
        tighten(btc(Fields.MARKET_STATE, Fields.REDUCE_ONLY));
        skipS(8 days);
        uint256 untilS = block.timestamp + 7 days;
        vm.prank(owner);
        params.tighten(btc(Fields.OPEN_INTEREST_CAP_USD, 1_000_000), untilS);
        assertEq(btcNow(Fields.MARKET_STATE), Fields.LISTED);
        skipS(6 days);
        tighten(btc(Fields.MARKET_STATE, Fields.REDUCE_ONLY));
        assertEq(params.marketRisk(BTC).get(Fields.MARKET_EMERGENCY_UNTIL_S), untilS);
    }

    function test_setGuardian_LetsTheNewOneActAtOnce() public {
        tighten(btc(Fields.MARKET_STATE, Fields.REDUCE_ONLY));
        skipS(8 days);
        address next = makeAddr("next guardian");
        vm.expectEmit(address(params));
        emit IRiskParameters.GuardianChanged(guardian, next);
        vm.prank(owner);
        params.setGuardian(next);
        _refuseUntil(
            guardian,
            block.timestamp + 1,
            abi.encodeWithSelector(IRiskParameters.NotGuardian.selector, guardian)
        );
        guardian = next;
        tighten(btc(Fields.MARKET_STATE, Fields.REDUCE_ONLY));
        assertEq(params.guardian(), next);
    }

    function test_endEmergency_GivesTheGovernedBack() public {
        tighten(btc(Fields.MARKET_STATE, Fields.REDUCE_ONLY));
        vm.expectEmit(address(params));
        emit IRiskParameters.EmergencyEnded(Scope.MARKET, BTC, owner);
        vm.prank(owner);
        params.endEmergency(Scope.MARKET, BTC);
        assertEq(btcNow(Fields.MARKET_STATE), Fields.LISTED);
        assertEq(params.marketRisk(BTC).get(Fields.MARKET_EMERGENCY_UNTIL_S), 0);
        vm.expectRevert(abi.encodeWithSelector(IRiskParameters.NotListed.selector, Scope.MARKET, 4));
        vm.prank(owner);
        params.endEmergency(Scope.MARKET, 4);
    }

    /// @dev What an old emergency said does not come back with a new one.
    function test_tighten_BeginsFromWhatIsGoverned() public {
        tighten(btc(Fields.OPEN_INTEREST_CAP_USD, 1000));
        skipS(14 days);
        tighten(btc(Fields.MARKET_STATE, Fields.REDUCE_ONLY));
        assertEq(btcNow(Fields.OPEN_INTEREST_CAP_USD), 10_000_000);
    }

    /// @dev Governance during an emergency: what it tightens further holds, what the guardian tightened
    /// stays at least as tight, and what he did not touch follows.
    function test_change_DuringAnEmergencyNeverLoosensIt() public {
        tighten(btc(Fields.INITIAL_1_BPS, 900));
        change(both(btc(Fields.INITIAL_1_BPS, 950), btc(Fields.MAINTENANCE_1_BPS, 440)));
        assertEq(btcNow(Fields.INITIAL_1_BPS), 950);
        assertEq(btcNow(Fields.MAINTENANCE_1_BPS), 440);
        skipS(1 days);
        tighten(btc(Fields.OPEN_INTEREST_CAP_USD, 5_000_000));
        change(btc(Fields.OPEN_INTEREST_CAP_USD, 9_000_000));
        assertEq(btcNow(Fields.OPEN_INTEREST_CAP_USD), 5_000_000);
        assertEq(params.governed(Scope.MARKET, BTC, Fields.OPEN_INTEREST_CAP_USD), 9_000_000);
        skipS(1 days);
        assertEq(btcNow(Fields.OPEN_INTEREST_CAP_USD), 9_000_000);
        assertEq(btcNow(Fields.INITIAL_1_BPS), 950);
    }

    function _checkTouch(Change memory c, uint256[8] memory allowed) private {
        bool may = false;
        for (uint256 i; i < 8; ++i) {
            if (allowed[i] == c.field) may = c.field != 0;
        }
        Rule memory r = params.rule(c.scope, c.field);
        assertEq(r.tighter != 0, may, string(abi.encodePacked(r.name)));
        if (may) return;
        uint256 untilS = block.timestamp + 1 days;
        uint256 tighter = c.value == 0 ? 1 : c.value - 1;
        vm.expectRevert(
            abi.encodeWithSelector(IRiskParameters.NotTighter.selector, r.name, c.value, tighter)
        );
        vm.prank(guardian);
        params.tighten(one(c.scope, c.id, c.field, tighter), untilS);
    }

    function _refuseLooser(Change[] memory changes, bytes32 name, uint256 from) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IRiskParameters.NotTighter.selector, name, from, changes[0].value
            )
        );
        tighten(changes);
    }

    function _refuseBounds(Change[] memory changes, uint256 least, uint256 most) private {
        bytes32 name = params.rule(changes[0].scope, changes[0].field).name;
        uint256 untilS = block.timestamp + 1 days;
        vm.expectRevert(
            abi.encodeWithSelector(
                IRiskParameters.OutOfBounds.selector, name, changes[0].value, least, most
            )
        );
        vm.prank(guardian);
        params.tighten(changes, untilS);
    }

    function _refuseUntil(address caller, uint256 untilS, bytes memory refusal) private {
        vm.expectRevert(refusal);
        vm.prank(caller);
        params.tighten(btc(Fields.MARKET_STATE, Fields.REDUCE_ONLY), untilS);
    }
}
