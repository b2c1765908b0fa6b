"""Read-only JSON-RPC to one EVM node: every call bounded, every library error translated here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from aiohttp import ClientError
from eth_abi.exceptions import DecodingError
from web3 import AsyncHTTPProvider, AsyncWeb3, Web3
from web3.exceptions import BadFunctionCallOutput, ContractLogicError, Web3Exception, Web3RPCError

from oracle.model.errors import Rejected, Retryable


class Block(NamedTuple):
    """What names a block, and its time."""

    number: int
    hash: bytes
    timestamp_s: int


class Reverted(Rejected):
    """The contract refused the call, or has no such function."""


class Rpc:
    """One node at `url`; each call ends within `timeout_s`."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self.url: Final = url
        self._timeout_s: Final = timeout_s
        self._w3: Final = AsyncWeb3(
            AsyncHTTPProvider(
                url,
                request_kwargs={"timeout": timeout_s},
                exception_retry_configuration=None,  # the connection loop retries, with back-off
            )
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._w3.provider.disconnect()

    async def chain_id(self) -> int:
        """Return the chain's id."""
        async with self._bounded("eth_chainId"):
            chain_id: object = await self._w3.eth.chain_id
            if not isinstance(chain_id, int):  # web3 passes on null
                raise Retryable(f"{self.url}: eth_chainId answered {chain_id!r}")
            return chain_id

    async def latest_block(self) -> Block:
        """Return the newest block that the node has."""
        async with self._bounded("eth_getBlockByNumber"):
            block = await self._w3.eth.get_block("latest")
            return Block(block["number"], bytes(block["hash"]), block["timestamp"])

    async def has_code(self, address: str) -> bool:
        """Say whether there is a contract."""
        async with self._bounded("eth_getCode"):
            code = await self._w3.eth.get_code(Web3.to_checksum_address(address))
            return bool(code)

    async def call(
        self, address: str, abi: list[dict[str, Any]], name: str, *args: object, block: int
    ) -> Any:
        """Return what function `name` returns at the end of `block`.

        Raises:
            Retryable: the node does not answer, or not with sense.
            Reverted: the contract reverts, or returns what `abi` does not say.
        """
        contract = self._w3.eth.contract(Web3.to_checksum_address(address), abi=abi)
        async with self._bounded(f"{name} of {address}"):
            try:
                return await contract.functions[name](*args).call(block_identifier=block)
            except (ContractLogicError, BadFunctionCallOutput, DecodingError) as error:
                raise Reverted(f"{name} of {address}: {_one_line(error)}") from error
            except Web3RPCError as error:
                if "execution reverted" in str(error):  # without a reason web3 leaves it as it came
                    raise Reverted(f"{name} of {address}: {_one_line(error)}") from error
                raise

    @contextlib.asynccontextmanager
    async def _bounded(self, what: str) -> Any:
        with self._translated(what):
            async with asyncio.timeout(self._timeout_s):
                yield

    @contextlib.contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise Retryable(f"{self.url}: {what} took more than {self._timeout_s} s") from error
        except (ClientError, OSError) as error:
            raise Retryable(f"{self.url} does not answer: {_one_line(error)}") from error
        except (Web3Exception, ValueError, KeyError, TypeError, AttributeError) as error:
            # A proxy's error page, half an answer, a node's own error.
            raise Retryable(f"{self.url}: {what} failed: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
