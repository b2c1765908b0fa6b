"""The perp framework as the sandbox deploys it."""

from __future__ import annotations

import pytest
from web3 import Web3

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.contracts import ABI, read_artifact, transact
from deploy.sandbox.chains.oracle import MAX_FUTURE_MS, deploy_mark_oracle
from deploy.sandbox.chains.perp import DEFAULTS, deploy_perp
from deploy.sandbox.chains.reports import THRESHOLD, Signers
from oracle.model.errors import ConfigError
from oracle.model.fixed import px_exact
from oracle.model.validity import Validity
from oracle.report.word import Entry
from oracle.risk.layout import Scope, read
from oracle.risk.parameters import Parameters

pytestmark = pytest.mark.evm
GOVERNOR = "0x" + "11" * 20
PRICES = {
    "BTC-USD": "60000",
    "ETH-USD": "3000",
    "ETH-USD.index": "3000",
    "ETH-USD.twap": "3000",
    "BTC-USD.index": "60000",
    "BTC-USD.twap": "60000",
}
NUMBERS = {name: at for at, name in enumerate(PRICES)}
FILLED = 0
POOL = 1


async def test_a_trader_opens_ten_times_and_the_pool_is_the_counterparty() -> None:
    """What the defaults list trades: parameters are read back, an order is settled and held."""
    signers = Signers.of("test", GOVERNOR, 1)
    entries = {
        NUMBERS[name]: Entry(Validity.VALID, px_exact(price), 50_000, 0)
        for name, price in PRICES.items()
    }
    async with SandboxChain(77) as chain:
        w3 = chain.w3
        address = await deploy_mark_oracle(
            chain,
            network="test",
            home_governor=GOVERNOR,
            nonce=1,
            members=[Web3.to_checksum_address(member) for member in signers.members],
            threshold=THRESHOLD,
            guardian=GOVERNOR,
            instruments={number: name for name, number in NUMBERS.items()},
        )
        perp = await deploy_perp(chain, address, NUMBERS)
        words = await perp.risk.functions.marketRisk(NUMBERS["ETH-USD"]).call()
        assert read(Scope.MARKET, words)["initial_0_bps"] == 500
        trader, provider = await chain.account(), await chain.account()
        await perp.fill_pool(1_000_000, provider)
        await perp.fill_insurance(1_000, provider)
        assert [await perp.cash(row) for row in (POOL, 2)] == [1_000_000, 1_000]

        abi = read_artifact(ABI / "MarkOracle.json")["abi"]
        oracle = w3.eth.contract(w3.to_checksum_address(address), abi=abi)
        now_s = (await w3.eth.get_block("latest"))["timestamp"]
        report = signers.sign(entries, now_s * 1000)
        await transact(w3, oracle.functions.update(report), provider)
        account = await perp.give(trader, 3_000)
        size = 10 * 10**18
        ordered = perp.orders.functions.commit(account, NUMBERS["ETH-USD"], 0, size, 0, 0, 0)
        await transact(w3, ordered, trader)
        due_ms = (await perp.orders.functions.order(1).call())[5]
        await chain.advance_to(due_ms // 1000 + 1)
        deciding = signers.sign(entries, due_ms)
        await transact(w3, oracle.functions.update(deciding), provider)
        by = {"from": provider.address}
        assert await perp.orders.functions.settle(1, deciding).call(by) == FILLED
        await transact(w3, perp.orders.functions.settle(1, deciding), provider)

        held, cost, _ = await perp.engine.functions.position(account, NUMBERS["ETH-USD"]).call()
        equity, initial, *_ = await perp.engine.functions.marginOf(account, 1).call()
    assert (held, round(cost / 10**18)) == (size, 30_000)
    assert initial / 10**18 == pytest.approx(30_000 * 0.05)
    assert 2_970 < equity / 10**18 < 3_000
    assert due_ms > now_s * 1000 + MAX_FUTURE_MS


async def test_parameters_of_a_market_without_a_number_are_refused() -> None:
    """Which market lacks its number is said."""
    async with SandboxChain(77) as chain:
        with pytest.raises(ConfigError, match="market ETH-USD, which has no number"):
            await deploy_perp(chain, GOVERNOR, {"BTC-USD": 0}, parameters=Parameters.load(DEFAULTS))
