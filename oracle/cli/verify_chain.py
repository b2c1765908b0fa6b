"""What chains say of a transaction and of an epoch, for `plumb verify`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from prometheus_client import CollectorRegistry

from oracle.config.deployment import EvmChainConfig
from oracle.model.errors import ConfigError, PlumblineError, Rejected
from oracle.report.committee import Committee
from oracle.report.report import decode as decode_report
from oracle.verify.evidence import Epoch
from oracle.verify.stored import Delivered
from relayer.evm import results
from relayer.evm.abi import SALT_CALL, UPDATED_TOPIC, group_word_call, selector, update_body
from relayer.evm.errors import Malformed
from relayer.evm.node import Node
from relayer.evm.rpc import JsonRpc
from relayer.metrics import RelayerMetrics

_UPDATE: Final = selector("update(bytes)")
_COMMITTEE: Final = selector("committee(uint32)")
_REVOKED: Final = selector("revoked(uint32)")
_STORED_BYTES: Final = 34  # in Updated: group (2) and word (32)


class Wanted(NamedTuple):
    """A transaction, and on which chain; None: on any that has it."""

    transaction: str
    chain: str | None = None


class Told(NamedTuple):
    """What all chains said."""

    delivered: tuple[Delivered, ...] = ()
    epochs: tuple[tuple[str, Epoch], ...] = ()
    silent: tuple[str, ...] = ()
    """Why a chain could not be asked, or could not tell."""


def ask(
    chains: Sequence[EvmChainConfig], salt: bytes, wanted: Iterable[Wanted], epoch: int | None
) -> Told:
    """Ask each chain for the transactions that are on it, and for an epoch's committee."""
    return asyncio.run(_asked(chains, salt, list(wanted), epoch))


async def _asked(
    chains: Sequence[EvmChainConfig], salt: bytes, wanted: list[Wanted], epoch: int | None
) -> Told:
    each = await asyncio.gather(*(_one(chain, salt, wanted, epoch) for chain in chains))
    delivered, epochs, silent = zip(*each, strict=True) if each else ((), (), ())
    return Told(sum(delivered, ()), sum(epochs, ()), sum(silent, ()))


async def _one(chain: EvmChainConfig, salt: bytes, wanted: list[Wanted], epoch: int | None) -> Told:
    delivered: list[Delivered] = []
    epochs: list[tuple[str, Epoch]] = []
    silent: list[str] = []
    try:
        async with _opened(chain, salt) as contract:
            if epoch is not None:
                epochs.append((chain.name, await contract.epoch(epoch)))
            for one in wanted:
                if one.chain in (None, chain.name):
                    found, missing = await contract.delivered(one.transaction)
                    delivered += [found] if found is not None else []
                    silent += missing
    except PlumblineError as error:
        silent.append(f"{chain.name}: {error}")
    return Told(tuple(delivered), tuple(epochs), tuple(silent))


@asynccontextmanager
async def _opened(chain: EvmChainConfig, salt: bytes) -> AsyncIterator[_Contract]:
    rpc = JsonRpc(
        chain.name,
        chain.chain_id,
        chain.watch_rpc or chain.rpc[::-1],
        chain.timeout / 1e9,
        RelayerMetrics(CollectorRegistry()),
        quorum=chain.watch_quorum,
    )
    try:
        await rpc.check()
        contract = _Contract(rpc, chain.oracle, salt)
        await contract.check()
        yield contract
    finally:
        await rpc.aclose()


