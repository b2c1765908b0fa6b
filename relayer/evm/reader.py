"""Reads what MarkOracle holds, apart from all sending: connections and health are its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from prometheus_client import CollectorRegistry

from oracle.config.deployment import EvmChainConfig
from oracle.model.errors import ConfigError
from oracle.model.fixed import Px
from oracle.model.validity import Validity
from oracle.report.word import PRICE_SCALE
from relayer.evm.abi import load_abi, selector
from relayer.evm.errors import NodeError
from relayer.evm.rpc import JsonRpc
from relayer.held import HeldMark
from relayer.metrics import RelayerMetrics


class MarkReader:
    """Reads `readMark` of one contract.

    Asks `watch_rpc`, else `rpc` from the last to the first: another endpoint than the sender's
    where there are several. Close it at the end.
    """

    def __init__(self, chain: EvmChainConfig, metrics: RelayerMetrics | None = None) -> None:
        self.name: Final = chain.name
        self.rpc: Final = JsonRpc(
            chain.name,
            chain.chain_id,
            chain.watch_rpc or chain.rpc[::-1],
            chain.timeout / 1e9,
            metrics or RelayerMetrics(CollectorRegistry()),
        )
        self._oracle: Final = chain.oracle
        self._layout: Final = _Layout()

    async def marks(self, numbers: Mapping[str, int]) -> dict[str, HeldMark]:
        """Return what the contract holds for each market, by name.

        Raises:
            Retryable: the chain cannot be reached, or there is no such contract.
        """
        results = await self.rpc.batch(
            [
                ("eth_call", [{"to": self._oracle, "data": self._layout.call(number)}, "latest"])
                for number in numbers.values()
            ]
        )
        return {name: self._mark(result) for name, result in zip(numbers, results, strict=True)}

    async def aclose(self) -> None:
        """Close connections."""
        await self.rpc.aclose()

    def _mark(self, result: Any) -> HeldMark:
        try:
            return self._layout.read(bytes.fromhex(result.removeprefix("0x")))
        except (AttributeError, ValueError, KeyError, DecodingError) as error:
            message = f"{self._oracle} answers readMark with {result!r:.80}: no MarkOracle there?"
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
            self._selector: Final = selector("readMark(uint256)").hex()
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ConfigError("the contract ABI has no readMark; run 'make contracts'") from error

    def call(self, number: int) -> str:
        """Return calldata."""
        return f"0x{self._selector}{encode(['uint256'], [number]).hex()}"

    def read(self, data: bytes) -> HeldMark:
        """Read an answer; a pause reads as HALTED, and what has no price has None."""
        held = dict(zip(self._names, decode([self._type], data)[0], strict=True))
        validity = Validity.HALTED if held["paused"] else Validity(held["validity"])
        priced = validity not in (Validity.HALTED, Validity.MISSING) and held["priceE18"] > 0
        price = Px(held["priceE18"], -PRICE_SCALE) if priced else None
        return HeldMark(price, held["statusTimeMs"], validity)
