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
    NOT_NORMALISED,
    /// @dev The number was bound after the epoch that signed, in which it meant nothing.
    BEFORE_BINDING
}

/// @notice How a held jump ended.
enum JumpEnd {
    /// @dev A price came within the bound, as it is now, of the last accepted one.
    RETURNED,
    /// @dev Enough reports agreed with it.
    PROMOTED,
    /// @dev The number was bound or retired: what was known of it is gone.
    FORGOTTEN
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

/// @notice When a price is a jump, and what makes it believed.
struct JumpRule {
    /// @dev Greatest change since the last accepted price that is no jump, in bps of that: 157 to
    /// 10,000. 0: nothing is a jump.
    uint16 boundBps;
    /// @dev Reports that must agree with a jump before it is accepted: each GUARDED or VALID, within
    /// the bound of the price stored before, and signed within a minute of it (or `holdMs`, if that
    /// is longer); a later one is a jump anew. 1 to 255. 0, with all else 0: the default rule.
    uint16 reports;
    /// @dev Signed time in ms that must have passed since the jump: up to an hour. Who sends
    /// updates chooses when, but not how fast signed time passes.
    uint32 holdMs;
}

/// @notice What instrument a market number means from an epoch on.
struct Binding {
    uint256 market;
    /// @dev Its name in ASCII, of at most 28 bytes, filled up with zeros, such as "BTC-USD"; zero to
    /// retire a number that has one.
    bytes32 instrument;
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
///   only wants a price it can act on calls `priceNoOlderNorWorse`.
/// - A price that jumps is stored as it was signed, but as TOO_VOLATILE, until further reports
///   agree with it or one returns. This guards against a committee that errs for a moment, not
///   against one that lies: a quorum can walk any distance in small steps.
/// - A market number that nothing was ever stored for reads as HALTED, price 0, times 0. A committee
///   signs an entry of zeros for a number that is bound to nothing.
/// - A number means one instrument (`instrumentOf`), from the epoch that binds it on; then, once it
///   is retired, nothing: strict reads of it revert for good. So who has checked what a number means
///   may store it. There are 4,096.
/// - Each epoch binds the same numbers to the same instruments on every chain of the deployment: the
///   signatures are the same there. No contract can see that of another chain; governance must.
/// - No call leaves this contract except to the ecrecover precompile: nothing can re-enter.
interface IMarkOracle is ICommittee, IReportErrors {
    /// @notice Groups were stored.
    /// @param slot The report's slot.
    /// @param groups For each, packed: group (2 bytes) ‖ word as stored (32 bytes).
    event Updated(uint64 slot, bytes groups);

    /// @notice A signed entry broke the format, and was taken as MISSING.
    event EntryRejected(uint256 indexed market, EntryFault fault, uint256 entry);

    /// @notice The market is paused, or its pause has become the owner's. A retired one is paused.
    event MarketPaused(uint256 indexed market, address indexed by, string reason);
    event MarketUnpaused(uint256 indexed market, address indexed by, string reason);

    /// @notice A price jumped, and is stored as TOO_VOLATILE until reports agree with it.
    event JumpHeld(uint256 indexed market, uint256 acceptedPriceE18, uint256 priceE18);

    /// @notice The jump is over.
    event JumpEnded(uint256 indexed market, JumpEnd how);

    /// @notice A market has a rule of its own, or with all 0 the default again.
    event JumpRuleChanged(uint256 indexed market, JumpRule rule);
    event DefaultJumpRuleChanged(JumpRule rule);

    /// @notice From `epoch` on, the number means this instrument; or none: it is retired. What was
    /// stored of it is gone.
    event MarketBound(uint256 indexed market, bytes32 indexed instrument, uint32 indexed epoch);

    /// @notice The owner set a group's time back.
    /// @param word The group's word as stored now.
    event GroupTimeReset(
        uint256 indexed group, uint64 fromMs, uint64 toMs, uint256 word, string reason
    );

    /// @notice A deployment may let reports be a minute ahead of the chain's clock, and no more.
    error MaxFutureOutOfRange(uint256 givenMs, uint256 limitMs);

    /// @notice No report can name this market.
    error UnknownMarket(uint256 given, uint256 limit);

    /// @notice No report can name this group.
    error UnknownGroup(uint256 given, uint256 limit);

    /// @notice The pause is the owner's, and only the owner lifts it.
    error PausedByOwner(uint256 market);

    /// @notice A part of a jump rule is out of its range.
    error JumpRuleOutOfRange(JumpRule given);

    /// @notice The number has a meaning, or had one and is retired (`instrument` is zero). It gets no
    /// other: take a number that was never bound.
    error NumberTaken(uint256 market, bytes32 instrument, uint32 fromEpoch);

    /// @notice An instrument's name has at most 28 bytes.
    error InstrumentTooLong(uint256 market, bytes32 given);

    /// @notice The number is retired: nobody lifts its pause.
    error MarketRetired(uint256 market);

    /// @notice A group's time (unix ms) can only be set back, and not to before words count.
    error ResetOutOfRange(uint256 givenMs, uint256 leastMs, uint256 storedMs);

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

