// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle} from "../interfaces/IMarkOracle.sol";
import {GroupWord} from "../report/GroupWord.sol";
import {MarkWord} from "../report/MarkWord.sol";
import {MarkReader, ReadPolicy} from "./MarkReader.sol";
import {UpdateFee} from "./UpdateFee.sol";
import {IERC7412} from "./interfaces/IERC7412.sol";

/// @title Erc7412Adapter
/// @notice One market for clients of ERC-7412: a read that lacks a fresh mark, or a good enough one,
/// says which report would mend it, and goes through once that report is sent.
/// @dev What no report can mend (a pause, a sequencer that is down or in its grace) reverts otherwise,
/// so that clients do not fetch in vain. Where nobody pushes, only the client's next report ends a
/// halt or agrees with a jump: so a mark that is fresh but not good enough asks for a newer one.
contract Erc7412Adapter is IERC7412, MarkReader, UpdateFee {
    using GroupWord for uint256;

    /// @inheritdoc IERC7412
    bytes32 public constant oracleId = "PLUMBLINE";

    uint256 public immutable MARKET;
    bytes32 public immutable INSTRUMENT;
    bytes32 private immutable SALT;

    /// @param instrument What the market's number must mean, such as "BTC-USD".
    constructor(
        IMarkOracle oracle,
        uint256 market,
        bytes32 instrument,
        ReadPolicy memory policy,
        uint256 feeWei,
        address payable collector
    ) MarkReader(oracle, policy) UpdateFee(feeWei, collector) {
        (MARKET, INSTRUMENT, SALT) = (market, instrument, oracle.SALT());
        _requireInstrument(market, instrument);
    }

    /// @notice Read the price × 10^18 and its time in unix ms.
    /// @dev The query in `OracleDataRequired` is `abi.encode(bytes32 salt, uint256 market, uint256
    /// notBeforeMs)`: any report of the deployment `salt` will do that carries the market's group
    /// and is not older.
    function price() external view returns (uint256 priceE18, uint256 priceTimeMs) {
        _requireSequencer();
        uint256 word = _wordOf(MARKET);
        _requireUnpaused(MARKET, word);
        priceTimeMs = word.time().unixMs();
        if (MarkWord.ageMs(priceTimeMs) > MAX_AGE_MS) {
            _requireData(block.timestamp * 1000 - MAX_AGE_MS);
        }
        uint256 entry = word.entry(MARKET % GroupWord.MARKETS);
        if (entry.validity() < LEAST) _requireData(priceTimeMs + 1);
        return (entry.priceE18(), priceTimeMs);
    }

    /// @inheritdoc IERC7412
    function fulfillOracleQuery(bytes calldata signedOffchainData) external payable {
        if (msg.value < FEE_WEI) revert FeeRequired(FEE_WEI);
        uint256 accepted = ORACLE.update(signedOffchainData);
        // Nothing new, because somebody else's came first: nothing to pay.
        _refund(accepted == 0 ? 0 : FEE_WEI);
    }

    function _requireData(uint256 notBeforeMs) private view {
        revert OracleDataRequired(address(this), abi.encode(SALT, MARKET, notBeforeMs));
    }
}
