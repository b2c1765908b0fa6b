"""One chain from the first check to the last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from deploy.evm.comparing import Governed
from deploy.evm.finality import Finality
from deploy.evm.reading import ChainReader
from deploy.evm.record import Deployed, Record
from deploy.evm.state import State
from deploy.evm.steps import Plan, Step
from deploy.evm.wallet import Limits, Wallet
from oracle.model.errors import ConfigError, Rejected, Retryable
from relayer.evm.errors import NodeError
from relayer.evm.node import Node

TRANSACTION_GAS: Final = {"committee": 150_000, "guardian": 60_000, "handover": 50_000}
"""Of the steps after the first, whose contract is not there yet when a dry run asks; rounded up."""
MEMBER_GAS: Final = 7_000
INSTRUMENT_GAS: Final = 50_000
JUMP_GAS: Final = 70_000
WEI: Final = 10**18

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Estimate:
    """What a deployment would do and cost."""

    address: str
    steps: tuple[str, ...]
    """Still to do."""
    gas: int
    max_fee_wei: int
    balance_wei: int
    adapters: Mapping[str, str]
    """Their addresses."""
    accepted: bool
    """Whether the owner has accepted the contract."""

    @property
    def cost_wei(self) -> int:
        """The most that it costs, without an L2's data fee."""
        return self.gas * self.max_fee_wei


@dataclass(frozen=True)
class Done:
    """What a chain has in the end."""

    record: Deployed
    accepted: bool
    """Whether the owner has accepted the contract."""


class ChainDeployment:
    """One chain's deployment, opened by `opened`."""

    def __init__(
        self, plan: Plan, node: Node, wallet: Wallet, record: Record, limits: Limits
    ) -> None:
        self.plan: Final = plan
        self._node: Final = node
        self._wallet: Final = wallet
        self._record: Final = record
        self._limits: Final = limits
        self._reader: Final = ChainReader(plan, node)
        self._finality: Final = Finality(node, wallet.address, record)

    async def estimate(self) -> Estimate:
        """Return what is to do and the most that it costs; sends nothing.

        Raises:
            ConfigError: the chain is another, has no factory, or something else is there.
            Retryable: no node answers.
        """
        await self._reader.check()
        return await self._estimate(await self._reader.state())

    async def run(self) -> Done:
        """Do what is to do, step by step, and read everything back; run again to resume.

        Raises:
            ConfigError: as `estimate`, or the wallet cannot pay.
            Rejected: a transaction would revert, or did.
            Retryable: not everything is in a block; nothing is lost, run again.
        """
        await self._reader.check()
        if not self._record.deployed.complete:
            await self._finality.look()
        await self._wallet.finish()
        sent: set[str] = set()
        for turn in range(3 * len(self.plan.steps)):  # a step may be displaced, and done again
            state = await self._reader.state()
            step = self.plan.next_step(state)
            if step is not None:
                if turn == 0:
                    self._refuse_poor(await self._estimate(state))
                if step.name in sent:
                    self._refuse_failed(step.name)
                sent.add(step.name)
                if await self._fell_out(step.name):
                    await self._wallet.finish()
                else:
                    await self._wallet.send(step)
            elif self._record.deployed.complete or await self._is_final():
                self._record.write_complete()
                return Done(self._record.deployed, self.plan.is_accepted(state))
            else:
                await self._wallet.finish()
        raise Retryable(f"{self.plan.address}: steps are in blocks and change nothing; run again")

    async def governed(self) -> Governed | None:
        """Return what must be alike on all chains; None before there is a committee.

        Raises:
            Retryable: no node answers.
        """
        return await self._reader.governed()

    async def _fell_out(self, name: str) -> bool:
        """Tell whether a step is to do again because the chain dropped its block."""
        step = self._record.step(name)
        if step is None or step.outcome is None or not step.outcome.succeeded:
            return False
        _, kept = await self._finality.look()
        return not kept

    async def _is_final(self) -> bool:
        """Wait until the chain has had all of it for as many blocks as asked for; return False when
        something fell out of it meanwhile."""
        limits, deadline = self._limits, time.monotonic() + self._limits.finality_timeout_s
        _log.info("waiting_until_final", address=self.plan.address, blocks=limits.finality_depth)
        while True:
            head, kept = await self._finality.look()
            if not kept:
                return False
            block = head.number - limits.finality_depth + 1
            with suppress(NodeError):  # an endpoint may not have this block yet
                if block >= 0 and self.plan.next_step(await self._reader.state(hex(block))) is None:
                    return True
            if time.monotonic() >= deadline:
                raise Retryable(
                    f"{self.plan.address}: all is done, but not yet {limits.finality_depth} blocks "
                    f"deep after {limits.finality_timeout_s:g} s; run again to see it through"
                )
            await asyncio.sleep(limits.poll_s)

    def _refuse_failed(self, name: str) -> None:
        """Do not send again what failed and is still to do: nobody else did it either."""
        step = self._record.step(name)
        if step is not None and step.outcome is not None and not step.outcome.succeeded:
            raise Rejected(
                f"step {name}: transaction {step.outcome.hash} failed in block {step.outcome.block}"
            )

    async def _estimate(self, state: State) -> Estimate:
        step, steps = self.plan.next_step(state), self.plan.steps
        left: tuple[str, ...] = ()
        gas = max_fee_wei = 0
        if step is not None:  # else nothing is to pay, whatever gas costs
            left = steps[steps.index(step.name) :]
            gas = sum([await self._gas(name, step) for name in left])
            max_fee_wei = (await self._wallet.quoted()).max_wei
        return Estimate(
            address=self.plan.address,
            steps=left,
            gas=gas,
            max_fee_wei=max_fee_wei,
            balance_wei=await self._node.balance(self._wallet.address),
            adapters={adapter.name: adapter.address for adapter in self.plan.adapters},
            accepted=self.plan.is_accepted(state),
        )

    def _refuse_poor(self, estimate: Estimate) -> None:
        """Refuse to begin what cannot be paid for to its end."""
        if estimate.balance_wei < estimate.cost_wei:
            raise ConfigError(
                f"wallet {self._wallet.address} has {estimate.balance_wei / WEI:.6f} coins; "
                f"{', '.join(estimate.steps)} may cost {estimate.cost_wei / WEI:.6f}: top it up"
            )

    async def _gas(self, name: str, step: Step) -> int:
        if name == step.name:
            return await self._wallet.estimate(step)
        for adapter in self.plan.adapters:
            if name == adapter.step:
                return adapter.gas
        parameters = self.plan.parameters
        of_members = len(parameters.members) * MEMBER_GAS
        bindings = len(parameters.instruments) * INSTRUMENT_GAS
        more = of_members + bindings if name == "committee" else 0
        return TRANSACTION_GAS.get(name, JUMP_GAS) + more
