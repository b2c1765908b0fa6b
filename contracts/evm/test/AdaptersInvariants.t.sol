// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ChainlinkAdapter} from "../src/adapters/ChainlinkAdapter.sol";
import {Erc7412Adapter} from "../src/adapters/Erc7412Adapter.sol";
import {PythAdapter} from "../src/adapters/PythAdapter.sol";
import {PythFeed} from "../src/adapters/PythFeeds.sol";
import {IERC7412} from "../src/adapters/interfaces/IERC7412.sol";
import {Binding, IMarkOracle, JumpRule, Mark, Validity} from "../src/interfaces/IMarkOracle.sol";
import {AdaptersFixture, UptimeFeed} from "./AdaptersFixture.sol";
import {Draft, ReportBuilder} from "./ReportBuilder.sol";

/// @notice What may happen around an adapter's market: prices of every kind, jumps, pauses, rotations,
/// its number's end, an L2 that stops, and time.
contract AdaptersHandler is ReportBuilder {
    uint256 private constant ORIGIN_MS = 1_577_836_800_000;

    IMarkOracle private immutable ORACLE;
    UptimeFeed private immutable SEQUENCER;
    address private immutable OWNER;
    uint256 private immutable MARKET;

    constructor(IMarkOracle oracle, UptimeFeed sequencer, address owner, uint256 market) {
        (ORACLE, SEQUENCER, OWNER, MARKET) = (oracle, sequencer, owner, market);
        domain = oracle.DOMAIN_SEPARATOR();
        makeMembers(7);
    }

    function send(uint256 seed) public {
        uint256 validity = (seed % 16) < 7 ? seed % 16 : 6;
        uint256 entry = validity < 3
            ? validity << 50
            : pricedEntry(10 ** 7 + (seed >> 8) % 10 ** 6, 15, validity);
        if (seed % 97 == 0) entry = (seed >> 16) % 2 ** 53;
        Draft memory d;
        d.epoch = ORACLE.currentEpoch();
        d.words = new uint256[](1);
        uint256 timeMs = block.timestamp * 1000 - ORIGIN_MS + 2000 - (seed >> 128) % 20_000;
        d.words[0] = wordOf(timeMs, 0, 0, entry, 0);
        ORACLE.update(fullBody(d, 0x1f));
    }

    function pause(bool wanted) public {
        (bytes32 instrument,) = ORACLE.instrumentOf(MARKET);
        if (instrument == 0) return;
        vm.prank(OWNER);
        if (wanted) ORACLE.pauseMarket(MARKET, "fuzzed");
        else ORACLE.unpauseMarket(MARKET, "fuzzed");
    }

    /// @notice Begin an epoch: reports of the one before are refused.
    function rotate() public {
        uint32 next = ORACLE.currentEpoch() + 1;
        vm.prank(OWNER);
        ORACLE.setCommittee(next, members, 5, 0, new Binding[](0));
    }

    /// @notice Nothing is read of the market from then on: so seldom.
    function retire(uint256 seed) external {
        if (seed % 8 != 0) return rotate();
        Binding[] memory bound = new Binding[](1);
        bound[0] = Binding(MARKET, 0);
        uint32 next = ORACLE.currentEpoch() + 1;
        vm.prank(OWNER);
        ORACLE.setCommittee(next, members, 5, 0, bound);
    }

    function setSequencer(uint256 seed) public {
        int256 answer = seed % 4 == 0 ? int256(1) : int256(0);
        SEQUENCER.set(answer, seed % 31 == 0 ? 0 : block.timestamp - (seed >> 8) % 8000);
    }

    function setRule(bool jumps) external {
        vm.prank(OWNER);
        ORACLE.setJumpRule(MARKET, jumps ? JumpRule(500, 2, 1000) : JumpRule(0, 1, 0));
    }

    function wait_(uint256 seconds_) public {
        vm.warp(block.timestamp + seconds_ % 20);
    }

    /// @notice Everything is well again, as it mostly is.
    function recover(uint256 seed) external {
        pause(false);
        SEQUENCER.set(0, block.timestamp - 8000);
        wait_(3);
        send((seed >> 128) << 128 | 6);
    }
}

