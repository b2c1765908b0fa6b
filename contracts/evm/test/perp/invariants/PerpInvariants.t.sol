// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Binding} from "../../../src/interfaces/IMarkOracle.sol";
import {ILiquidityPool} from "../../../src/perp/interfaces/ILiquidityPool.sol";
import {MarketState, Position} from "../../../src/perp/interfaces/IPerpEngine.sol";
import {Module} from "../../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../../src/perp/lib/Accounts.sol";
import {PerpFixture} from "../PerpFixture.sol";
import {PerpHandler} from "./PerpHandler.sol";
import {System} from "./PerpWorld.sol";

/// @notice The perp's sentences of contracts/INVARIANTS.md, by their numbers: those that hold of the
/// state, here; those of single actions are asserted where the handler does them.
contract PerpInvariantsTest is PerpFixture {
    uint256 private constant MARKETS = 2;
    uint256 private constant MOST_WALKS = 60;
    uint256 private constant WALK_STEPS = 300;
    /// @dev So little that the pool and the traders come to bear something.
    uint256 private constant INSURED_E18 = 50_000e18;
    uint256 private constant POOLED_E18 = 4_000_000e18;
    uint256 private constant NO_MARKET = type(uint16).max;

    PerpHandler private handler;
    ILiquidityPool private shares;
    uint256[] private accounts;

    function setUp() public override {
        super.setUp();
        bytes memory args = abi.encode(oracle, params, vault, engine, "Pool", "POOL");
        shares = ILiquidityPool(vm.deployCode("LiquidityPool.sol:LiquidityPool", args));
        vm.startPrank(owner);
        vault.setModule(address(this), Module.NONE);
        vault.setModule(address(shares), Module.POOL);
        vm.stopPrank();
        vm.startPrank(address(liquidator));
        uint256 spare = Accounts.numberOf(keeper, 0);
        vault.move(Accounts.INSURANCE, spare, INSURANCE_USD * 1e18 - INSURED_E18);
        vault.move(Accounts.POOL, spare, POOL_USD * 1e18 - POOLED_E18);
        vm.stopPrank();
        handler = new PerpHandler(
            System({
                oracle: oracle,
                params: params,
                vault: vault,
                engine: engine,
                orders: orders,
                liquidator: liquidator,
                pool: shares,
                usd: usd,
                tokens: [usd, ether_, bitcoin],
                owner: owner,
                guardian: guardian
            })
        );
        address[] memory one_ = new address[](1);
        one_[0] = handler.member();
        vm.prank(owner);
        oracle.setCommittee(3, one_, 1, 0, new Binding[](0));
        accounts = handler.allAccounts();
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), actions()));
    }

    function actions() private view returns (bytes4[] memory list) {
        list = new bytes4[](27);
        list[0] = handler.movePrices.selector;
        list[1] = handler.wait_.selector;
        list[2] = handler.deposit.selector;
        list[3] = handler.withdraw.selector;
        list[4] = handler.transfer.selector;
        list[5] = handler.commit.selector;
        list[6] = handler.settle.selector;
        list[7] = handler.giveUp.selector;
        list[8] = handler.accrue.selector;
        list[9] = handler.liquidate.selector;
        list[10] = handler.marginCall.selector;
        list[11] = handler.backstop.selector;
        list[12] = handler.seize.selector;
        list[13] = handler.absorb.selector;
        list[14] = handler.deleverage.selector;
        list[15] = handler.shareDeficit.selector;
        list[16] = handler.rebase.selector;
        list[17] = handler.requestDeposit.selector;
        list[18] = handler.requestRedeem.selector;
        list[19] = handler.process.selector;
        list[20] = handler.claim.selector;
        list[21] = handler.govern.selector;
        list[22] = handler.tighten.selector;
        list[23] = handler.pause.selector;
        list[24] = handler.attack.selector;
        list[25] = handler.trade.selector;
        list[26] = handler.crash.selector;
    }

    /// forge-config: default.invariant.runs = 200
    /// forge-config: default.invariant.depth = 100
    /// forge-config: intense.invariant.runs = 10000
    /// forge-config: intense.invariant.depth = 200
    function invariant_TheBooksBalance() public view {
        cashIsTheTokensHeld();
        collateralIsTheTokensHeld();
        for (uint256 market; market < MARKETS; ++market) {
            sumsAreOfThePositions(market);
        }
        escrowIsOfThePendingOrders();
        deficitsAreTheRow();
    }

    /// @dev P1: the rows are the tokens, to the unit; and debts are the rows below zero.
    function cashIsTheTokensHeld() private view {
        int256 sumE18;
        uint256 debtE18;
        for (uint256 i; i < accounts.length; ++i) {
            int256 cashE18 = vault.cashOf(accounts[i]);
            sumE18 += cashE18;
            if (cashE18 < 0) debtE18 += uint256(-cashE18);
        }
        for (uint256 row = Accounts.POOL; row <= Accounts.DEFICIT; ++row) {
            sumE18 += vault.cashOf(row);
        }
        assertEq(sumE18, int256(usd.balanceOf(address(vault)) * 1e12), "P1 cash");
        assertEq(vault.totalDebtE18(), debtE18, "P1 debt");
    }

    /// @dev P2: shares are their holders', and no more is owed than is held.
    function collateralIsTheTokensHeld() private view {
        for (uint256 collateral = 1; collateral <= 2; ++collateral) {
            uint256 sumE18 = vault.sharesOf(Accounts.INSURANCE, collateral);
            for (uint256 i; i < accounts.length; ++i) {
                sumE18 += vault.sharesOf(accounts[i], collateral);
            }
            assertEq(sumE18, vault.totalSharesOf(collateral), "P2 shares");
            uint256 heldE18 = collateral == ETHER
                ? ether_.balanceOf(address(vault))
                : bitcoin.balanceOf(address(vault)) * 1e10;
            assertLe(sumE18 * vault.rateE18(collateral) / 1e18, heldE18, "P2 tokens");
        }
    }

    /// @dev P3: what a market says of all positions is the sum of each; and the pool never counts on more
    /// than they come to.
    function sumsAreOfThePositions(uint256 market) private view {
        MarketState memory state = engine.marketState(market);
        MarketState memory sum;
        for (uint256 i; i < accounts.length; ++i) {
            Position memory p = engine.position(accounts[i], market);
            if (p.sizeE18 == 0) continue;
            uint128 size = uint128(p.sizeE18 < 0 ? -p.sizeE18 : p.sizeE18);
            if (p.sizeE18 > 0) sum.longE18 += size;
            else sum.shortE18 += size;
            sum.costE18 += p.costE18;
            sum.fundingBasisE18 += ceil(p.fundingIndexE18, size);
        }
        assertEq(state.longE18, sum.longE18, "P3 longs");
        assertEq(state.shortE18, sum.shortE18, "P3 shorts");
        assertEq(state.costE18, sum.costE18, "P3 cost");
        assertEq(state.fundingBasisE18, sum.fundingBasisE18, "P3 funding");
        int256 both = int256(state.longIndexE18) + state.shortIndexE18;
        if (state.accruedAtS == block.timestamp) worthIsOfThePositions(market, state);
        if (handler.lossShared(market)) assertGe(both, 0, "P4 indices");
        else assertEq(both, 0, "P4 indices");
    }

    /// @dev P4: what the pool counts on losing is at least what traders would get, by a unit or two of
    /// rounding for each.
    function worthIsOfThePositions(uint256 market, MarketState memory state) private view {
        uint256 priceE18 = oracle.readMark(market).priceE18;
        int256 sumE18;
        for (uint256 i; i < accounts.length; ++i) {
            Position memory p = engine.position(accounts[i], market);
            if (p.sizeE18 == 0) continue;
            bool long = p.sizeE18 > 0;
            int128 indexE18 = long ? state.longIndexE18 : state.shortIndexE18;
            uint128 size = uint128(long ? p.sizeE18 : -p.sizeE18);
            int256 valueE18 = int256(p.sizeE18) * int256(priceE18);
            sumE18 += valueE18 / 1e18
                - (valueE18 < 0 && valueE18 % 1e18 != 0 ? int256(1) : int256(0)) - p.costE18
                - ceil(indexE18 - p.fundingIndexE18, size);
        }
        int256 pnlE18 = engine.tradersPnlE18(market, priceE18);
        assertGe(pnlE18, sumE18, "P4 the pool counts on more than traders lose");
        assertLe(pnlE18, sumE18 + int256(3 * accounts.length), "P4 the pool's worth");
    }

    function ceil(int128 index, uint128 size) private pure returns (int128) {
        int256 product = int256(index) * int256(uint256(size));
        int256 quotient = product / 1e18;
        if (product > 0 && product % 1e18 != 0) ++quotient;
        return int128(quotient);
    }

    /// @dev P5: the escrow is what pending orders put down, to the unit.
    function escrowIsOfThePendingOrders() private view {
        assertEq(vault.cashOf(Accounts.ESCROW), int256(handler.escrowE18()), "P5 escrow");
    }

    /// @dev P6: the deficit's row is the markets' deficits.
    function deficitsAreTheRow() private view {
        uint256 sumE18;
        for (uint256 i; i <= MARKETS; ++i) {
            (uint256 ofLongsE18, uint256 ofShortsE18) =
                liquidator.deficitOf(i == MARKETS ? NO_MARKET : i);
            sumE18 += ofLongsE18 + ofShortsE18;
        }
        assertEq(vault.cashOf(Accounts.DEFICIT), -int256(sumE18), "P6 deficit");
    }

    /// @notice The handler reaches what it is for: in some walks every action succeeds.
    function test_TheHandlerReachesEveryAction() public {
        string[33] memory names = [
            "move",
            "wait",
            "deposit",
            "withdraw",
            "transfer",
            "commit",
            "settle",
            "open",
            "reduce",
            "fail",
            "forbid",
            "trigger",
            "expire",
            "takeBack",
            "accrue",
            "liquidate",
            "marginCall",
            "backstop",
            "seize",
            "absorb",
            "sync",
            "requestDeposit",
            "process",
            "claimShares",
            "govern",
            "tighten",
            "crash",
            "nominate",
            "deleverage",
            "shareDeficit",
            "pool bears",
            "deficit",
            "claimAssets"
        ];
        vm.pauseGasMetering();
        uint256[33] memory counts;
        uint256 start = vm.snapshotState();
        bool all;
        for (uint256 walks; !all && walks < MOST_WALKS; ++walks) {
            walk(walks);
            all = true;
            for (uint256 i; i < names.length; ++i) {
                counts[i] += handler.done(names[i]);
                if (counts[i] == 0) all = false;
            }
            vm.revertToState(start);
        }
        for (uint256 i; i < names.length; ++i) {
            emit log_named_uint(names[i], counts[i]);
        }
        for (uint256 i; i < names.length; ++i) {
            assertGt(counts[i], 0, names[i]);
        }
    }

    function walk(uint256 number) private {
        bytes4[] memory list = actions();
        for (uint256 i; i < WALK_STEPS; ++i) {
            uint256 seed = uint256(keccak256(abi.encode("walk", number, i)));
            bytes4 action = list[seed % list.length];
            bytes memory data =
                abi.encodeWithSelector(action, uint256(keccak256(abi.encode(seed))), seed >> 8);
            (bool success, bytes memory answer) = address(handler).call(data);
            if (!success) {
                assembly {
                    revert(add(answer, 0x20), mload(answer))
                }
            }
        }
        invariant_TheBooksBalance();
    }
}
