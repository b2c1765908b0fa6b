// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ChainlinkAdapter} from "../src/adapters/ChainlinkAdapter.sol";
import {Erc7412Adapter} from "../src/adapters/Erc7412Adapter.sol";
import {ReadPolicy} from "../src/adapters/MarkReader.sol";
import {PythAdapter} from "../src/adapters/PythAdapter.sol";
import {PythFeed} from "../src/adapters/PythFeeds.sol";
import {AggregatorV3Interface} from "../src/adapters/interfaces/AggregatorV3Interface.sol";
import {Binding, Validity} from "../src/interfaces/IMarkOracle.sol";
import {OracleFixture} from "./OracleFixture.sol";
import {Draft} from "./ReportBuilder.sol";

/// @notice Gas of reads through adapters, everything cold behind the adapter's own account, which
/// the caller pays for (2,600 cold); without a sequencer feed. For the test that records gas.
abstract contract AdaptersGas is OracleFixture {
    uint256 private constant MARKET = 3;
    bytes32 private constant INSTRUMENT = "BTC-USD";

    struct AdapterReads {
        uint256 chainlink;
        uint256 pyth;
        uint256 erc7412;
    }

    /// @dev Begins an epoch of the present members.
    function measureAdapters(uint8 threshold) internal returns (AdapterReads memory reads) {
        Binding[] memory bound = new Binding[](1);
        bound[0] = Binding(MARKET, INSTRUMENT);
        uint32 epoch = oracle.currentEpoch() + 1;
        vm.prank(owner);
        oracle.setCommittee(epoch, members, threshold, 0, bound);
        skipS(60);
        uint256 entry = pricedEntry(60_000_120, 15, 6);
        Draft memory d = draftOf(wordOf(nowMs(), entry, entry, entry, entry));
        d.epoch = epoch;
        oracle.update(fullBody(d, (1 << threshold) - 1));

        ReadPolicy memory policy =
            ReadPolicy(Validity.VALID, 1 days * 1000, AggregatorV3Interface(address(0)), 0);
        new ChainlinkAdapter(oracle, MARKET, INSTRUMENT, policy, 8, "BTC / USD").latestRoundData();
        reads.chainlink = vm.lastCallGas().gasTotalUsed;
        new Erc7412Adapter(oracle, MARKET, INSTRUMENT, policy, 0, payable(0)).price();
        reads.erc7412 = vm.lastCallGas().gasTotalUsed;
        PythFeed[] memory feeds = new PythFeed[](1);
        feeds[0] = PythFeed("BTC", INSTRUMENT, 0, uint16(MARKET), 0, 8);
        new PythAdapter(oracle, policy, feeds, 0, payable(0)).getPriceNoOlderThan("BTC", 60);
        reads.pyth = vm.lastCallGas().gasTotalUsed;
    }
}
