// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ChainlinkAdapter} from "../src/adapters/ChainlinkAdapter.sol";
import {Erc7412Adapter} from "../src/adapters/Erc7412Adapter.sol";
import {ReadPolicy} from "../src/adapters/MarkReader.sol";
import {PythAdapter} from "../src/adapters/PythAdapter.sol";
import {PythFeed} from "../src/adapters/PythFeeds.sol";
import {AggregatorV3Interface} from "../src/adapters/interfaces/AggregatorV3Interface.sol";
import {Validity} from "../src/interfaces/IMarkOracle.sol";
import {AdaptersFixture} from "./AdaptersFixture.sol";

/// @notice Gas of reads through adapters, everything cold behind the adapter's own account, which
/// the caller pays for (2,600 cold). docs/consumers.md has the figures.
contract AdaptersGasTest is AdaptersFixture {
    bytes32 private constant ID = "BTC/USD";

    ChainlinkAdapter private chainlink;
    PythAdapter private pyth;
    Erc7412Adapter private erc7412;

    function setUp() public override {
        super.setUp();
        ReadPolicy memory p = policy();
        (p.sequencerFeed, p.graceS) = (AggregatorV3Interface(address(0)), 0);
        PythFeed[] memory feeds = new PythFeed[](1);
        feeds[0] = PythFeed(ID, "BTC-USD", 0, uint16(MARKET), 0, 8);
        chainlink = new ChainlinkAdapter(oracle, MARKET, "BTC-USD", p, 8, "BTC / USD");
        pyth = new PythAdapter(oracle, p, feeds, 0, payable(0));
        erc7412 = new Erc7412Adapter(oracle, MARKET, "BTC-USD", p, 0, payable(0));
    }

    /// @dev For comparison: without an adapter.
    /// forge-config: default.isolate = true
    function test_gas_priceNoOlderThan() public {
        oracle.priceNoOlderThan(MARKET, MAX_AGE_MS, Validity.GUARDED);
        assertGasIs(3435);
    }

    /// forge-config: default.isolate = true
    function test_gas_latestRoundData() public {
        chainlink.latestRoundData();
        assertGasIs(11_150);
    }

    /// forge-config: default.isolate = true
    function test_gas_getPriceNoOlderThan() public {
        pyth.getPriceNoOlderThan(ID, 60);
        assertGasIs(18_400);
    }

    /// forge-config: default.isolate = true
    function test_gas_price() public {
        erc7412.price();
        assertGasIs(10_950);
    }

    /// @dev Within 3 %, above or below: the page says it rounded.
    function assertGasIs(uint256 expected) private {
        uint256 used = vm.lastCallGas().gasTotalUsed;
        emit log_named_uint("gas", used);
        assertApproxEqRel(used, expected, 0.03e18);
    }
}
