// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle} from "../interfaces/IMarkOracle.sol";
import {ILiquidityPool} from "./interfaces/ILiquidityPool.sol";
import {IPerpEngine} from "./interfaces/IPerpEngine.sol";
import {IRiskParameters} from "./interfaces/IRiskParameters.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Accounts} from "./lib/Accounts.sol";
import {Asking} from "./pool/Asking.sol";
import {Claims} from "./pool/Claims.sol";
import {NetAssets, Worth} from "./pool/NetAssets.sol";
import {Batch, Book, Requests} from "./pool/Requests.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title LiquidityPool
/// @notice Prices the requests of an epoch. The assumptions are in ILiquidityPool.
contract LiquidityPool is Claims {
    using Requests for Book;
    using SafeCast for int256;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// @dev Cash and shares that nobody owns are counted beside the real ones: a first depositor who
    /// gives to the pool, to make shares too dear for the next one, gives to these.
    uint256 private constant VIRTUAL = 0.001e18;
    /// @dev The least share price: beyond it, shares would grow out of all proportion.
    uint256 private constant LEAST_PRICE_DIVISOR = 1_000_000;

    constructor(
        IMarkOracle oracle,
        IRiskParameters risk,
        IVault vault,
        IPerpEngine engine,
        string memory name_,
        string memory symbol_
    ) Asking(vault) NetAssets(oracle, risk, vault, engine) ERC20(name_, symbol_) {
        ASSET.forceApprove(address(vault), type(uint256).max);
    }

    /// @inheritdoc ILiquidityPool
    function process() external nonReentrant returns (uint256 requestId) {
        uint256 closedAtS;
        (requestId, closedAtS) = _takeDue();
        Worth memory worth = _requireWorth(closedAtS * 1000);
        uint256 supply = totalSupply();
        uint256 leastE18 = supply / LEAST_PRICE_DIVISOR;
        if (worth.navE18 < leastE18.toInt256()) revert Insolvent(worth.navE18, leastE18);
        uint256 navE18_ = worth.navE18.toUint256();
        _fillDeposits(requestId, navE18_, supply);
        _fillRedemptions(requestId, worth, navE18_, supply);
        _emitProcessed(requestId, worth.navE18, supply);
    }

    /// @inheritdoc ILiquidityPool
    function navE18() external view returns (int256) {
        return _navE18();
    }

    /// @notice Net asset value by the last stored marks, in the settlement token's own units.
    function totalAssets() external view returns (uint256) {
        return _lastNav() / SCALE;
    }

    /// @notice What assets would get by the last stored marks, were they priced now.
    function convertToShares(uint256 assets) external view returns (uint256) {
        return _sharesFor(assets * SCALE, _lastNav(), totalSupply());
    }

    function convertToAssets(uint256 shares) external view returns (uint256) {
        return _worthOf(shares, _lastNav(), totalSupply()) / SCALE;
    }

    function _fillDeposits(uint256 epoch, uint256 navE18_, uint256 supply) private {
        uint256 assets = _deposits.batches[epoch].asked;
        uint256 shares = _sharesFor(assets * SCALE, navE18_, supply);
        _deposits.price(epoch, assets, shares);
        if (assets == 0) return;
        _mint(address(this), shares);
        VAULT.move(Accounts.REQUESTS, Accounts.POOL, assets * SCALE);
    }

    /// @dev Fill as far as free cash goes, that of the epoch's deposits included; each alike.
    function _fillRedemptions(uint256 epoch, Worth memory worth, uint256 navE18_, uint256 supply)
        private
    {
        uint256 asked = _redemptions.batches[epoch].asked;
        uint256 wantedE18 = _worthOf(asked, navE18_, supply);
        uint256 freeE18 = _freeOf(worth, _deposits.batches[epoch].filled * SCALE);
        uint256 assets = Math.min(wantedE18, freeE18) / SCALE;
        uint256 filled = wantedE18 <= freeE18
            ? asked
            : Math.mulDiv(asked, assets * SCALE, wantedE18, Math.Rounding.Ceil);
        _redemptions.price(epoch, filled, assets);
        if (filled != 0) _burn(address(this), filled);
        if (assets != 0) VAULT.move(Accounts.POOL, Accounts.REQUESTS, assets * SCALE);
    }

    function _emitProcessed(uint256 epoch, int256 navE18_, uint256 supply) private {
        Batch storage deposits = _deposits.batches[epoch];
        Batch storage redemptions = _redemptions.batches[epoch];
        emit EpochProcessed(
            epoch,
            navE18_,
            supply,
            deposits.asked,
            deposits.given,
            redemptions.asked,
            redemptions.filled,
            redemptions.given
        );
    }

    function _lastNav() private view returns (uint256) {
        int256 last = _navE18();
        return last > 0 ? uint256(last) : 0;
    }

    /// @dev What may leave the pool after `addedE18` came in.
    function _freeOf(Worth memory worth, uint256 addedE18) private view returns (uint256) {
        int256 unboundE18 = VAULT.cashOf(Accounts.POOL) - worth.boundE18;
        int256 freeE18 = worth.freeE18 + addedE18.toInt256();
        if (unboundE18 < freeE18) freeE18 = unboundE18;
        return freeE18 > 0 ? uint256(freeE18) : 0;
    }

    /// @dev Down: for who is in the pool already.
    function _sharesFor(uint256 assetsE18, uint256 navE18_, uint256 supply)
        private
        pure
        returns (uint256)
    {
        return Math.mulDiv(assetsE18, supply + VIRTUAL, navE18_ + VIRTUAL);
    }

    /// @dev Down: for who stays. All shares together are never worth more than there is.
    function _worthOf(uint256 shares, uint256 navE18_, uint256 supply)
        private
        pure
        returns (uint256)
    {
        return Math.mulDiv(shares, navE18_, supply + VIRTUAL);
    }
}
