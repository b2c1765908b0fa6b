// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Change, Rule, Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {CollateralRisk, Fields, GlobalRisk, MarketRisk} from "../../src/perp/lib/Fields.sol";
import {RiskParametersFixture} from "./RiskParametersFixture.sol";
import {RiskParametersHandler} from "./RiskParametersHandler.sol";

/// @notice What holds after any sequence of governance's changes and the guardian's emergencies.
contract RiskParametersInvariants is RiskParametersFixture {
    using Fields for MarketRisk;
    using Fields for CollateralRisk;
    using Fields for GlobalRisk;

    RiskParametersHandler private _handler;

    function setUp() public override {
        super.setUp();
        _handler = new RiskParametersHandler(params, owner, guardian);
        targetContract(address(_handler));
    }

    /// @dev No parameter leaves its bounds, and what holds is never looser than what governance set.
    function invariant_BoundsAndDirection() public view {
        _check(btcDefaults(BTC));
        _check(globalDefaults());
        _check(etherDefaults(ETHER, 2, 3));
    }

    function invariant_OneStepADay() public view {
        assertEq(_handler.fastMoves(), 0);
        assertEq(_handler.farMoves(), 0);
    }

    /// @dev Of what holds, tightened or not.
    function invariant_TogetherTheyMakeSense() public view {
        MarketRisk memory m = params.marketRisk(BTC);
        GlobalRisk memory g = params.globalRisk();
        assertLt(m.get(Fields.MAINTENANCE_0_BPS), m.get(Fields.INITIAL_0_BPS));
        assertLt(m.get(Fields.MAINTENANCE_1_BPS), m.get(Fields.INITIAL_1_BPS));
        assertLt(m.get(Fields.MAINTENANCE_2_BPS), m.get(Fields.INITIAL_2_BPS));
        assertLe(m.get(Fields.MAINTENANCE_0_BPS), m.get(Fields.MAINTENANCE_1_BPS));
        assertLe(m.get(Fields.MAINTENANCE_1_BPS), m.get(Fields.MAINTENANCE_2_BPS));
        assertLt(m.get(Fields.CAP_0_USD), m.get(Fields.CAP_1_USD));
        assertLt(m.get(Fields.CAP_1_USD), m.get(Fields.CAP_2_USD));
        assertLe(
            m.get(Fields.TAKER_FEE_E6) + m.get(Fields.MAX_IMPACT_E6)
                + m.get(Fields.LIQUIDATION_FEE_E6),
            100 * m.get(Fields.MAINTENANCE_0_BPS)
        );
        assertLt(m.get(Fields.ADL_STOP_BPS), m.get(Fields.ADL_START_BPS));
        uint256 depth = m.get(Fields.DEPTH);
        assertLe(m.get(Fields.OPEN_INTEREST_CAP_USD), g.get(_globalFields()[23 + depth]));
        CollateralRisk memory c = params.collateralRisk(ETHER);
        assertLe(c.get(Fields.SEIZE_DISCOUNT_BPS), c.get(Fields.HAIRCUT_0_BPS));
        assertLe(c.get(Fields.HAIRCUT_0_BPS), c.get(Fields.HAIRCUT_1_BPS));
        assertLe(c.get(Fields.HAIRCUT_1_BPS), c.get(Fields.HAIRCUT_2_BPS));
        assertLe(10 * g.get(Fields.KEEPER_FLAT_E6), 1e6 * g.get(Fields.MIN_MARGIN_USD));
    }

    /// @dev Closing, liquidating and withdrawing stay possible.
    function invariant_TheWayOutIsOpen() public view {
        assertGe(params.marketRisk(BTC).get(Fields.MARKET_STATE), Fields.REDUCE_ONLY);
        assertGe(params.collateralRisk(ETHER).get(Fields.COLLATERAL_STATE), Fields.REDUCE_ONLY);
        assertEq(params.globalRisk().get(Fields.ALLOWED_VALID) | 1, 0x3f);
        assertEq(params.globalRisk().get(Fields.ALLOWED_GUARDED) & 0x02, 0x02);
    }

    function afterInvariant() public {
        assertGt(_handler.changed() + _handler.tightened(), 0);
        // Two weeks on nothing of an emergency is left.
        skipS(14 days);
        for (uint256 i; i < 28; ++i) {
            uint256 field = _marketFields()[i];
            assertEq(btcNow(field), params.governed(Scope.MARKET, BTC, field));
        }
    }

    function _check(Change[] memory listed) private view {
        for (uint256 i; i < listed.length; ++i) {
            Change memory c = listed[i];
            Rule memory r = params.rule(c.scope, c.field);
            uint256 base = params.governed(c.scope, c.id, c.field);
            uint256 now_ = params.value(c.scope, c.id, c.field);
            if (r.bits) {
                assertEq(base & r.least, r.least);
                assertEq((base | now_) & ~r.most, 0);
                assertEq(now_ & ~base, 0);
                assertEq(now_ & r.least, r.least);
            } else {
                assertGe(base, r.least);
                assertLe(base, r.most);
                if (r.tighter == 0) assertEq(now_, base);
                else if (r.tighter < 0) assertLe(now_, base);
                else assertGe(now_, base);
            }
        }
    }
}
