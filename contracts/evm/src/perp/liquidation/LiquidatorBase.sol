// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle} from "../../interfaces/IMarkOracle.sol";
import {ILiquidator} from "../interfaces/ILiquidator.sol";
import {IPerpEngine, Margin, Position} from "../interfaces/IPerpEngine.sol";
import {IRiskParameters} from "../interfaces/IRiskParameters.sol";
import {IVault, Purpose} from "../interfaces/IVault.sol";
import {Accounts} from "../lib/Accounts.sol";
import {Fields, GlobalRisk} from "../lib/Fields.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title LiquidatorBase
/// @notice What all levels share: the contracts around, and what is remembered of an account.
/// @dev No call leaves the framework: none of those contracts calls a token or a stranger here.
abstract contract LiquidatorBase is ILiquidator {
    using Fields for GlobalRisk;
    using SafeCast for int256;

    /// @dev What is remembered of an account: one slot.
    struct Record {
        /// @dev Its margin was called, down to the warning level; 0 for not.
        uint40 calledAtS;
        /// @dev It was seen below maintenance; 0 for not.
        uint40 belowSinceS;
        /// @dev It was seen to owe without a position; 0 for not.
        uint40 owesSinceS;
        /// @dev Where, and on which side, it lost most since its equity was gone: there its bad debt
        /// belongs.
        uint16 market;
        bool long;
        bool liquidated;
        /// @dev What it lost there, as far as liquidations saw it.
        uint104 lostE18;
    }

    uint256 internal constant BPS = 10_000;
    uint256 internal constant E6 = 1e6;
    uint256 internal constant E12 = 1e12;
    uint256 internal constant UNIT = 1e18;

    IMarkOracle public immutable ORACLE;
    IRiskParameters public immutable RISK;
    IVault public immutable VAULT;
    IPerpEngine public immutable ENGINE;

    mapping(uint256 account => Record) internal _records;

    constructor(IMarkOracle oracle, IRiskParameters risk, IVault vault, IPerpEngine engine) {
        (ORACLE, RISK, VAULT, ENGINE) = (oracle, risk, vault, engine);
    }

    /// @inheritdoc ILiquidator
    function recordOf(uint256 account)
        external
        view
        returns (uint256 calledAtS, uint256 belowSinceS, uint256 owesSinceS)
    {
        Record memory record = _records[account];
        return (record.calledAtS, record.belowSinceS, record.owesSinceS);
    }

    function _marginOf(uint256 account) internal view returns (Margin memory) {
        return ENGINE.marginOf(account, Purpose.LIQUIDATE);
    }

    /// @dev Cash of a row, or 0 where it is below.
    function _cash(uint256 row) internal view returns (uint256) {
        int256 cashE18 = VAULT.cashOf(row);
        return cashE18 > 0 ? uint256(cashE18) : 0;
    }

    /// @dev What an account owes; 0 for a row of the protocol's own, whose losses are not a trader's.
    function _debtOf(uint256 account) internal view returns (uint256) {
        int256 cashE18 = VAULT.cashOf(account);
        return cashE18 < 0 && !Accounts.isSystem(account) ? uint256(-cashE18) : 0;
    }

    function _holdsPositions(uint256 account) internal view returns (bool) {
        return ENGINE.marketsOf(account).length != 0;
    }

    /// @dev Move as much of an amount as a row has.
    function _moveUpTo(uint256 from, uint256 to, uint256 amountE18)
        internal
        returns (uint256 movedE18)
    {
        movedE18 = Math.min(amountE18, _cash(from));
        if (movedE18 != 0) VAULT.move(from, to, movedE18);
    }
}
