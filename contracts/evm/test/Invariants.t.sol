// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {JumpRule, Mark} from "../src/interfaces/IMarkOracle.sol";
import {OracleFixture} from "./OracleFixture.sol";
import {OracleHandler} from "./OracleHandler.sol";

/// @notice The sentences of contracts/INVARIANTS.md, by their numbers.
contract InvariantsTest is OracleFixture {
    OracleHandler private handler;

    function setUp() public override {
        super.setUp();
        vm.prank(owner);
        oracle.setDefaultJumpRule(JumpRule({boundBps: 1000, reports: 2, holdMs: 2000}));
        handler = new OracleHandler(oracle, owner, guardian);
        bytes4[] memory actions = new bytes4[](9);
        actions[0] = OracleHandler.send.selector;
        actions[1] = OracleHandler.replay.selector;
        actions[2] = OracleHandler.forge.selector;
        actions[3] = OracleHandler.pause.selector;
        actions[4] = OracleHandler.rotate.selector;
        actions[5] = OracleHandler.wait_.selector;
        actions[6] = OracleHandler.revoke.selector;
        actions[7] = OracleHandler.reset.selector;
        actions[8] = OracleHandler.setRule.selector;
        targetSelector(FuzzSelector(address(handler), actions));
        targetContract(address(handler));
    }

    /// @notice O1, O2, O3: what is stored is what the accepted reports say, bit by bit.
    function invariant_StorageIsWhatWasSigned() public view {
        for (uint256 g; g < handler.GROUPS(); ++g) {
            uint256 expected = handler.model(4 * g).statusTimeMs << 216;
            for (uint256 i; i < 4; ++i) {
                OracleHandler.Model memory m = handler.model(4 * g + i);
                uint256 entry = m.price | (m.quality << 32) | (m.validity << 50);
                expected |= entry << (53 * i);
                if (m.paused) expected |= 1 << (212 + i);
            }
            assertEq(oracle.groupWord(g), expected);
        }
        assertEq(oracle.groupWord(handler.GROUPS()), 0);
    }

    /// @notice O4: pause bits are as the guardian and the owner last left them.
    function invariant_PausesAreTheGuardians() public view {
        for (uint256 market; market < 4 * handler.GROUPS(); ++market) {
            assertEq(oracle.readMark(market).paused, handler.model(market).paused);
        }
    }

    /// @notice O5: a price is read with the time it was signed at, however often the market has
    /// lost and regained one.
    function invariant_PricesKeepTheirTimes() public view {
        for (uint256 market; market < 4 * handler.GROUPS(); ++market) {
            OracleHandler.Model memory m = handler.model(market);
            Mark memory mark = oracle.readMark(market);
            uint256 priceTimeMs = m.priceTimeMs == 0 ? 0 : m.priceTimeMs + ORIGIN_MS;
            assertEq(mark.priceTimeMs, priceTimeMs);
            assertEq(mark.priceE18, (m.price % 2 ** 27) * 10 ** (m.price >> 27));
        }
    }

    /// @notice O6: nothing is stored that is further ahead of the clock than allowed.
    function invariant_NoTimeIsInTheFuture() public view {
        for (uint256 g; g < handler.GROUPS(); ++g) {
            assertLe(oracle.groupWord(g) >> 216, nowMs() + MAX_FUTURE_MS);
        }
    }

    /// @notice O7: what is held, since when and how many agreed is as the plain rule has it; what
    /// is held reads no better than TOO_VOLATILE.
    function invariant_JumpsAreHeldUntilReportsAgree() public view {
        for (uint256 market; market < 4 * handler.GROUPS(); ++market) {
            OracleHandler.Model memory m = handler.model(market);
            (uint256 accepted, uint64 sinceMs, uint256 agreed) = oracle.heldJump(market);
            assertEq(accepted, (m.accepted % 2 ** 27) * 10 ** (m.accepted >> 27));
            if (m.accepted == 0) continue;
            assertEq(sinceMs, m.heldSinceMs + ORIGIN_MS);
            assertEq(agreed, m.agreed);
            assertLe(uint256(oracle.readMark(market).validity), 3);
        }
    }

    /// @notice O9: a number means what its epoch gave it, and its price was signed in no epoch before;
    /// a retired one is paused.
    function invariant_PricesAreOfTheBoundInstrument() public view {
        for (uint256 market; market < 4 * handler.GROUPS(); ++market) {
            OracleHandler.Model memory m = handler.model(market);
            (bytes32 instrument, uint32 fromEpoch) = oracle.instrumentOf(market);
            assertEq(instrument, m.instrument);
            assertEq(fromEpoch, m.fromEpoch);
            if (oracle.readMark(market).priceE18 != 0) assertGe(m.priceEpoch, fromEpoch);
            if (fromEpoch != 0 && instrument == 0) assertTrue(oracle.readMark(market).paused);
        }
    }

    /// @notice C1, C2: in each epoch at least a quorum may sign, and at most two epochs are valid.
    function invariant_AQuorumIsLeftAndTwoEpochsAreValid() public view {
        uint256 valid;
        for (uint32 epoch = 1; epoch <= oracle.currentEpoch(); ++epoch) {
            uint256 out = oracle.revoked(epoch);
            assertEq(out, handler.revoked(epoch));
            uint256 left = 7;
            for (; out != 0; out &= out - 1) {
                --left;
            }
            assertGe(left, THRESHOLD);
            (,, uint64 untilS) = oracle.committee(epoch);
            assertEq(untilS, handler.validUntilS(epoch));
            if (untilS >= block.timestamp) ++valid;
        }
        assertLe(valid, 2);
    }

    /// @notice The handler reaches what it is there for: groups are stored, forgeries refused, jumps
    /// held, promoted and taken back, times reset, prices given up.
    function test_handler_ReachesWhatItIsThereFor() public {
        for (uint256 i; i < 400; ++i) {
            uint256 seed = uint256(keccak256(abi.encode(i)));
            handler.send(seed);
            handler.wait_(9);
            if (i % 8 != 0) continue;
            handler.forge(seed);
            handler.replay(seed);
            handler.revoke(seed, guardian);
            handler.reset(seed, owner);
            if (i % 64 == 0) handler.rotate(seed);
        }
        assertGt(handler.accepted(), 100);
        assertGt(handler.refused(), 15);
        assertGt(handler.held(), 20);
        assertGt(handler.promoted(), 5);
        assertGt(handler.returned(), 5);
        assertGt(handler.resets(), 5);
        assertGt(oracle.currentEpoch(), 2);
    }
}
