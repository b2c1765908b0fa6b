// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ChainlinkAdapter} from "../src/adapters/ChainlinkAdapter.sol";
import {Erc7412Adapter} from "../src/adapters/Erc7412Adapter.sol";
import {PythAdapter} from "../src/adapters/PythAdapter.sol";
import {PythFeed} from "../src/adapters/PythFeeds.sol";
import {IERC7412} from "../src/adapters/interfaces/IERC7412.sol";
import {IPythErrors} from "../src/adapters/interfaces/IPyth.sol";
import {ExampleLending} from "../src/examples/ExampleLending.sol";
import {LendingOnChainlink} from "../src/examples/LendingOnChainlink.sol";
import {LendingOnErc7412} from "../src/examples/LendingOnErc7412.sol";
import {LendingOnPyth} from "../src/examples/LendingOnPyth.sol";
import {IMarkOracle, Validity} from "../src/interfaces/IMarkOracle.sol";
import {ExamplesActions} from "./ExamplesActions.sol";
import {ExamplesSafety} from "./ExamplesSafety.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

contract ExamplesChainlinkTest is ExamplesActions, ExamplesSafety {
    function deploy(address lender_, IERC20Metadata collateral, IERC20Metadata debt)
        internal
        override
        returns (ExampleLending)
    {
        ChainlinkAdapter adapter =
            new ChainlinkAdapter(oracle, MARKET, "BTC-USD", policy(), 8, "BTC / USD");
        return new LendingOnChainlink(lender_, collateral, debt, adapter);
    }

    function staleError() internal pure override returns (bytes memory) {
        return abi.encodeWithSelector(IMarkOracle.TooOld.selector, MARKET, 31_000, MAX_AGE_MS);
    }
}

contract ExamplesPythTest is ExamplesActions, ExamplesSafety {
    bytes32 private constant ID = keccak256("BTC/USD");

    PythAdapter private pyth;

    function deploy(address lender_, IERC20Metadata collateral, IERC20Metadata debt)
        internal
        override
        returns (ExampleLending)
    {
        PythFeed[] memory feeds = new PythFeed[](1);
        feeds[0] = PythFeed(ID, "BTC-USD", 0, uint16(MARKET), 0, 8);
        pyth = new PythAdapter(oracle, policy(), feeds, 0, payable(0));
        return new LendingOnPyth(lender_, collateral, debt, pyth, ID);
    }

    function staleError() internal pure override returns (bytes memory) {
        return abi.encodeWithSelector(IPythErrors.StalePrice.selector);
    }

    /// @dev 0x3f is 96 bps of the price, 0x40 is 102.4: 100 is as much as it takes.
    function test_borrow_RevertIf_TheConfidenceIsTooWide() public {
        skipS(1);
        pushEntry(entryWithConfidence(0x3f));
        vm.prank(makeAddr("borrower"));
        lending.borrow(1);
        skipS(1);
        pushEntry(entryWithConfidence(0x40));
        vm.prank(makeAddr("borrower"));
        vm.expectPartialRevert(LendingOnPyth.BadPrice.selector);
        lending.borrow(1);
    }

    function entryWithConfidence(uint256 code) private pure returns (uint256) {
        return (entryOf(6) & ~(uint256(0x7f) << 32)) | (code << 32);
    }

    /// @dev As Pyth's users do: update, then act.
    function test_update_ThenBorrow() public {
        skipS(60);
        bytes[] memory updateData = new bytes[](1);
        updateData[0] = reportOf(entryOf(6), nowMs(), 0);
        pyth.updatePriceFeeds{value: pyth.getUpdateFee(updateData)}(updateData);
        vm.prank(makeAddr("borrower"));
        lending.borrow(1);
    }
}

contract ExamplesErc7412Test is ExamplesActions, ExamplesSafety {
    Erc7412Adapter private adapter;

    function deploy(address lender_, IERC20Metadata collateral, IERC20Metadata debt)
        internal
        override
        returns (ExampleLending)
    {
        adapter = new Erc7412Adapter(oracle, MARKET, "BTC-USD", policy(), 0, payable(0));
        return new LendingOnErc7412(lender_, collateral, debt, adapter);
    }

    function staleError() internal view override returns (bytes memory) {
        return dataRequired(block.timestamp * 1000 - MAX_AGE_MS);
    }

    /// @dev Whatever is fresh but not good enough asks for a newer report.
    function tooLow(Validity) internal view override returns (bytes memory) {
        return dataRequired(oracle.readMark(MARKET).statusTimeMs + 1);
    }

    function dataRequired(uint256 notBeforeMs) private view returns (bytes memory) {
        return abi.encodeWithSelector(
            IERC7412.OracleDataRequired.selector,
            adapter,
            abi.encode(oracle.SALT(), MARKET, notBeforeMs)
        );
    }

    /// @dev As clients of ERC-7412 do: the call says what it lacks, and whom to send it to.
    function test_call_SaysWhatItLacksAndPassesOnceSent() public {
        skipS(60);
        vm.startPrank(makeAddr("borrower"));
        (bool success, bytes memory error) =
            address(lending).call(abi.encodeCall(ExampleLending.borrow, (1)));
        assertFalse(success);
        assertEq(error, staleError());
        adapter.fulfillOracleQuery(reportOf(entryOf(6), nowMs(), 0));
        lending.borrow(1);
        vm.stopPrank();
    }
}