class _Contract:
    """One chain's MarkOracle, as far as a quorum of endpoints say the same of it."""

    def __init__(self, rpc: JsonRpc, oracle: str, salt: bytes) -> None:
        self._rpc, self._node, self._oracle, self._salt = rpc, Node(rpc), oracle, salt

    async def check(self) -> None:
        """Require the contract to be of the deployment.

        Raises:
            ConfigError: it is another's.
        """
        held = await self._node.call(self._oracle, SALT_CALL)
        if held != self._salt:
            raise ConfigError(
                f"the contract {self._oracle} is of deployment 0x{held.hex()}, not of "
                f"0x{self._salt.hex()}: mend 'oracle' of this chain"
            )

    async def epoch(self, number: int) -> Epoch:
        """Return the committee of an epoch.

        Raises:
            Rejected: the contract knows none.
        """
        asked = encode(["uint32"], [number])
        said = await self._node.call(self._oracle, _COMMITTEE + asked)
        revoked = await self._node.call(self._oracle, _REVOKED + asked)
        try:
            members, threshold, until_s = decode(["address[]", "uint8", "uint64"], said)
            (gone,) = decode(["uint256"], revoked)
        except (DecodingError, OverflowError) as error:
            raise Rejected(f"{self._oracle} answers committee({number}) otherwise") from error
        if not members:
            raise Rejected(f"the contract {self._oracle} knows no epoch {number}")
        addresses = tuple(bytes.fromhex(member[2:]) for member in members)
        committee = Committee(self._salt, number, threshold, addresses)
        return Epoch(committee, self._rpc.chain, until_s, gone)

    async def delivered(self, transaction: str) -> tuple[Delivered | None, list[str]]:
        """Return what a transaction did, and what of it could not be asked; None: not here."""
        sent, mined = await self._rpc.agreed(
            [
                ("eth_getTransactionByHash", [transaction]),
                ("eth_getTransactionReceipt", [transaction]),
            ],
            lambda said: (_input(said[0]), results.receipt(said[1], transaction)),
        )
        if sent is None or mined is None:
            return None, []
        slot, updated = _stored(mined, self._oracle)
        body = _carried(sent, self._oracle)
        held, silent = await self._held(_groups(body, updated), mined.block)
        told = Delivered(
            self._rpc.chain, transaction, mined.block, mined.succeeded, body, slot, updated, held
        )
        return told, silent

    async def _held(self, groups: Sequence[int], block: int) -> tuple[dict[int, bytes], list[str]]:
        """Return the words at a block; endpoints forget the state of old ones."""
        held: dict[int, bytes] = {}
        try:
            for group in groups:
                held[group] = await self._node.call(
                    self._oracle, group_word_call(group), block=block
                )
        except PlumblineError as error:
            return {}, [
                f"{self._rpc.chain}: groupWord at block {block}: {error}; an archive node tells it"
            ]
        return held, []


def _input(said: Any) -> tuple[str, bytes] | None:
    """Return whom a transaction calls, and its calldata."""
    if said is None:
        return None
    try:
        return str(said["to"]).lower(), results.data(said["input"])
    except (KeyError, TypeError) as error:
        raise Malformed(f"answers {said!r:.80}") from error


def _carried(sent: tuple[str, bytes], oracle: str) -> bytes | None:
    to, data = sent
    if to != oracle.lower() or not data.startswith(_UPDATE):
        return None
    try:
        return update_body(data)
    except (DecodingError, OverflowError):
        return None


def _stored(mined: results.Mined, oracle: str) -> tuple[int | None, dict[int, bytes]]:
    """Return the slot and the words of the contract's last Updated event: one call may hold two."""
    slot: int | None = None
    words: dict[int, bytes] = {}
    for log in mined.logs:
        if log.address != oracle.lower() or log.topics[:1] != (UPDATED_TOPIC,):
            continue
        try:
            slot, packed = decode(["uint64", "bytes"], log.data)
        except (DecodingError, OverflowError):
            continue
        words = {
            int.from_bytes(packed[at : at + 2], "big"): packed[at + 2 : at + _STORED_BYTES]
            for at in range(0, len(packed) - _STORED_BYTES + 1, _STORED_BYTES)
        }
    return slot, words


def _groups(body: bytes | None, updated: dict[int, bytes]) -> list[int]:
    if body is not None:
        try:
            return [leaf.group for leaf in decode_report(body).leaves]
        except Rejected:
            pass  # the check of what it carried says what is wrong with it
    return sorted(updated)