    /// @notice Start the next epoch, with these members and meanings of market numbers. By the
    /// owner.
    /// @dev Naming the epoch makes a rotation that was queued behind another fail, rather than
    /// bring back a member whom the other removed.
    ///
    /// A number is bound at most once. What was stored of it before is gone, but for its pause and
    /// its jump rule. It then has no price until a report of this epoch brings one: in those of the
    /// epoch before, which may still be valid, its entry is taken as MISSING (BEFORE_BINDING). To
    /// bind it to zero retires it: its price is gone, and it is paused for good.
    /// @param epoch The one after the current: 1 for the first.
    /// @param members Addresses, strictly rising; a report's bit `i` means `members[i]`.
    /// @param threshold Signatures a report must carry.
    /// @param previousValidUntilS Unix second up to which reports of the epoch that ends now are
    /// still taken, at most 30 days ahead; 0 for not at all, as after a compromise. Older epochs
    /// end at once.
    /// @param bindings Numbers to bind or to retire; all others keep their meaning. The same on every
    /// chain.
    function setCommittee(
        uint32 epoch,
        address[] calldata members,
        uint8 threshold,
        uint64 previousValidUntilS,
        Binding[] calldata bindings
    ) external;

    /// @notice Set a market's rule for jumps; all 0 for the default. By the owner.
    function setJumpRule(uint256 market, JumpRule calldata rule) external;

    /// @notice Set the rule of all markets without one of their own. By the owner.
    function setDefaultJumpRule(JumpRule calldata rule) external;

    /// @notice Set a group's time back, when it was signed wrongly ahead while the chain's clock
    /// was too: no report with the right time could replace it. By the owner.
    /// @dev Touches this group alone, and stores no price: entries with a price become MISSING, so
    /// that nothing can act on one whose time was wrong, and keep it with a time no later than the
    /// group's; HALTED stays. Jumps go on being held, since that time at the latest. Then reports count again that are newer than
    /// `timeMs`, also those seen before: each with its own time, so that strict reads refuse it
    /// once it is too old. Give the right present time to make room for none of them.
    /// @param timeMs Unix ms, before the stored time.
    function resetTime(uint256 group, uint64 timeMs, string calldata reason) external;

    /// @notice Forbid strict reads of a market until it is unpaused. Updates go on being stored. By
    /// the guardian or the owner.
    function pauseMarket(uint256 market, string calldata reason) external;

    /// @notice Lift a pause. By the guardian or the owner; the owner's by the owner; nobody that of a
    /// retired number.
    function unpauseMarket(uint256 market, string calldata reason) external;

    /// @notice Read a market as stored. `validity` is as signed, or TOO_VOLATILE while a jump is
    /// held; never STALE.
    function readMark(uint256 market) external view returns (Mark memory);

    /// @notice Read a market; its validity is STALE if that of the price was better, but the price
    /// is older than `maxAgeMs`.
    function readMarkAged(uint256 market, uint256 maxAgeMs) external view returns (Mark memory);

    /// @notice Read a price to act on, or revert: paused, below `least`, or too old.
    /// @param maxAgeMs Greatest age against the block's time; a price slightly ahead of it has
    /// age 0.
    /// @param least Lowest validity to take. HALTED and MISSING are never taken.
    function priceNoOlderNorWorse(uint256 market, uint256 maxAgeMs, Validity least)
        external
        view
        returns (uint256 priceE18, uint256 priceTimeMs);

    /// @notice Read a price that is VALID, or revert, as `priceNoOlderNorWorse` does: for some 150 gas
    /// less, what most consumers want.
    function usablePrice(uint256 market, uint256 maxAgeMs)
        external
        view
        returns (uint256 priceE18, uint256 priceTimeMs);

    /// @notice The word stored for a group: as signed, with pause bits, TOO_VOLATILE in entries
    /// whose jump is held, and the last price kept in entries that have none now.
    function groupWord(uint256 group) external view returns (uint256);

    /// @notice The instrument a market number means, and since which epoch. Check it before storing a
    /// number: never store one that means nothing yet. It never means another; once retired, strict
    /// reads revert. With `verify` check the epoch too: a report of one before `fromEpoch` says
    /// nothing of this instrument.
    /// @return instrument Zero for none: never bound (`fromEpoch` is 0), or retired.
    function instrumentOf(uint256 market)
        external
        view
        returns (bytes32 instrument, uint32 fromEpoch);

    /// @notice The rule for jumps in force for a market.
    function jumpRule(uint256 market) external view returns (JumpRule memory);

    /// @notice The jump that is held of a market; all 0 for none.
    /// @return acceptedPriceE18 The price before it.
    /// @return sinceMs Unix ms of the first report with it.
    /// @return agreed Reports that have agreed with it, counted as far as the rule asks.
    function heldJump(uint256 market)
        external
        view
        returns (uint256 acceptedPriceE18, uint64 sinceMs, uint256 agreed);

    /// @notice Names the deployment: keccak256(abi.encode(network, homeGovernor, nonce)).
    function SALT() external view returns (bytes32);

    function DOMAIN_SEPARATOR() external view returns (bytes32);

    /// @notice How far a report's time may be ahead of the block's.
    function MAX_FUTURE_MS() external view returns (uint256);
}
