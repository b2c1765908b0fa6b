// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IVault, Module} from "../interfaces/IVault.sol";
import {Accounts} from "../lib/Accounts.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Ledger
/// @notice Cash by rows, which module may move it between which, and what accounts owe.
abstract contract Ledger is IVault, Ownable {
    using Accounts for uint256;
    using SafeCast for int256;
    using SafeCast for uint256;

    /// @dev Of one account: its cash, and a bit for each collateral it holds.
    struct Row {
        int192 cashE18;
        uint64 held;
    }

    uint256 private constant CASH = 0;

    mapping(uint256 account => Row) internal _rows;
    mapping(address module => Module) private _roles;

    /// @inheritdoc IVault
    uint256 public totalDebtE18;
    /// @inheritdoc IVault
    address public engine;
    /// @inheritdoc IVault
    address public pool;

    /// @inheritdoc IVault
    mapping(address holder => uint256) public claimsE18;

    /// @inheritdoc IVault
    function setModule(address module, Module role) external onlyOwner {
        Module before = _roles[module];
        if (module == address(0)) revert ZeroAddress();
        if (before == role) return;
        if (before == Module.ENGINE) revert RoleTaken(before, module);
        if (before == Module.POOL) pool = address(0);
        if (role == Module.ENGINE) {
            if (engine != address(0)) revert RoleTaken(role, engine);
            engine = module;
        } else if (role == Module.POOL) {
            if (pool != address(0)) revert RoleTaken(role, pool);
            pool = module;
        }
        _roles[module] = role;
        emit ModuleChanged(module, before, role);
    }

    /// @inheritdoc IVault
    function moduleOf(address module) external view returns (Module) {
        return _roles[module];
    }

    /// @inheritdoc IVault
    function cashOf(uint256 account) external view returns (int256) {
        return _rows[account].cashE18;
    }

    /// @inheritdoc IVault
    function heldBy(uint256 account) external view returns (uint256) {
        return _rows[account].held;
    }

    function _moveAs(Module role, uint256 from, uint256 to, uint256 amountE18) internal {
        if (!_mayMove(role, from, to)) revert NotItsRows(role, from, to);
        if (from == Accounts.REQUESTS) {
            _takeClaim(amountE18);
        } else if (to == Accounts.REQUESTS) {
            _requireFree(amountE18);
            claimsE18[msg.sender] += amountE18;
        }
        _debit(from, amountE18);
        _credit(to, amountE18);
        emit Moved(from, to, amountE18);
    }

    function _credit(uint256 account, uint256 amountE18) internal {
        Row storage row = _rows[account];
        int256 was = row.cashE18;
        int256 is_ = was + amountE18.toInt256();
        row.cashE18 = is_.toInt192();
        if (was < 0 && !account.isSystem()) totalDebtE18 -= _owed(was) - _owed(is_);
    }

    /// @dev Take cash from a row, which may then owe, unless it is one of those that cannot.
    function _debit(uint256 account, uint256 amountE18) internal {
        Row storage row = _rows[account];
        int256 was = row.cashE18;
        int256 is_ = was - amountE18.toInt256();
        row.cashE18 = is_.toInt192();
        if (is_ >= 0) return;
        if (!account.isSystem()) {
            totalDebtE18 += _owed(is_) - _owed(was);
        } else if (account != Accounts.POOL && account != Accounts.DEFICIT) {
            revert MoreThanHeld(account, CASH, amountE18, _above(was));
        }
    }

    /// @dev Take cash that a row has.
    function _debitHeld(uint256 account, uint256 amountE18) internal {
        int256 cashE18 = _rows[account].cashE18;
        if (amountE18.toInt256() > cashE18) {
            revert MoreThanHeld(account, CASH, amountE18, _above(cashE18));
        }
        _debit(account, amountE18);
    }

    /// @dev Take of REQUESTS what the caller has there.
    function _takeClaim(uint256 amountE18) internal {
        uint256 hadE18 = claimsE18[msg.sender];
        if (amountE18 > hadE18) {
            revert MoreThanHeld(Accounts.REQUESTS, CASH, amountE18, hadE18);
        }
        claimsE18[msg.sender] = hadE18 - amountE18;
    }

    function _requireRole(Module needed) internal view {
        if (_roles[msg.sender] != needed) revert NotAModule(msg.sender, needed);
    }

    function _roleOfCaller() internal view returns (Module role) {
        role = _roles[msg.sender];
        if (role == Module.NONE) revert NotAModule(msg.sender, role);
    }

    /// @dev Revert unless the pool has so much beyond what is owed to it and to nobody else: all other
    /// rows are then covered by tokens.
    function _requireFree(uint256 amountE18) private view {
        int256 deficitE18 = _rows[Accounts.DEFICIT].cashE18;
        int256 freeE18 = int256(_rows[Accounts.POOL].cashE18) - totalDebtE18.toInt256();
        if (deficitE18 < 0) freeE18 += deficitE18;
        if (amountE18.toInt256() > freeE18) revert NotFree(amountE18, _above(freeE18));
    }

    function _mayMove(Module role, uint256 from, uint256 to) internal pure returns (bool) {
        bool fromAccount = !from.isSystem();
        bool toAccount = !to.isSystem();
        if (role == Module.ENGINE) {
            if (fromAccount) return to == Accounts.POOL;
            return from == Accounts.POOL && (toAccount || to == Accounts.INSURANCE);
        }
        if (role == Module.ORDERS) {
            if (fromAccount) return to == Accounts.ESCROW;
            return from == Accounts.ESCROW && (toAccount || _takesFees(to));
        }
        if (role == Module.LIQUIDATOR) {
            return (fromAccount || _takesLosses(from)) && (toAccount || _takesLosses(to));
        }
        return (from == Accounts.POOL && to == Accounts.REQUESTS)
            || (from == Accounts.REQUESTS && to == Accounts.POOL);
    }

    function _takesFees(uint256 row) private pure returns (bool) {
        return row == Accounts.POOL || row == Accounts.INSURANCE || row == Accounts.RESERVE;
    }

    function _takesLosses(uint256 row) private pure returns (bool) {
        return _takesFees(row) || row == Accounts.DEFICIT;
    }

    function _owed(int256 cashE18) private pure returns (uint256) {
        return cashE18 < 0 ? uint256(-cashE18) : 0;
    }

    function _above(int256 cashE18) private pure returns (uint256) {
        return cashE18 > 0 ? uint256(cashE18) : 0;
    }
}
