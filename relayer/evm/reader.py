"""Reads what MarkOracle holds, apart from all sending: connections and health are its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import httpx
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from prometheus_client import CollectorRegistry

from oracle.config.deployment import EvmChainConfig
from oracle.model.errors import ConfigError
from oracle.model.fixed import Px
from oracle.model.validity import Validity
from oracle.report.word import PRICE_SCALE
from relayer.evm.abi import SALT_CALL, load_abi, selector
from relayer.evm.errors import NodeError, OtherDeployment
from relayer.evm.node import Node
from relayer.evm.rpc import JsonRpc
from relayer.held import HeldMark, Sight
from relayer.metrics import RelayerMetrics

NOBODY: Final = "0x" + "0" * 40
"""Whose balance is read when nobody's is wanted."""


class MarkReader:
    """Reads `readMark` of one contract, as far as a quorum of its endpoints say the same.

    Asks `watch_rpc`, else `rpc` from the last to the first: another endpoint than the sender's
    where there are several. Given a salt, it reads no contract of another deployment. Close it at
    the end.
    """

    def __init__(
        self,
        chain: EvmChainConfig,
        metrics: RelayerMetrics | None = None,
        *,
        salt: bytes | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name: Final = chain.name
        self.rpc: Final = JsonRpc(
            chain.name,
            chain.chain_id,
            chain.watch_rpc or chain.rpc[::-1],
            chain.timeout / 1e9,
            metrics or RelayerMetrics(CollectorRegistry()),
            quorum=chain.watch_quorum,
            max_lag_blocks=chain.max_lag_blocks,
            max_lag_s=chain.max_lag / 1e9,
            transport=transport,
        )
        self._node: Final = Node(self.rpc)
        self._salt: Final = salt
        self._oracle: Final = chain.oracle
        self._layout: Final = _Layout()

    async def marks(self, numbers: Mapping[str, int]) -> Mapping[str, HeldMark]:
        """Return what the contract holds for each market, by name.

        Raises:
            PlumblineError: as `look`.
        """
        return (await self.look(numbers)).marks

    async def look(self, numbers: Mapping[str, int], wallet: str = NOBODY) -> Sight:
        """Return what the contract and a wallet hold, of one block.

        Raises:
            Retryable: the chain cannot be reached, its endpoints contradict each other, or there
                is no such contract.
            OtherDeployment: the contract is of another deployment.
        """
        salt = [] if self._salt is None else [SALT_CALL]
        calls = [*salt, *(self._layout.call(number) for number in numbers.values())]
        head, values, balance_wei = await self._node.read(self._oracle, calls, wallet)
        if self._salt is not None and values[0] != self._salt:
            raise OtherDeployment(self.name, self._oracle, values[0], self._salt)
        marks = zip(numbers, map(self._mark, values[len(salt) :]), strict=True)
        price_wei = head.base_wei if head.base_wei is not None else await self._node.gas_price()
        return Sight(head.number, head.time_s, dict(marks), balance_wei, price_wei)

    async def aclose(self) -> None:
        """Close connections."""
        await self.rpc.aclose()

    def _mark(self, answer: bytes) -> HeldMark:
        try:
            return self._layout.read(answer)
        except (ValueError, KeyError, DecodingError) as error:
            message = (
                f"{self._oracle} answers readMark with 0x{answer.hex()[:80]}: no MarkOracle there?"
            )
            raise NodeError(self.name, "eth_call", {"message": message}) from error


class _Layout:
    """How `readMark` is called and answered, from the generated ABI."""

    def __init__(self) -> None:
        found = [entry for entry in load_abi() if entry.get("name") == "readMark"]
        try:
            (function,) = found
            fields = function["outputs"][0]["components"]
            self._names: Final = [field["name"] for field in fields]
            self._type: Final = f"({','.join(field['type'] for field in fields)})"
            self._selector: Final = selector("readMark(uint256)")
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ConfigError("the contract ABI has no readMark; run 'make contracts'") from error

    def call(self, number: int) -> bytes:
        """Return calldata."""
        return self._selector + encode(["uint256"], [number])

    def read(self, data: bytes) -> HeldMark:
        """Read an answer; a pause reads as HALTED, and what has no price has None."""
        held = dict(zip(self._names, decode([self._type], data)[0], strict=True))
        validity = Validity.HALTED if held["paused"] else Validity(held["validity"])
        priced = validity not in (Validity.HALTED, Validity.MISSING) and held["priceE18"] > 0
        price = Px(held["priceE18"], -PRICE_SCALE) if priced else None
        return HeldMark(price, held["statusTimeMs"], validity)
