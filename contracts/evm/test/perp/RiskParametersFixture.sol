// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Binding} from "../../src/interfaces/IMarkOracle.sol";
import {Change, IRiskParameters, Rule, Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";
import {OracleFixture} from "../OracleFixture.sol";
import {RiskDefaults} from "./RiskDefaults.sol";

/// @notice RiskParameters with two markets and a collateral, on an oracle that knows six numbers.
abstract contract RiskParametersFixture is OracleFixture, RiskDefaults {
    uint256 internal constant BTC = 0;
    uint256 internal constant ETH = 1;
    uint256 internal constant ETHER = 1;
    uint256 internal constant BOUND = 6;

    IRiskParameters internal params;

    function setUp() public virtual override {
        super.setUp();
        Binding[] memory bindings = new Binding[](BOUND);
        for (uint16 i; i < BOUND; ++i) {
            bindings[i] = Binding(i, bytes28(abi.encodePacked("instrument-", uint8(0x30 + i))));
        }
        vm.prank(owner);
        oracle.setCommittee(2, members, THRESHOLD, 0, bindings);
        params = IRiskParameters(
            vm.deployCode("RiskParameters.sol:RiskParameters", abi.encode(oracle, owner))
        );
        vm.startPrank(owner);
        params.setGuardian(guardian);
        params.list(Scope.GLOBAL, 0, globalDefaults());
        params.list(Scope.MARKET, BTC, btcDefaults(BTC));
        params.list(Scope.MARKET, ETH, ethDefaults(ETH));
        params.list(Scope.COLLATERAL, ETHER, etherDefaults(ETHER, 2, 3));
        vm.stopPrank();
    }

    function one(Scope scope, uint256 id, uint256 field, uint256 to)
        internal
        pure
        returns (Change[] memory changes)
    {
        changes = new Change[](1);
        changes[0] = Change(scope, id, field, to);
    }

    function both(Change[] memory a, Change[] memory b)
        internal
        pure
        returns (Change[] memory changes)
    {
        changes = new Change[](2);
        (changes[0], changes[1]) = (a[0], b[0]);
    }

    function btc(uint256 field, uint256 to) internal pure returns (Change[] memory) {
        return one(Scope.MARKET, BTC, field, to);
    }

    function global(uint256 field, uint256 to) internal pure returns (Change[] memory) {
        return one(Scope.GLOBAL, 0, field, to);
    }

    function btcNow(uint256 field) internal view returns (uint256) {
        return params.value(Scope.MARKET, BTC, field);
    }

    function change(Change[] memory changes) internal {
        vm.prank(owner);
        params.change(changes);
    }

    /// @dev As the guardian, for a day.
    function tighten(Change[] memory changes) internal {
        vm.prank(guardian);
        params.tighten(changes, block.timestamp + 1 days);
    }
}
