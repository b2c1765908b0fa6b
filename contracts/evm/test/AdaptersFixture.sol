// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ReadPolicy} from "../src/adapters/MarkReader.sol";
import {PythAdapter} from "../src/adapters/PythAdapter.sol";
import {PythFeed} from "../src/adapters/PythFeeds.sol";
import {AggregatorV3Interface} from "../src/adapters/interfaces/AggregatorV3Interface.sol";
import {Binding, JumpRule, Validity} from "../src/interfaces/IMarkOracle.sol";
import {OracleFixture} from "./OracleFixture.sol";
import {Draft} from "./ReportBuilder.sol";

/// @notice An L2 sequencer's uptime feed that says what a test sets.
contract UptimeFeed is AggregatorV3Interface {
    uint8 public constant decimals = 0;
    string public constant description = "L2 Sequencer Uptime Status Feed";
    uint256 public constant version = 1;
    int256 private _answer;
    uint256 private _sinceS;

    function set(int256 answer, uint256 sinceS) external {
        (_answer, _sinceS) = (answer, sinceS);
    }

    function getRoundData(uint80) external view returns (uint80, int256, uint256, uint256, uint80) {
        return latestRoundData();
    }

    function latestRoundData() public view returns (uint80, int256, uint256, uint256, uint80) {
        return (1, _answer, _sinceS, _sinceS, 1);
    }
}

/// @notice An oracle whose market 2 has a price of 60,000.12 in group 0, and an L2 whose sequencer
/// has been up for long.
abstract contract AdaptersFixture is OracleFixture {
    uint256 internal constant MARKET = 2;
    uint256 internal constant EMA_MARKET = 3;
    /// @dev In the next group.
    uint256 internal constant ETH_MARKET = 4;
    uint256 internal constant PRICE_E18 = 60_000.12e18;
    uint64 internal constant MAX_AGE_MS = 30_000;
    uint64 internal constant GRACE_S = 3600;

    UptimeFeed internal sequencer = new UptimeFeed();

    function setUp() public virtual override {
        vm.warp(START_S);
        oracle = deployOracle("test", makeAddr("governor"), 1, MAX_FUTURE_MS, owner);
        domain = oracle.DOMAIN_SEPARATOR();
        makeMembers(7);
        vm.startPrank(owner);
        oracle.setCommittee(1, members, THRESHOLD, 0, bindings());
        oracle.setGuardian(guardian);
        vm.stopPrank();
        sequencer.set(0, START_S - 1 days);
        pushEntry(entryOf(6));
    }

    function bindings() private pure returns (Binding[] memory bound) {
        bound = new Binding[](3);
        bound[0] = Binding(MARKET, "BTC-USD");
        bound[1] = Binding(EMA_MARKET, "BTC-USD.twap");
        bound[2] = Binding(ETH_MARKET, "ETH-USD");
    }

    /// @dev The owner retires our market's number, in the next epoch.
    function retireIt() internal {
        Binding[] memory bound = new Binding[](1);
        bound[0] = Binding(MARKET, 0);
        uint32 next = oracle.currentEpoch() + 1;
        vm.prank(owner);
        oracle.setCommittee(next, members, THRESHOLD, 0, bound);
    }

    /// @dev From here on a price is taken however far it jumps.
    function takeJumps() internal {
        vm.prank(owner);
        oracle.setJumpRule(MARKET, JumpRule(0, 1, 0));
    }

    function policy() internal view returns (ReadPolicy memory) {
        return ReadPolicy(Validity.GUARDED, MAX_AGE_MS, sequencer, GRACE_S);
    }

    /// @dev 60,000.12 (60000120 × 10^(15 - 18)), confidence 5 (0.5 bps).
    function entryOf(uint256 validity) internal pure returns (uint256) {
        return validity < 3 ? bareEntry(validity) : pricedEntry(60_000_120, 15, validity);
    }

    function pushEntry(uint256 entry) internal {
        assertEq(push(draftOf(wordWith(entry, nowMs()))), 1);
    }

    /// @dev A word in which our market has this entry, and the others are unused.
    function wordWith(uint256 entry, uint256 timeMs) internal pure returns (uint256) {
        return wordOf(timeMs, 0, 0, entry, 0);
    }

    function pauseIt() internal {
        vm.prank(guardian);
        oracle.pauseMarket(MARKET, "test");
    }

    /// @dev A report of one group that carries `entry`, signed by a quorum.
    function reportOf(uint256 entry, uint256 timeMs, uint40 prevMs)
        internal
        view
        returns (bytes memory)
    {
        Draft memory d = draftOf(wordWith(entry, timeMs));
        d.prevMs = prevMs;
        return fullBody(d, QUORUM);
    }
}

/// @notice A PythAdapter with a fee, for two markets in two groups.
abstract contract AdaptersPythFixture is AdaptersFixture {
    bytes32 internal constant BTC = keccak256("BTC/USD");
    bytes32 internal constant ETH = keccak256("ETH/USD");
    uint256 internal constant FEE_WEI = 7;

    address payable internal collector = payable(makeAddr("collector"));
    PythAdapter internal pyth;

    function setUp() public override {
        super.setUp();
        PythFeed[] memory feeds = new PythFeed[](2);
        feeds[0] = btcFeed(8);
        feeds[0].emaInstrument = "BTC-USD.twap";
        feeds[1] = PythFeed(ETH, "ETH-USD", 0, uint16(ETH_MARKET), 0, 5);
        pyth = new PythAdapter(oracle, policy(), feeds, FEE_WEI, collector);
    }

    receive() external payable {}

    /// @dev Our market, without an average.
    function btcFeed(uint8 decimals) internal pure returns (PythFeed memory) {
        return PythFeed(BTC, "BTC-USD", 0, uint16(MARKET), uint16(EMA_MARKET), decimals);
    }

    function list(bytes memory report) internal pure returns (bytes[] memory reports) {
        reports = new bytes[](1);
        reports[0] = report;
    }

    function ids(bytes32 id) internal pure returns (bytes32[] memory some) {
        some = new bytes32[](1);
        some[0] = id;
    }

    function times(uint64 time) internal pure returns (uint64[] memory some) {
        some = new uint64[](1);
        some[0] = time;
    }
}
