"""What a MarkOracle holds, read back from its chain as any consumer would."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aiohttp import ClientError
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.exceptions import Web3Exception

from deploy.sandbox.chains.contracts import read_artifact
from oracle.cli.demo.recorder import ChainMark
from oracle.config.deployment import EvmChainConfig
from oracle.model.errors import Retryable
from oracle.model.fixed import Px
from oracle.model.validity import Validity
from oracle.report.word import PRICE_SCALE

ABI: Final = Path(__file__).parents[2] / "contracts/abi/MarkOracle.json"


class OracleReader:
    """Reads `readMark` of one contract; use `aclose` at the end."""

    def __init__(self, chain: EvmChainConfig) -> None:
        self._w3: Final = AsyncWeb3(
            AsyncHTTPProvider(
                chain.rpc[0],
                request_kwargs={"timeout": chain.timeout / 1e9},
                exception_retry_configuration=None,
            )
        )
        address = AsyncWeb3.to_checksum_address(chain.oracle)
        self._oracle: Final = self._w3.eth.contract(address, abi=read_artifact(ABI)["abi"])
        self.name: Final = chain.name

    async def marks(self, numbers: Mapping[str, int]) -> dict[str, ChainMark]:
        """Return what the contract holds for each market, by name.

        Raises:
            Retryable: the chain cannot be reached.
        """
        try:
            return {name: await self._mark(number) for name, number in numbers.items()}
        except (ClientError, TimeoutError, OSError, Web3Exception) as error:
            # Not its text, which may hold the endpoint's address and with it a provider's key.
            raise Retryable(f"chain {self.name}: {type(error).__name__} on reading") from error

    async def aclose(self) -> None:
        """Close the connection."""
        await self._w3.provider.disconnect()

    async def _mark(self, number: int) -> ChainMark:
        held = await self._oracle.functions.readMark(number).call()
        price_e18, _, status_ms, validity, paused = held[:5]
        standing = Validity.HALTED if paused else Validity(validity)
        priced = standing not in (Validity.HALTED, Validity.MISSING) and price_e18 > 0
        return ChainMark(Px(price_e18, -PRICE_SCALE) if priced else None, status_ms, standing)
