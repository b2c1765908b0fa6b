// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Binding} from "../../src/interfaces/IMarkOracle.sol";
import {Change, IRiskParameters, Rule, Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {RiskParametersFixture} from "./RiskParametersFixture.sol";

contract RiskParametersListingTest is RiskParametersFixture {
    uint256 private constant NEW = 4;

    function test_list_RevertIf_TheNumberMeansNothing() public {
        bytes memory refusal = abi.encodeWithSelector(IRiskParameters.NoInstrument.selector, BOUND);
        _refuse(Scope.MARKET, BOUND, btcDefaults(BOUND), refusal);
        _refuse(Scope.COLLATERAL, 2, etherDefaults(2, BOUND, 3), refusal);
        _refuse(Scope.COLLATERAL, 2, etherDefaults(2, 3, BOUND), refusal);
    }

    function test_change_RevertIf_TheNumberWasRetired() public {
        change(btc(Fields.MARKET_STATE, Fields.REDUCE_ONLY));
        Binding[] memory retired = new Binding[](1);
        vm.prank(owner);
        oracle.setCommittee(3, members, THRESHOLD, 0, retired);
        skipS(1 days);
        vm.expectRevert(abi.encodeWithSelector(IRiskParameters.NoInstrument.selector, BTC));
        change(btc(Fields.MARKET_STATE, Fields.LISTED));
        change(btc(Fields.INITIAL_0_BPS, 480));
    }

    /// @dev An asset that nobody knows the depth of begins small.
    function test_list_RevertIf_ItBeginsDeep() public {
        Change[] memory changes = _with(btcDefaults(NEW), Fields.DEPTH, 2);
        _refuse(
            Scope.MARKET,
            NEW,
            changes,
            abi.encodeWithSelector(IRiskParameters.OutOfBounds.selector, bytes32("DEPTH"), 2, 0, 1)
        );
        changes = _with(btcDefaults(NEW), Fields.OPEN_INTEREST_CAP_USD, 10_000_001);
        _refuseTogether(changes, "OPEN_INTEREST_CAP_USD", "DEPTH", 10_000_001, 10_000_000);
        changes = _with(btcDefaults(NEW), Fields.DEPTH, 0);
        _refuseTogether(changes, "OPEN_INTEREST_CAP_USD", "DEPTH", 10_000_000, 1_000_000);
    }

    function test_list_RevertIf_ListedAlready() public {
        _refuseListed(Scope.MARKET, BTC, btcDefaults(BTC));
        _refuseListed(Scope.COLLATERAL, ETHER, etherDefaults(ETHER, 2, 3));
        _refuseListed(Scope.GLOBAL, 0, globalDefaults());
        change(btc(Fields.MARKET_STATE, Fields.REDUCE_ONLY));
        _refuseListed(Scope.MARKET, BTC, btcDefaults(BTC));
    }

    function test_list_RevertIf_ANumberCannotBe() public {
        _refuse(Scope.GLOBAL, 1, _at(globalDefaults(), 1), _notListed(Scope.GLOBAL, 1));
        _refuse(Scope.COLLATERAL, 0, etherDefaults(0, 2, 3), _notListed(Scope.COLLATERAL, 0));
        vm.prank(owner);
        params.list(Scope.COLLATERAL, 255, etherDefaults(255, 2, 3));
        _refuse(Scope.COLLATERAL, 256, etherDefaults(256, 2, 3), _notListed(Scope.COLLATERAL, 256));
    }

    function test_list_RevertIf_NotEachFieldOnceInOrder() public {
        Change[] memory some = new Change[](27);
        _refuse(
            Scope.MARKET,
            NEW,
            some,
            abi.encodeWithSelector(IRiskParameters.IncompleteListing.selector, 27, 28)
        );
        Change[] memory changes = btcDefaults(NEW);
        changes[1] = changes[0];
        _refuse(
            Scope.MARKET,
            NEW,
            changes,
            abi.encodeWithSelector(IRiskParameters.ListingOrder.selector, 1, Fields.CAP_0_USD)
        );
        changes = btcDefaults(NEW);
        changes[5].id = BTC;
        _refuse(Scope.MARKET, NEW, changes, _notListed(Scope.MARKET, BTC));
        changes = btcDefaults(NEW);
        changes[5].scope = Scope.GLOBAL;
        _refuse(Scope.MARKET, NEW, changes, _notListed(Scope.GLOBAL, NEW));
    }

    /// @dev Each bound of each field, at listing.
    function test_list_RevertIf_AnyFieldIsOutOfBounds() public {
        for (uint256 i; i < 28; ++i) {
            _refuseBounds(Scope.MARKET, NEW, btcDefaults(NEW), i);
            if (i < 13) _refuseBounds(Scope.COLLATERAL, 2, etherDefaults(2, 2, 3), i);
        }
    }

    function test_list_RevertIf_TiersDoNotRise() public {
        _refusePair(Fields.MAINTENANCE_0_BPS, 400, "MAINTENANCE_0_BPS", "INITIAL_0_BPS", 400);
        _refusePair(Fields.MAINTENANCE_1_BPS, 800, "MAINTENANCE_1_BPS", "INITIAL_1_BPS", 800);
        _refusePair(Fields.MAINTENANCE_2_BPS, 2000, "MAINTENANCE_2_BPS", "INITIAL_2_BPS", 2000);
        _refusePair(Fields.INITIAL_0_BPS, 801, "INITIAL_0_BPS", "INITIAL_1_BPS", 800);
        _refusePair(Fields.INITIAL_1_BPS, 2001, "INITIAL_1_BPS", "INITIAL_2_BPS", 2000);
        Change[] memory changes = _with(
            _with(btcDefaults(NEW), Fields.MAINTENANCE_0_BPS, 401), Fields.INITIAL_0_BPS, 402
        );
        _refuseTogether(changes, "MAINTENANCE_0_BPS", "MAINTENANCE_1_BPS", 401, 400);
        changes = _with(btcDefaults(NEW), Fields.MAINTENANCE_2_BPS, 399);
        _refuseTogether(changes, "MAINTENANCE_1_BPS", "MAINTENANCE_2_BPS", 400, 399);
        _refusePair(Fields.CAP_0_USD, 2_000_000, "CAP_0_USD", "CAP_1_USD", 2_000_000);
        _refusePair(Fields.CAP_1_USD, 10_000_000, "CAP_1_USD", "CAP_2_USD", 10_000_000);
    }

    /// @dev Closing costs at most the margin it frees.
    function test_list_RevertIf_FeesAndImpactPassTheMaintenanceMargin() public {
        Change[] memory changes = _with(btcDefaults(NEW), Fields.LIQUIDATION_FEE_E6, 14_401);
        _refuseTogether(changes, "LIQUIDATION_FEE_E6", "MAINTENANCE_0_BPS", 20_001, 20_000);
        changes = _with(btcDefaults(NEW), Fields.LIQUIDATION_FEE_E6, 14_400);
        vm.prank(owner);
        params.list(Scope.MARKET, NEW, changes);
    }

    /// @dev A liquidation undoes at the mark what its owner may have been paid the impact for.
    function test_list_RevertIf_ImpactPassesThePenalty() public {
        _refusePair(Fields.MAX_IMPACT_E6, 5001, "MAX_IMPACT_E6", "LIQUIDATION_FEE_E6", 5000);
    }

    /// @dev Two per cent of maintenance, in 48 hours at most.
    function test_list_RevertIf_OneAccrualPassesTheMaintenanceMargin() public {
        Change[] memory changes = _with(
            _with(btcDefaults(NEW), Fields.MAX_ACCRUAL_S, 2 days), Fields.MAX_FUNDING_E6, 10_001
        );
        _refuseTogether(
            changes, "MAX_FUNDING_E6", "MAINTENANCE_0_BPS", 10_001 * 2 days, 20_000 * 1 days
        );
        changes = _with(changes, Fields.MAX_FUNDING_E6, 10_000);
        vm.prank(owner);
        params.list(Scope.MARKET, NEW, changes);
    }

    function test_list_RevertIf_AMarketsLimitsDoNotFit() public {
        _refusePair(Fields.MAKER_FEE_E6, 601, "MAKER_FEE_E6", "TAKER_FEE_E6", 600);
        _refusePair(Fields.ADL_STOP_BPS, 5000, "ADL_STOP_BPS", "ADL_START_BPS", 5000);
        Change[] memory changes = _with(btcDefaults(NEW), Fields.LIQUIDATION_CAP_USD, 9999);
        _refuseTogether(
            changes, "OPEN_INTEREST_CAP_USD", "LIQUIDATION_CAP_USD", 10_000_000, 9_999_000
        );
    }

    function test_list_RevertIf_ACollateralsDoNotFit() public {
        _refuseCollateral(Fields.HAIRCUT_CAP_0_USD, 5_000_000, "HAIRCUT_CAP_0_USD", 5_000_000);
        _refuseCollateral(Fields.HAIRCUT_CAP_1_USD, 20_000_000, "HAIRCUT_CAP_1_USD", 20_000_000);
        _refuseCollateral(Fields.HAIRCUT_0_BPS, 1501, "HAIRCUT_0_BPS", 1500);
        _refuseCollateral(Fields.HAIRCUT_1_BPS, 3001, "HAIRCUT_1_BPS", 3000);
        _refuseCollateral(Fields.SEIZE_DISCOUNT_BPS, 1001, "SEIZE_DISCOUNT_BPS", 1000);
        _refuseCollateral(Fields.TWAP_MARKET, 2, "INDEX_MARKET", 2);
    }

    function test_list_RevertIf_GlobalsDoNotFit() public {
        _refuseGlobal(Fields.ALLOWED_TOO_UNCERTAIN, 0, "ALLOWED_TOO_VOLATILE", 2, 0);
        _refuseGlobal(Fields.KEEPER_FLAT_E6, 5e6 + 1, "KEEPER_FLAT_E6", 5e6 + 1, 5e6);
        _refuseGlobal(Fields.KEEPER_MAX_E6, 4e6, "KEEPER_FLAT_E6", 5e6, 4e6);
        _refuseGlobal(Fields.FAILURE_FEE_E6, 4.5e6 + 1, "FAILURE_FEE_E6", 5e6 + 1, 5e6);
        _refuseGlobal(Fields.DEPTH_0_USD, 10_000_001, "DEPTH_0_USD", 10_000_001, 10_000_000);
        _refuseGlobal(Fields.DEPTH_1_USD, 50_000_001, "DEPTH_1_USD", 50_000_001, 50_000_000);
        _refuseGlobal(Fields.DEPTH_2_USD, 2e8 + 1, "DEPTH_2_USD", 2e8 + 1, 2e8);
        _refuseGlobal(Fields.DEPTH_3_USD, 1e9 + 1, "DEPTH_3_USD", 1e9 + 1, 1e9);
    }

    /// @dev Every field has a name of its own and room for what it may be; a step never covers it all.
    function test_rule_FitsEachField() public view {
        for (uint256 i; i < 28; ++i) {
            _checkRule(Scope.MARKET, _marketFields()[i]);
            _checkRule(Scope.GLOBAL, _globalFields()[i]);
            if (i < 13) _checkRule(Scope.COLLATERAL, _collateralFields()[i]);
            for (uint256 j; j < i; ++j) {
                assertNotEq(
                    params.rule(Scope.MARKET, _marketFields()[i]).name,
                    params.rule(Scope.MARKET, _marketFields()[j]).name
                );
                assertNotEq(
                    params.rule(Scope.GLOBAL, _globalFields()[i]).name,
                    params.rule(Scope.GLOBAL, _globalFields()[j]).name
                );
            }
        }
    }

    function _checkRule(Scope scope, uint256 field) private view {
        Rule memory r = params.rule(scope, field);
        assertNotEq(r.name, 0);
        assertLe(r.least, r.most);
        assertLt(r.most, 1 << (field & 0xff));
        assertLt(r.stepBps, 10_000);
        if (!r.bits && r.most - r.least > 1) assertLt(r.stepAbs, r.most - r.least);
    }

    function _refuse(Scope scope, uint256 id, Change[] memory changes, bytes memory refusal)
        private
    {
        vm.expectRevert(refusal);
        vm.prank(owner);
        params.list(scope, id, changes);
    }

    function _refuseListed(Scope scope, uint256 id, Change[] memory changes) private {
        _refuse(
            scope,
            id,
            changes,
            abi.encodeWithSelector(IRiskParameters.AlreadyListed.selector, scope, id)
        );
    }

    function _refuseBounds(Scope scope, uint256 id, Change[] memory changes, uint256 i) private {
        Rule memory r = params.rule(scope, changes[i].field);
        uint256 good = changes[i].value;
        changes[i].value = r.most + 1;
        bytes4 selector = IRiskParameters.OutOfBounds.selector;
        _refuse(
            scope,
            id,
            changes,
            abi.encodeWithSelector(selector, r.name, r.most + 1, r.least, r.most)
        );
        if (r.least == 0) return;
        changes[i].value = r.least - 1;
        _refuse(
            scope,
            id,
            changes,
            abi.encodeWithSelector(selector, r.name, r.least - 1, r.least, r.most)
        );
        changes[i].value = good;
    }

    /// @dev A new market like BTC but for one field.
    function _refusePair(uint256 field, uint256 to, bytes32 name, bytes32 other, uint256 limit)
        private
    {
        _refuseTogether(_with(btcDefaults(NEW), field, to), name, other, to, limit);
    }

    function _refuseTogether(
        Change[] memory changes,
        bytes32 name,
        bytes32 other,
        uint256 given,
        uint256 limit
    ) private {
        bytes4 selector = IRiskParameters.Inconsistent.selector;
        _refuse(
            Scope.MARKET, NEW, changes, abi.encodeWithSelector(selector, name, other, given, limit)
        );
    }

    function _refuseCollateral(uint256 field, uint256 to, bytes32 name, uint256 limit) private {
        vm.prank(owner);
        try params.list(Scope.COLLATERAL, 2, _with(etherDefaults(2, 2, 3), field, to)) {
            assertTrue(false, "listed");
        } catch (bytes memory refusal) {
            _assertInconsistent(refusal, name, to, limit);
        }
    }

    function _refuseGlobal(uint256 field, uint256 to, bytes32 name, uint256 given, uint256 limit)
        private
    {
        address fresh =
            vm.deployCode("RiskParameters.sol:RiskParameters", abi.encode(oracle, address(this)));
        try IRiskParameters(fresh).list(Scope.GLOBAL, 0, _with(globalDefaults(), field, to)) {
            assertTrue(false, "listed");
        } catch (bytes memory refusal) {
            _assertInconsistent(refusal, name, given, limit);
        }
    }

    function _assertInconsistent(bytes memory refusal, bytes32 name, uint256 given, uint256 limit)
        private
        pure
    {
        assertEq(bytes4(refusal), IRiskParameters.Inconsistent.selector);
        assertEq(refusal.length, 0x84);
        bytes32[4] memory words;
        assembly ("memory-safe") {
            mcopy(words, add(refusal, 0x24), 0x80)
        }
        assertEq(words[0], name);
        assertEq(uint256(words[2]), given);
        assertEq(uint256(words[3]), limit);
    }

    function _notListed(Scope scope, uint256 id) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IRiskParameters.NotListed.selector, scope, id);
    }

    function _with(Change[] memory changes, uint256 field, uint256 to)
        private
        pure
        returns (Change[] memory)
    {
        for (uint256 i; i < changes.length; ++i) {
            if (changes[i].field == field) changes[i].value = to;
        }
        return changes;
    }

    function _at(Change[] memory changes, uint256 id) private pure returns (Change[] memory) {
        for (uint256 i; i < changes.length; ++i) {
            changes[i].id = id;
        }
        return changes;
    }
}
