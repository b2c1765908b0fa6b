// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AggregatorV3Interface} from "../../adapters/interfaces/AggregatorV3Interface.sol";
import {IMarkOracle} from "../../interfaces/IMarkOracle.sol";
import {MarkGate} from "../MarkGate.sol";
import {IPerpEngine, MarketState, Position} from "../interfaces/IPerpEngine.sol";
import {IRiskParameters} from "../interfaces/IRiskParameters.sol";
import {IVault, Module} from "../interfaces/IVault.sol";
import {SignedMath} from "../lib/SignedMath.sol";
import {HeldMarkets} from "./HeldMarkets.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";

/// @title EngineState
/// @notice What is stored of positions and markets, and the sums over positions that every change of
/// one keeps up.
abstract contract EngineState is IPerpEngine, MarkGate {
    using EnumerableSet for EnumerableSet.UintSet;
    using HeldMarkets for uint256;
    using SafeCast for int256;
    using SafeCast for uint256;
    using SignedMath for int256;

    uint256 internal constant UNIT = 1e18;
    uint256 internal constant BPS = 10_000;

    IVault public immutable VAULT;

    mapping(uint256 market => MarketState) internal _markets;
    mapping(uint256 account => mapping(uint256 market => Position)) internal _positions;
    /// @dev As `HeldMarkets` has it.
    mapping(uint256 account => uint256) internal _held;
    EnumerableSet.UintSet private _open;

    constructor(
        IMarkOracle oracle,
        IRiskParameters risk,
        IVault vault,
        AggregatorV3Interface sequencerFeed,
        uint256 graceS
    ) MarkGate(oracle, risk, sequencerFeed, graceS) {
        VAULT = vault;
    }

    /// @inheritdoc IPerpEngine
    function position(uint256 account, uint256 market) external view returns (Position memory) {
        return _positions[account][market];
    }

    /// @inheritdoc IPerpEngine
    function marketState(uint256 market) external view returns (MarketState memory) {
        return _markets[market];
    }

    /// @inheritdoc IPerpEngine
    function marketsOf(uint256 account) external view returns (uint256[] memory markets) {
        uint256 held = _held[account];
        markets = new uint256[](held.count());
        for (uint256 i; held != 0; ++i) {
            markets[i] = held.first();
            held = held.rest();
        }
    }

    /// @inheritdoc IPerpEngine
    function openMarkets() external view returns (uint256[] memory) {
        return _open.values();
    }

    function _requireModule(Module needed) internal view {
        if (VAULT.moduleOf(msg.sender) != needed) revert NotAModule(msg.sender);
    }

    /// @dev Replace a position, and its part in its market's sums, in storage.
    /// @param state The market as it is in memory, accrued; its sums are changed.
    function _replace(
        uint256 account,
        uint256 market,
        MarketState memory state,
        Position memory from,
        Position memory to
    ) internal {
        bool wasOpen = state.longE18 | state.shortE18 != 0;
        _addTo(state, from, -1);
        _addTo(state, to, 1);
        _markets[market] = state;
        _positions[account][market] = to;
        if (to.sizeE18 == 0) _held[account] = _held[account].without(market);
        else if (from.sizeE18 == 0) _held[account] = _held[account].with(market);

        bool isOpen = state.longE18 | state.shortE18 != 0;
        if (isOpen && !wasOpen) assert(_open.add(market));
        if (wasOpen && !isOpen) assert(_open.remove(market));
    }

    /// @dev Add a position's part to its market's sums, or with `sign` −1 take it away: the same
    /// number to the unit, since it comes of nothing but what is stored of the position.
    function _addTo(MarketState memory state, Position memory held, int256 sign) private pure {
        if (held.sizeE18 == 0) return;
        int256 signedSize = int256(held.sizeE18).abs().toInt256() * sign;
        if (held.sizeE18 > 0) {
            state.longE18 = (int256(uint256(state.longE18)) + signedSize).toUint256().toUint128();
        } else {
            state.shortE18 = (int256(uint256(state.shortE18)) + signedSize).toUint256().toUint128();
        }
        state.costE18 = (state.costE18 + sign * held.costE18).toInt128();
        state.fundingBasisE18 = (state.fundingBasisE18 + sign * _basis(held)).toInt128();
    }

    /// @dev Size × funding index. Rounded up, so that the sum never makes out that traders owe more
    /// than they do.
    function _basis(Position memory held) private pure returns (int256) {
        return int256(held.fundingIndexE18).mulCeil(int256(held.sizeE18).abs());
    }

    function _skew(MarketState memory state) internal pure returns (int256) {
        return int256(uint256(state.longE18)) - int256(uint256(state.shortE18));
    }

    /// @dev The funding index of the side that a position of this size is on.
    function _index(MarketState memory state, int256 sizeE18) internal pure returns (int128) {
        return sizeE18 < 0 ? state.shortIndexE18 : state.longIndexE18;
    }

    /// @dev What a position owes in funding; below zero what it is owed. Rounded up.
    function _fundingOwed(MarketState memory state, Position memory held)
        internal
        pure
        returns (int256)
    {
        int256 sinceE18 = int256(_index(state, held.sizeE18)) - held.fundingIndexE18;
        if (sinceE18 == 0) return 0;
        return sinceE18.mulCeil(int256(held.sizeE18).abs());
    }
}
