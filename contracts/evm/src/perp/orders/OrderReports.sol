// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SequencerGrace} from "../../adapters/SequencerGrace.sol";
import {IMarkOracle, Leaf} from "../../interfaces/IMarkOracle.sol";
import {GroupWord} from "../../report/GroupWord.sol";
import {IOrders, Order} from "../interfaces/IOrders.sol";
import {IPerpEngine, Quote} from "../interfaces/IPerpEngine.sol";
import {IRiskParameters} from "../interfaces/IRiskParameters.sol";
import {Action, Fields, GlobalRisk} from "../lib/Fields.sol";

/// @title OrderReports
/// @notice Which report decides an order, and what a refused trade means.
library OrderReports {
    using Fields for GlobalRisk;
    using GroupWord for uint256;

    /// @notice Whose fault it is that a trade did not come about.
    enum Fault {
        /// @dev The order's: its price, its margin, a cap.
        OF_THE_ORDER,
        /// @dev The market's, which allows no such trade, or there is nothing to reduce.
        OF_THE_MARKET,
        /// @dev Of what is stored now, such as another market's price: it decides nothing.
        OF_THE_MOMENT,
        /// @dev Perhaps of who settles, and gave too little gas.
        UNKNOWN
    }

    /// @notice Verify a report of the present epoch. One in overlap has a chain of reports of its own,
    /// with another first report after a time. And no number is bound from a later epoch than the
    /// present one, so that a report of it always means the market that is meant now.
    function verified(IMarkOracle oracle, bytes calldata report)
        internal
        view
        returns (Leaf[] memory leaves)
    {
        uint256 epoch;
        (epoch,,, leaves) = oracle.verify(report);
        uint256 current = oracle.currentEpoch();
        if (epoch != current) revert IOrders.WrongEpoch(epoch, current);
    }

    /// @notice Take the word that decides an order: of the first report at or after it is due.
    /// @return word 0 if the report does not decide it.
    /// @return refusal Why not, as an error.
    function deciding(Leaf[] memory leaves, uint256 id, Order memory o)
        internal
        view
        returns (uint256 word, bytes memory refusal)
    {
        if (o.account == 0) {
            return (0, abi.encodeWithSelector(IOrders.UnknownOrder.selector, id));
        }
        if (o.dueMs == 0) return (0, abi.encodeWithSelector(IOrders.NotDue.selector, id));
        if (block.timestamp > o.expiresAtS) {
            return (0, abi.encodeWithSelector(IOrders.Expired.selector, id, o.expiresAtS));
        }
        uint256 group = o.market / GroupWord.MARKETS;
        for (uint256 i; i < leaves.length; ++i) {
            if (leaves[i].group == group) return _ifFirst(leaves[i], o.dueMs);
        }
        return (0, abi.encodeWithSelector(IOrders.NoLeaf.selector, group));
    }

    /// @notice Turn an entry into the price that a trade is settled at.
    function quoteOf(uint256 word, uint256 entry) internal pure returns (Quote memory quote) {
        quote.priceE18 = entry.priceE18();
        quote.timeMs = word.time().unixMs();
        quote.validity = entry.validity();
        quote.confidenceBpsE1 = entry.confidenceBpsE1();
        (quote.premiumKnown, quote.premiumBpsE2) = entry.premiumBpsE2();
        if (!quote.premiumKnown) quote.premiumBpsE2 = 0;
    }

    /// @notice Judge why the engine refused a trade. Nothing counts against an order but what the
    /// engine says in so many words: who settles must not be able to make it fail.
    function faultOf(bytes memory reason, Quote memory quote, uint256 market, IRiskParameters risk)
        internal
        view
        returns (Fault)
    {
        bytes4 selector = bytes4(reason);
        if (
            selector == IPerpEngine.PriceNotAcceptable.selector
                || selector == IPerpEngine.BelowInitialMargin.selector
                || selector == IPerpEngine.BelowMinimumMargin.selector
                || selector == IPerpEngine.WouldLowerMarginRatio.selector
                || selector == IPerpEngine.OpenInterestCap.selector
                || selector == IPerpEngine.PositionTooLarge.selector
                || selector == IPerpEngine.TooManyMarkets.selector
                || selector == IPerpEngine.OwesTooMuch.selector
                || selector == IPerpEngine.OutOfRange.selector
        ) return Fault.OF_THE_ORDER;
        if (
            selector == IPerpEngine.NothingToReduce.selector
                || selector == IPerpEngine.MarketNotOpen.selector
        ) return Fault.OF_THE_MARKET;
        if (selector == IPerpEngine.NotAllowed.selector) {
            bool forbids = _forbids(reason, quote, market, risk);
            return forbids ? Fault.OF_THE_MARKET : Fault.OF_THE_MOMENT;
        }
        bool momentary = selector == IPerpEngine.MarginUnknown.selector
            || selector == SequencerGrace.SequencerDown.selector
            || selector == SequencerGrace.SequencerGracePeriod.selector;
        return momentary ? Fault.OF_THE_MOMENT : Fault.UNKNOWN;
    }

    /// @dev A leaf without a report before it is never the first after anything.
    function _ifFirst(Leaf memory leaf, uint256 dueMs)
        private
        pure
        returns (uint256 word, bytes memory refusal)
    {
        uint256 timeMs = leaf.word.time().unixMs();
        uint256 prevMs = uint256(leaf.prevMs).unixMs();
        if (leaf.prevMs != 0 && prevMs < dueMs && dueMs <= timeMs) return (leaf.word, refusal);
        return
            (0, abi.encodeWithSelector(IOrders.NotTheFirstReport.selector, prevMs, dueMs, timeMs));
    }

    /// @dev Tell whether it is the report itself that forbids the trade, and not what is stored.
    function _forbids(bytes memory reason, Quote memory quote, uint256 market, IRiskParameters risk)
        private
        view
        returns (bool)
    {
        uint256 refused;
        Action action;
        assembly ("memory-safe") {
            refused := mload(add(reason, 0x24))
            action := mload(add(reason, 0x44))
        }
        GlobalRisk memory global = risk.globalRisk();
        uint256 validity = uint256(quote.validity);
        bool allowed = global.allows(validity, action) && global.allows(validity, Action.SETTLE);
        return refused == market && !allowed;
    }
}
