// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {Fields, MarketRisk} from "../../src/perp/lib/Fields.sol";
import {RiskParametersFixture} from "./RiskParametersFixture.sol";

contract RiskParametersTest is RiskParametersFixture {
    using Fields for MarketRisk;

    function test_list_GivesWhatWasListed() public view {
        MarketRisk memory risk = params.marketRisk(BTC);
        for (uint256 i; i < 28; ++i) {
            uint256 field = _marketFields()[i];
            assertEq(risk.get(field), btcDefaults(BTC)[i].value);
            assertEq(btcNow(field), btcDefaults(BTC)[i].value);
        }
    }
}
