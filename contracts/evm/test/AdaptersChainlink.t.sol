// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ChainlinkAdapter} from "../src/adapters/ChainlinkAdapter.sol";
import {MarkReader} from "../src/adapters/MarkReader.sol";
import {IMarkOracle} from "../src/interfaces/IMarkOracle.sol";
import {AdaptersFixture} from "./AdaptersFixture.sol";

/// @notice What is Chainlink's own about ChainlinkAdapter.
contract AdaptersChainlinkTest is AdaptersFixture {
    ChainlinkAdapter private adapter;

    function setUp() public override {
        super.setUp();
        adapter = new ChainlinkAdapter(oracle, MARKET, "BTC-USD", policy(), 8, "BTC / USD");
    }

    function test_latestRoundData_SaysPriceAndTimeAsChainlinkDoes() public view {
        (uint80 round, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredIn) =
            adapter.latestRoundData();
        assertEq(answer, 60_000.12e8);
        assertEq(round, START_S * 1000);
        assertEq(startedAt, START_S);
        assertEq(updatedAt, START_S);
        assertEq(answeredIn, round);
        assertEq(adapter.decimals(), 8);
        assertEq(adapter.description(), "BTC / USD");
        assertEq(adapter.version(), 1);
    }

    /// @dev Times in ms and seconds: two reports within one second are two rounds.
    function testFuzz_latestRoundData_RoundsRiseWithPrices(uint256 afterMs) public {
        afterMs = bound(afterMs, 1, MAX_FUTURE_MS);
        (uint80 before,,,,) = adapter.latestRoundData();
        push(draftOf(wordWith(entryOf(6), nowMs() + afterMs)));
        (uint80 round,,, uint256 updatedAt,) = adapter.latestRoundData();
        assertEq(round, before + afterMs);
        assertLe(updatedAt, block.timestamp);
    }

    function test_getRoundData_RevertAlways() public {
        vm.expectRevert(abi.encodeWithSelector(ChainlinkAdapter.NoRoundHistory.selector, 7));
        adapter.getRoundData(7);
        (uint80 round,,,,) = adapter.latestRoundData();
        bytes memory error = abi.encodeWithSelector(ChainlinkAdapter.NoRoundHistory.selector, round);
        vm.expectRevert(error);
        adapter.getRoundData(round);
        vm.expectRevert(error);
        adapter.getAnswer(round);
        vm.expectRevert(error);
        adapter.getTimestamp(round);
    }

    /// @dev Older consumers ask for each part by itself, and never for its age.
    function test_latestAnswer_SaysTheSameAndIsAsStrict() public {
        assertEq(adapter.latestAnswer(), 60_000.12e8);
        assertEq(adapter.latestTimestamp(), START_S);
        assertEq(adapter.latestRound(), START_S * 1000);
        skipS(MAX_AGE_MS / 1000 + 1);
        bytes memory error =
            abi.encodeWithSelector(IMarkOracle.TooOld.selector, MARKET, 31_000, MAX_AGE_MS);
        vm.expectRevert(error);
        adapter.latestAnswer();
        vm.expectRevert(error);
        adapter.latestTimestamp();
        vm.expectRevert(error);
        adapter.latestRound();
    }

    /// @dev Every price a report can carry, at any decimals, is said rounded down, or refused if
    /// that would be 0. No price overflows.
    function testFuzz_latestRoundData_ScalesDown(uint256 mantissa, uint256 exponent, uint8 decimals)
        public
    {
        mantissa = bound(mantissa, 10 ** 7, 10 ** 8 - 1);
        exponent = bound(exponent, 0, 31);
        decimals = uint8(bound(decimals, 0, 18));
        takeJumps();
        skipS(1);
        pushEntry(pricedEntry(mantissa, exponent, 6));
        adapter = new ChainlinkAdapter(oracle, MARKET, "BTC-USD", policy(), decimals, "");
        uint256 expected = (mantissa * 10 ** exponent) / 10 ** (18 - decimals);
        if (expected == 0) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    MarkReader.PriceOutOfRange.selector, mantissa * 10 ** exponent, decimals
                )
            );
            adapter.latestRoundData();
        } else {
            (, int256 answer,,,) = adapter.latestRoundData();
            assertEq(answer, int256(expected));
        }
    }
}