/// @notice The sentences about adapters in contracts/INVARIANTS.md, by their numbers.
contract AdaptersInvariantsTest is AdaptersFixture {
    bytes32 private constant ID = "BTC/USD";

    ChainlinkAdapter private chainlink;
    PythAdapter private pyth;
    Erc7412Adapter private erc7412;
    AdaptersHandler private handler;

    function setUp() public override {
        super.setUp();
        PythFeed[] memory feeds = new PythFeed[](1);
        feeds[0] = PythFeed(ID, "BTC-USD", 0, uint16(MARKET), 0, 8);
        chainlink = new ChainlinkAdapter(oracle, MARKET, "BTC-USD", policy(), 8, "BTC / USD");
        pyth = new PythAdapter(oracle, policy(), feeds, 0, payable(0));
        erc7412 = new Erc7412Adapter(oracle, MARKET, "BTC-USD", policy(), 0, payable(0));
        handler = new AdaptersHandler(oracle, sequencer, owner, MARKET);
        targetContract(address(handler));
        bytes4[] memory actions = new bytes4[](7);
        actions[0] = AdaptersHandler.send.selector;
        actions[1] = AdaptersHandler.pause.selector;
        actions[2] = AdaptersHandler.retire.selector;
        actions[3] = AdaptersHandler.setSequencer.selector;
        actions[4] = AdaptersHandler.setRule.selector;
        actions[5] = AdaptersHandler.wait_.selector;
        actions[6] = AdaptersHandler.recover.selector;
        targetSelector(FuzzSelector(address(handler), actions));
    }

    /// @notice A1, A2: an adapter hands on the stored price exactly while the policy allows it.
    function invariant_AdaptersReadExactlyWhatThePolicyAllows() public view {
        bool fit = isFit();
        uint256 priceE18 = oracle.readMark(MARKET).priceE18;
        try chainlink.latestRoundData() returns (
            uint80, int256 answer, uint256, uint256 updatedAt, uint80
        ) {
            assertTrue(fit, "chainlink");
            assertEq(uint256(answer), priceE18 / 1e10);
            assertLe(updatedAt, block.timestamp);
        } catch {
            assertFalse(fit, "chainlink");
        }
        try pyth.getPriceUnsafe(ID) {
            assertTrue(fit, "pyth");
            assertEq(uint256(uint64(pyth.getPriceUnsafe(ID).price)), priceE18 / 1e10);
        } catch {
            assertFalse(fit, "pyth");
        }
        try erc7412.price() returns (uint256 read, uint256) {
            assertTrue(fit, "erc7412");
            assertEq(read, priceE18);
        } catch {
            assertFalse(fit, "erc7412");
        }
    }

    /// @notice A3: data are asked for exactly where a report that is newer and good would make the
    /// read pass.
    function invariant_DataAreAskedForExactlyWhereTheyCanHelp() public view {
        bool asked;
        try erc7412.price() {}
        catch (bytes memory error) {
            asked = bytes4(error) == IERC7412.OracleDataRequired.selector;
        }
        assertEq(asked, isReadable() && !isGood());
    }

    /// @dev Whether there is anything to read, however old or bad.
    function isReadable() private view returns (bool) {
        (, int256 answer, uint256 sinceS,,) = sequencer.latestRoundData();
        if (answer != 0 || sinceS == 0 || sinceS + GRACE_S >= block.timestamp) return false;
        (bytes32 instrument,) = oracle.instrumentOf(MARKET);
        return instrument == "BTC-USD" && !oracle.readMark(MARKET).paused;
    }

    /// @dev Whether the stored mark is good and fresh enough.
    function isGood() private view returns (bool) {
        Mark memory mark = oracle.readMark(MARKET);
        bool good = mark.validity == Validity.GUARDED || mark.validity == Validity.VALID;
        return good && mark.priceTimeMs + MAX_AGE_MS >= block.timestamp * 1000;
    }

    /// @dev The policy in plain words, from what the oracle and the uptime feed say.
    function isFit() private view returns (bool) {
        return isReadable() && isGood();
    }

    /// @notice The handler reaches what it is there for: prices that are fit and ones that are not.
    function test_handler_MakesFitAndUnfit() public {
        uint256 fit;
        for (uint256 i; i < 40; ++i) {
            uint256 seed = uint256(keccak256(abi.encode(i)));
            handler.recover(seed);
            if (isFit()) ++fit;
            if (i % 4 == 0) handler.pause(true);
            if (i % 4 == 1) handler.wait_(19);
            if (i % 4 == 2) handler.send(seed);
            if (i % 4 == 3) handler.setSequencer(seed);
            invariant_AdaptersReadExactlyWhatThePolicyAllows();
            invariant_DataAreAskedForExactlyWhereTheyCanHelp();
        }
        assertGt(fit, 20);
    }
}
