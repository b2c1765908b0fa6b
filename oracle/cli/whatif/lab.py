"""One run: the real contracts on a node of their own, a tape of marks, a crowd, and a keeper."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract import AsyncContract
from web3.contract.async_contract import AsyncContractFunction
from web3.types import RPCEndpoint, TxReceipt

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.contracts import ABI, read_artifact, transact
from deploy.sandbox.chains.oracle import deploy_mark_oracle
from deploy.sandbox.chains.perp import PerpSandbox, deploy_perp
from deploy.sandbox.chains.reports import THRESHOLD, Signers
from oracle.cli.whatif.crowd import Trader
from oracle.cli.whatif.tape import Frame, Tape
from oracle.model.errors import Rejected, Retryable
from oracle.risk.parameters import Parameters

NETWORK, GOVERNOR, NONCE = "plumbline-whatif", "0x" + "33" * 20, 1
CHAIN_ID: Final = 31_337
BEFORE_S: Final = 30 * 86_400
"""Chain time before the tape, in which the pool is filled."""
POOL, INSURANCE, RESERVE, DEFICIT = 1, 2, 3, 6
LIQUIDATING: Final = 1
"""`Purpose.LIQUIDATE`."""
SETTLED_AT_ONCE: Final = 8
_E18: Final = 10**18
_WORD: Final = 32
_MARKET_ORDER: Final = 0


class Account(NamedTuple):
    """A trader on the chain."""

    trader: Trader
    key: LocalAccount
    number: int


class Sight(NamedTuple):
    """What the chain holds after a frame."""

    time_ms: int
    insurance: float
    pool: float
    deficit: float
    short: int
    """Accounts below maintenance, before the keeper acted."""


class Lab:
    """The contracts with some parameters, and what happens to them."""

    def __init__(
        self, perp: PerpSandbox, oracle: AsyncContract, signers: Signers, keeper: LocalAccount
    ) -> None:
        self.perp, self.oracle = perp, oracle
        self._signers, self._keeper = signers, keeper
        self.accounts: list[Account] = []
        self.sights: list[Sight] = []
        self._called: set[int] = set()
        self._nominated: set[int] = set()

    async def open(self, crowd: Sequence[Trader], frame: Frame) -> None:
        """Let the crowd deposit and order at a frame's prices, and settle what they ordered."""
        await self._show(frame)
        ids: list[int] = []
        for trader in crowd:
            key = await self.perp.chain.account()
            account = Account(trader, key, await self.perp.give(key, trader.deposit_usd))
            size = round(trader.notional_usd / frame.price(trader.market) * _E18)
            market = self.perp.markets[trader.market]
            ordered = self.perp.orders.functions.commit(
                account.number, market, _MARKET_ORDER, size if trader.long else -size, 0, 0, 0
            )
            if await self._try(ordered, key):
                ids.append(len(ids) + 1)
            self.accounts.append(account)
        await self._settle(ids, frame)

    async def _settle(self, ids: list[int], frame: Frame) -> None:
        functions = self.perp.orders.functions
        orders = [await functions.order(number).call() for number in ids]
        due_ms = max((order[5] for order in orders), default=frame.time_ms)
        await self.perp.chain.advance_to(-(-due_ms // 1000))
        report = self._signers.sign(self._numbered(frame), due_ms)
        await transact(self.perp.chain.w3, self.oracle.functions.update(report), self._keeper)
        for start in range(0, len(ids), SETTLED_AT_ONCE):
            some = ids[start : start + SETTLED_AT_ONCE]
            await self._try(functions.settleMany(some, report))

    async def play(self, tape: Tape, tell: Callable[[int], None]) -> None:
        """Show every frame to the contracts, and let the keeper act on each."""
        for at, frame in enumerate(tape.frames):
            await self._show(frame)
            margins = await self.margins()
            short = [a for a, m in zip(self.accounts, margins, strict=True) if m[0] < m[2]]
            cash = await self.rows()
            self.sights.append(
                Sight(frame.time_ms, cash[INSURANCE], cash[POOL], cash[DEFICIT], len(short))
            )
            for account in short:
                await self._help(account)
            if cash[DEFICIT] < 0:
                await self._deleverage()
            tell(at)

    async def _help(self, account: Account) -> None:
        liquidator = self.perp.liquidator.functions
        market = self.perp.markets[account.trader.market]
        if account.number not in self._called:
            self._called.add(account.number)
            await self._try(liquidator.marginCall(account.number))
        if await self._try(liquidator.liquidate(account.number, market, b"")):
            return
        if not await self._try(liquidator.absorb(account.number)):
            await self._try(liquidator.backstop(account.number, market))

    async def _deleverage(self) -> None:
        liquidator = self.perp.liquidator.functions
        for market in self.perp.markets.values():
            scores = [
                (await liquidator.scoreE18(account.number, market).call(), account.number)
                for account in self.accounts
            ]
            best, number = max(scores)
            if best and market not in self._nominated:
                if await self._try(liquidator.nominate(market, number)):
                    self._nominated.add(market)
            elif await self._try(liquidator.deleverage(market)):
                self._nominated.discard(market)
            else:
                await self._try(liquidator.shareDeficit(market))

    async def _show(self, frame: Frame) -> None:
        await self.perp.chain.advance_to(-(-frame.time_ms // 1000))
        report = self._signers.sign(self._numbered(frame), frame.time_ms)
        await transact(self.perp.chain.w3, self.oracle.functions.update(report), self._keeper)

    def _numbered(self, frame: Frame) -> dict[int, Any]:
        return {self.perp.markets[name]: entry for name, entry in frame.entries.items()}

    async def margins(self) -> list[tuple[int, int, int]]:
        """Return each account's equity, initial and maintenance margin, as a liquidator does."""
        engine = self.perp.engine
        return [
            (equity, initial, maintenance)
            for equity, initial, maintenance, *_ in await self._words(
                (engine, engine.encode_abi("marginOf", [account.number, LIQUIDATING]))
                for account in self.accounts
            )
        ]

    async def rows(self) -> dict[int, float]:
        """Return the cash of the protocol's rows."""
        vault, rows = self.perp.vault, (POOL, INSURANCE, RESERVE, DEFICIT)
        held = await self._words((vault, vault.encode_abi("cashOf", [row])) for row in rows)
        return {row: cash / _E18 for row, (cash,) in zip(rows, held, strict=True)}

    async def _words(self, calls: Iterable[tuple[AsyncContract, str]]) -> list[list[int]]:
        """Ask everything in one request; return the words of each answer, signed."""
        asked = [
            (RPCEndpoint("eth_call"), [{"to": contract.address, "data": data}, "latest"])
            for contract, data in calls
        ]
        answers = await self.perp.chain.w3.provider.make_batch_request(asked)
        if not isinstance(answers, list):
            raise Retryable(f"the node refuses a batch: {answers!r:.200}")
        return [
            [
                int.from_bytes(data[at : at + _WORD], "big", signed=True)
                for at in range(0, len(data), _WORD)
            ]
            for data in (bytes.fromhex(answer["result"][2:]) for answer in answers)
        ]

    async def _try(
        self, call: AsyncContractFunction, key: LocalAccount | None = None
    ) -> TxReceipt | None:
        """Send what the contracts may refuse."""
        try:
            return await transact(self.perp.chain.w3, call, key or self._keeper)
        except Rejected:
            return None


@asynccontextmanager
async def lab(
    parameters: Parameters, tape: Tape, *, pool_usd: int, insurance_usd: int
) -> AsyncIterator[Lab]:
    """Start a node before the tape, deploy with these parameters, and fill pool and insurance."""
    signers = Signers.of(NETWORK, GOVERNOR, NONCE)
    numbers = {name: at for at, name in enumerate(parameters.markets)}
    start_s = tape.frames[0].time_ms // 1000 - BEFORE_S
    async with SandboxChain(CHAIN_ID, name="whatif", start_s=start_s) as chain:
        address = await deploy_mark_oracle(
            chain,
            network=NETWORK,
            home_governor=GOVERNOR,
            nonce=NONCE,
            members=[Web3.to_checksum_address(member) for member in signers.members],
            threshold=THRESHOLD,
            guardian=GOVERNOR,
            instruments={number: name for name, number in numbers.items()},
        )
        perp = await deploy_perp(chain, address, numbers, parameters=parameters)
        keeper = await chain.account()
        await perp.fill_pool(pool_usd, keeper)
        await perp.fill_insurance(insurance_usd, keeper)
        abi = read_artifact(ABI / "MarkOracle.json")["abi"]
        oracle = chain.w3.eth.contract(chain.w3.to_checksum_address(address), abi=abi)
        yield Lab(perp, oracle, signers, keeper)
