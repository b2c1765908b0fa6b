// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommittee} from "./ICommittee.sol";
import {IReportErrors} from "./IReportErrors.sol";

/// @notice How far a mark may be trusted, worst first. A report never says STALE: that is known
/// only when a mark is read.
enum Validity {
    HALTED,
    MISSING,
    STALE,
    TOO_VOLATILE,
    TOO_UNCERTAIN,
    GUARDED,
    VALID
}

/// @notice What is wrong with a signed entry.
enum EntryFault {
    NONE,
    UNKNOWN_VALIDITY,
    PRICE_WITHOUT_VALIDITY,
    NOT_NORMALISED
}

/// @notice One group as a report carries it.
struct Leaf {
    uint16 group;
    /// @dev The group's time in the report before, as in a word: ms since 2020; 0 in the first.
    uint40 prevMs;
    uint256 word;
}

/// @notice A market as stored.
struct Mark {
    /// @dev The last signed price, in the market's quote currency × 10^18; 0 if there never was
    /// one. HALTED and MISSING leave it as it was: look at `validity` before using it.
    uint256 priceE18;
    /// @dev Unix milliseconds of that price; 0 if there never was one.
    uint64 priceTimeMs;
    /// @dev Unix milliseconds of the last accepted entry, with or without a price; 0 for none.
    uint64 statusTimeMs;
    Validity validity;
    bool paused;
    /// @dev Half-width of the confidence interval relative to the index, in bps × 10.
    uint32 confidenceBpsE1;
    /// @dev Premium of the perp against the index, in bps × 100, rounded towards zero.
    int32 premiumBpsE2;
    /// @dev False where the report knew no premium; `premiumBpsE2` is 0 then.
    bool premiumKnown;
}

/// @title IMarkOracle
/// @notice Mark prices signed by a committee, four markets to a group, stored as reports arrive.
///
/// Assumptions:
/// - Anyone may update. Who pays for an update chooses *which* signed reports arrive and when,
///   never what they say. Each group's time only rises, so a report may be skipped but not undone.
///   Who must not let the caller choose among prices uses `verify` and a leaf's `prevMs`.
/// - The committee's clock and the chain's agree to within `MAX_FUTURE_MS`. A signed time wrongly
///   ahead, within that bound, blocks its group for as long.
/// - `readMark` judges nothing. It returns halted, paused and old marks as such. A consumer which
///   only wants a price it can act on calls `priceNoOlderThan`.
/// - A market number that nothing was ever stored for reads as HALTED, price 0, times 0. Which
///   instrument a number means is not known here.
/// - No call leaves this contract except to the ecrecover precompile: nothing can re-enter.
interface IMarkOracle is ICommittee, IReportErrors {
    /// @notice Groups were stored.
    /// @param slot The report's slot.
    /// @param groups For each, packed: group (2 bytes) ‖ word as stored (32 bytes).
    event Updated(uint64 slot, bytes groups);

    /// @notice A signed entry broke the format, and was taken as MISSING.
    event EntryRejected(uint256 indexed market, EntryFault fault, uint256 entry);

    event MarketPaused(uint256 indexed market, address indexed by, string reason);
    event MarketUnpaused(uint256 indexed market, address indexed by, string reason);

    /// @notice No report can name this market.
    error UnknownMarket(uint256 given, uint256 limit);

    /// @notice The market is paused by the guardian or the owner.
    error Paused(uint256 market);

    /// @notice The mark is less trustworthy than the caller allows, or has no price.
    error ValidityTooLow(uint256 market, Validity given, Validity least);

    /// @notice The price is older than the caller allows.
    error TooOld(uint256 market, uint256 ageMs, uint256 maxAgeMs);

    /// @notice Verify a report and store the groups that are newer than what is stored.
    /// @dev Succeeds, without looking at signatures, when no group is newer: sending a report
    /// twice, or late, is harmless and cheap.
    /// @param report A body as docs/report-format.md has it, with all leaves or some.
    /// @return accepted Number of groups stored.
    function update(bytes calldata report) external returns (uint256 accepted);

    /// @notice Verify a report without storing it; every check of `update` but that of novelty.
    function verify(bytes calldata report)
        external
        view
        returns (uint32 epoch, uint64 slot, bytes32 inputsRoot, Leaf[] memory leaves);

    /// @notice Forbid strict reads of a market until it is unpaused. Updates go on being stored.
    function pauseMarket(uint256 market, string calldata reason) external;

    /// @notice Lift a pause.
    function unpauseMarket(uint256 market, string calldata reason) external;

    /// @notice Read a market as stored. `validity` is as signed, never STALE.
    function readMark(uint256 market) external view returns (Mark memory);

    /// @notice Read a market; its validity is STALE if that of the price was better, but the price
    /// is older than `maxAgeMs`.
    function readMarkAged(uint256 market, uint256 maxAgeMs) external view returns (Mark memory);

    /// @notice Read a price to act on, or revert: paused, below `least`, or too old.
    /// @param maxAgeMs Greatest age against the block's time; a price slightly ahead of it has
    /// age 0.
    /// @param least Lowest validity to take. HALTED and MISSING are never taken.
    function priceNoOlderThan(uint256 market, uint256 maxAgeMs, Validity least)
        external
        view
        returns (uint256 priceE18, uint256 priceTimeMs);

    /// @notice The word stored for a group: as signed, with pause bits, and with the last price
    /// kept in entries that have none now.
    function groupWord(uint256 group) external view returns (uint256);

    /// @notice Names the deployment: keccak256(abi.encode(network, homeGovernor, nonce)).
    function SALT() external view returns (bytes32);

    function DOMAIN_SEPARATOR() external view returns (bytes32);

    /// @notice How far a report's time may be ahead of the block's.
    function MAX_FUTURE_MS() external view returns (uint256);
}
