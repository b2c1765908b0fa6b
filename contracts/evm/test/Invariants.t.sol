// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Mark} from "../src/interfaces/IMarkOracle.sol";
import {OracleFixture} from "./OracleFixture.sol";
import {OracleHandler} from "./OracleHandler.sol";

/// @notice The sentences of contracts/INVARIANTS.md, by their numbers.
contract InvariantsTest is OracleFixture {
    OracleHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new OracleHandler(oracle, owner, guardian);
        bytes4[] memory actions = new bytes4[](6);
        actions[0] = OracleHandler.send.selector;
        actions[1] = OracleHandler.replay.selector;
        actions[2] = OracleHandler.forge.selector;
        actions[3] = OracleHandler.pause.selector;
        actions[4] = OracleHandler.rotate.selector;
        actions[5] = OracleHandler.wait_.selector;
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

    /// @notice The handler reaches what it is there for: groups are stored, forgeries refused.
    function test_handler_StoresAndForges() public {
        for (uint256 i; i < 20; ++i) {
            handler.send(uint256(keccak256(abi.encode(i))));
            handler.wait_(9);
            handler.forge(uint256(keccak256(abi.encode("forge", i))));
            handler.replay(i);
        }
        assertGt(handler.accepted(), 5);
        assertGt(handler.refused(), 15);
    }
}
