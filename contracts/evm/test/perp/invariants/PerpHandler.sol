// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Leaf, Validity} from "../../../src/interfaces/IMarkOracle.sol";
import {IAccessPolicy} from "../../../src/perp/interfaces/IAccessPolicy.sol";
import {ILiquidityPool} from "../../../src/perp/interfaces/ILiquidityPool.sol";
import {IOrders, OrderKind} from "../../../src/perp/interfaces/IOrders.sol";
import {IPerpEngine, Quote, Trade} from "../../../src/perp/interfaces/IPerpEngine.sol";
import {
    Change,
    IRiskParameters,
    Rule,
    Scope
} from "../../../src/perp/interfaces/IRiskParameters.sol";
import {IVault, Module} from "../../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../../src/perp/lib/Accounts.sol";
import {Fields} from "../../../src/perp/lib/Fields.sol";
import {RiskDefaults} from "../RiskDefaults.sol";
import {PerpKeepers} from "./PerpKeepers.sol";
import {PerpWorld, System} from "./PerpWorld.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice Everything that honest and hostile callers do to the framework: traders, keepers, liquidity
/// providers, governance, guardian, attackers.
contract PerpHandler is PerpKeepers, RiskDefaults {
    uint256 private constant POOL_DELAY_S = 1 hours;
    /// @dev What the pool counts beside its cash and its shares.
    uint256 private constant VIRTUAL = 0.001e18;

    constructor(System memory system) PerpWorld(system) {}

    // The pool.

    function requestDeposit(uint256 seed, uint256 amount) external {
        address who = actors[seed % ACTORS];
        amount = bound(amount, 1, 1_000_000e6);
        s.usd.mint(who, amount);
        bytes memory data = abi.encodeCall(s.pool.requestDeposit, (amount, who, who));
        tried("requestDeposit", who, address(s.pool), data);
    }

    function requestRedeem(uint256 seed, uint256 shares) external {
        address who = actors[seed % ACTORS];
        uint256 held = s.pool.balanceOf(who);
        if (held == 0) return;
        bytes memory data = abi.encodeCall(s.pool.requestRedeem, (bound(shares, 1, held), who, who));
        tried("requestRedeem", who, address(s.pool), data);
    }

    /// @notice Price an epoch: nobody's share may be worth less for it.
    function process(uint256 seed) external {
        if (seed % 8 == 0) pass(POOL_DELAY_S + 1);
        (validity[BTC], validity[ETH]) = (Validity.VALID, Validity.VALID);
        pass(1);
        store();
        s.engine.accrue(BTC);
        s.engine.accrue(ETH);
        int256 navE18 = s.pool.navE18();
        uint256 supply = s.pool.totalSupply();
        (bool success,) =
            tried("process", keeper, address(s.pool), abi.encodeCall(ILiquidityPool.process, ()));
        if (!success || navE18 <= 0) return;
        uint256 afterE18 = uint256(s.pool.navE18());
        assertGe(
            (afterE18 + VIRTUAL) * (supply + VIRTUAL),
            (uint256(navE18) + VIRTUAL) * (s.pool.totalSupply() + VIRTUAL),
            "shares diluted"
        );
    }

    function claim(uint256 seed) external {
        address who = actors[seed % ACTORS];
        uint256 assets = s.pool.maxDeposit(who);
        if (assets != 0) {
            bytes memory data =
                abi.encodeWithSignature("deposit(uint256,address,address)", assets, who, who);
            tried("claimShares", who, address(s.pool), data);
        }
        uint256 shares = s.pool.maxRedeem(who);
        if (shares != 0) {
            bytes memory data = abi.encodeCall(s.pool.redeem, (shares, who, who));
            tried("claimAssets", who, address(s.pool), data);
        }
    }

    // Governance.

    /// @notice One step of a random parameter, within its rule; or beyond it, which fails.
    function govern(uint256 seed) external {
        if (seed % 32 == 0) pass(1 days);
        Change[] memory changes = aChange(seed);
        Change memory c = changes[0];
        (bool success,) = tried(
            "govern", s.owner, address(s.params), abi.encodeCall(IRiskParameters.change, (changes))
        );
        if (!success) return;
        Rule memory rule = s.params.rule(c.scope, c.field);
        assertGe(c.value, rule.least, "below its bound");
        assertLe(c.value, rule.most, "above its bound");
    }

    /// @notice The guardian tightens; what he loosens fails.
    function tighten(uint256 seed) external {
        if (seed % 8 != 0) return;
        Change[] memory changes = aChange(seed);
        Change memory c = changes[0];
        uint256 before = s.params.value(c.scope, c.id, c.field);
        uint256 untilS = block.timestamp + 1 + (seed >> 96) % 1 days;
        bytes memory data = abi.encodeCall(IRiskParameters.tighten, (changes, untilS));
        (bool success,) = tried("tighten", s.guardian, address(s.params), data);
        if (!success) return;
        Rule memory rule = s.params.rule(c.scope, c.field);
        if (rule.tighter > 0) assertGe(c.value, before, "the guardian loosened");
        if (rule.tighter < 0) assertLe(c.value, before, "the guardian loosened");
        assertTrue(rule.tighter != 0, "the guardian touched what is not his");
    }

    function aChange(uint256 seed) private view returns (Change[] memory changes) {
        changes = new Change[](1);
        uint256 pick = (seed >> 8) % 64;
        Change memory c;
        if (pick < 28) c = btcDefaults(BTC)[pick];
        else if (pick < 41) c = etherDefaults(1, 2, 3)[pick - 28];
        else c = globalDefaults()[(pick - 41) % 28];
        uint256 now_ = s.params.value(c.scope, c.id, c.field);
        uint256 step = now_ * ((seed >> 32) % 30) / 100 + (seed >> 64) % 2;
        // States and what the table allows stay: a market that takes no orders reaches nothing.
        if (c.field == Fields.MARKET_STATE || c.field == Fields.COLLATERAL_STATE) step = 0;
        c.value = (seed >> 80) % 2 == 0 ? now_ + step : now_ - (step > now_ ? now_ : step);
        changes[0] = c;
    }

    /// @notice The guardian pauses a market; the owner lets it go on.
    function pause(uint256 seed) external {
        uint256 market = seed % MARKETS;
        if (seed % 7 == 0) {
            vm.prank(s.guardian);
            s.oracle.pauseMarket(market, "fuzz");
            ++done["pause"];
        } else {
            vm.prank(s.owner);
            s.oracle.unpauseMarket(market, "fuzz");
        }
    }

    // Attackers.

    /// @notice Everything that is not for everyone, by somebody who is nobody.
    function attack(uint256 seed, uint256 amount) external {
        uint256 victim = accountAt(seed);
        uint256 mine = Accounts.numberOf(attacker, 0);
        address vault = address(s.vault);
        uint256 which = (seed >> 16) % 6;
        amount = bound(amount, 1, type(uint256).max);
        if (which == 0) {
            attackVault(victim, mine, amount);
        } else if (which == 1) {
            attackEngine(victim, amount);
        } else if (which == 2) {
            attackParameters(amount);
        } else if (which == 3) {
            attackOrders(victim);
        } else if (which == 4) {
            attackPool(Accounts.ownerOf(victim), amount);
        } else {
            refused(attacker, vault, abi.encodeCall(IVault.setModule, (attacker, Module.ORDERS)));
        }
        ++done["attack"];
    }

    function attackVault(uint256 victim, uint256 mine, uint256 amount) private {
        address vault = address(s.vault);
        refused(attacker, vault, abi.encodeCall(IVault.move, (victim, mine, amount)));
        refused(attacker, vault, abi.encodeCall(IVault.move, (Accounts.POOL, mine, amount)));
        refused(attacker, vault, abi.encodeCall(IVault.moveCollateral, (victim, mine, 1, amount)));
        refused(attacker, vault, abi.encodeCall(IVault.payOut, (attacker, amount)));
        refused(attacker, vault, abi.encodeCall(IVault.payIn, (amount)));
        refused(attacker, vault, abi.encodeCall(IVault.withdraw, (victim, 0, amount, attacker)));
        refused(attacker, vault, abi.encodeCall(IVault.transfer, (victim, mine, 0, amount)));
        refused(attacker, vault, abi.encodeCall(IVault.transfer, (mine, victim, 0, amount)));
        refused(attacker, vault, abi.encodeCall(IVault.deposit, (victim, 0, amount)));
        refused(attacker, vault, abi.encodeCall(IVault.withdraw, (2, 0, amount, attacker)));
        refused(attacker, vault, abi.encodeCall(IVault.listCollateral, (IERC20(attacker))));
    }

    function attackEngine(uint256 victim, uint256 amount) private {
        address engine = address(s.engine);
        Quote memory quote = Quote(1, block.timestamp * 1000, Validity.VALID, 0, 0, false);
        Trade memory trade = Trade(victim, BTC, 1e18, 0, false, quote);
        refused(attacker, engine, abi.encodeCall(IPerpEngine.fill, (trade)));
        refused(attacker, engine, abi.encodeCall(IPerpEngine.close, (victim, BTC, 1, amount)));
        refused(attacker, engine, abi.encodeCall(IPerpEngine.shareLoss, (BTC, true, amount)));
    }

    function attackParameters(uint256 amount) private {
        address params = address(s.params);
        Change[] memory changes = new Change[](1);
        changes[0] = Change(Scope.MARKET, BTC, Fields.INITIAL_0_BPS, amount);
        refused(attacker, params, abi.encodeCall(IRiskParameters.change, (changes)));
        refused(s.guardian, params, abi.encodeCall(IRiskParameters.change, (changes)));
        refused(attacker, params, abi.encodeCall(IRiskParameters.list, (Scope.MARKET, 9, changes)));
        refused(
            attacker,
            params,
            abi.encodeCall(IRiskParameters.tighten, (changes, block.timestamp + 1))
        );
        refused(
            s.guardian, params, abi.encodeCall(IRiskParameters.endEmergency, (Scope.MARKET, BTC))
        );
        IAccessPolicy policy = IAccessPolicy(attacker);
        refused(attacker, params, abi.encodeCall(IRiskParameters.setAccessPolicy, (BTC, policy)));
        refused(attacker, params, abi.encodeCall(IRiskParameters.setGuardian, (attacker)));
    }

    function attackOrders(uint256 victim) private {
        bytes memory data =
            abi.encodeCall(IOrders.commit, (victim, BTC, OrderKind.REDUCE_ONLY, 1, 0, 0, 0));
        refused(attacker, address(s.orders), data);
        data = abi.encodeCall(IOrders.commit, (1, BTC, OrderKind.MARKET, 1, 0, 0, 0));
        refused(attacker, address(s.orders), data);
    }

    function attackPool(address victim, uint256 amount) private {
        address pool = address(s.pool);
        amount = bound(amount, 1, type(uint128).max);
        refused(attacker, pool, abi.encodeCall(s.pool.requestDeposit, (amount, attacker, victim)));
        refused(attacker, pool, abi.encodeCall(s.pool.requestRedeem, (amount, attacker, victim)));
        refused(
            attacker,
            pool,
            abi.encodeWithSignature("deposit(uint256,address,address)", amount, attacker, victim)
        );
        refused(attacker, pool, abi.encodeCall(s.pool.redeem, (amount, attacker, victim)));
    }
}
