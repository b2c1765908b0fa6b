"""An EVM chain: MarkOracle behind the relayer's `Chain`."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Final

from eth_utils.address import to_checksum_address

from oracle.config.deployment import EvmChainConfig
from oracle.keys.signer import Signer
from oracle.model.errors import ConfigError
from oracle.model.messages import Receipt
from relayer.base import Clock, Delivery, Refused
from relayer.evm.abi import (
    SALT_CALL,
    UPDATED_TOPIC,
    group_word_call,
    load_abi,
    stored_groups,
    update_call,
)
from relayer.evm.errors import NodeError, Reverted
from relayer.evm.fees import GWEI
from relayer.evm.node import Mined, Node
from relayer.evm.reverts import Reverts
from relayer.evm.rpc import JsonRpc
from relayer.evm.sender import Limits, Sender
from relayer.metrics import RelayerMetrics


class EvmChain:
    """MarkOracle on one EVM chain, and the wallet that pays there."""

    kind: Final = "evm"

    def __init__(
        self, node: Node, oracle: str, sender: Sender, reverts: Reverts, metrics: RelayerMetrics
    ) -> None:
        self.name: Final = node.rpc.chain
        self.chain_id: Final = node.rpc.chain_id
        self._node: Final = node
        self._oracle: Final = oracle
        self._sender: Final = sender
        self._reverts: Final = reverts
        self._metrics: Final = metrics

    @property
    def wallet(self) -> str:
        """The address that pays."""
        return self._sender.address

    async def start(self, salt: bytes) -> None:
        """Check every endpoint's chain, and that the contract there is of this deployment."""
        await self._node.rpc.check()
        if not await self._node.code(self._oracle):
            raise ConfigError(
                f"chain {self.name}: no contract at {self._oracle}; deploy it or mend 'oracle'"
            )
        try:
            found = await self._node.call(self._oracle, SALT_CALL)
        except Reverted:
            found = b""
        if found != salt:
            raise ConfigError(
                f"chain {self.name}: the contract at {self._oracle} has deployment salt "
                f"0x{found.hex() or '(none)'}, the configuration's is 0x{salt.hex()}; mend "
                "'oracle' or 'deployment'"
            )

    async def held(self, groups: Collection[int]) -> dict[int, bytes]:
        """Return the stored word of each group, and measure the wallet's balance with it."""
        words, balance_wei = await self._node.calls_and_balance(
            self._oracle, [group_word_call(group) for group in groups], self.wallet
        )
        if any(len(word) != 32 for word in words):
            raise NodeError(
                self.name, "groupWord", {"message": f"{self._oracle} gives no word of 32 bytes"}
            )
        self._metrics.balance_wei.labels(self.name).set(balance_wei)
        return dict(zip(groups, words, strict=True))

    async def push(self, delivery: Delivery) -> Receipt:
        """Send `update` with the delivery's body."""
        data = update_call(delivery.body)
        try:
            sent = await self._sender.send(self._oracle, data)
        except Reverted as error:
            reason = self._reverts.name(error.data)
            raise Refused(
                f"chain {self.name}: update of slot {delivery.slot} would revert: {reason}",
                reason,
            ) from error
        mined = sent.mined
        return Receipt(
            chain=self.name,
            chain_id=self.chain_id,
            slot=delivery.slot,
            reason=delivery.reason,
            transaction=mined.transaction,
            accepted=mined.succeeded,
            error="" if mined.succeeded else await self._why(mined, data),
            block=mined.block,
            gas_used=mined.gas_used,
            groups=self._stored(mined),
            signed_ns=delivery.signed_ns,
            sent_ns=sent.sent_ns,
            received_ns=sent.received_ns,
        )

    async def aclose(self) -> None:
        """Close connections."""
        await self._node.rpc.aclose()

    def _stored(self, mined: Mined) -> tuple[int, ...]:
        return tuple(
            group
            for log in mined.logs
            if log.address == self._oracle.lower() and log.topics[:1] == (UPDATED_TOPIC,)
            for group in stored_groups(log.data)
        )

    async def _why(self, mined: Mined, data: bytes) -> str:
        """Ask again, on the state that the transaction left, why it failed."""
        try:
            await self._node.call(self._oracle, data, sender=self.wallet, block=mined.block)
        except Reverted as error:
            return self._reverts.name(error.data)
        except NodeError as error:
            return error.reason
        return "reverted, yet the same call succeeds now: out of gas, or overtaken in its block"


def connect(
    config: EvmChainConfig, signer: Signer, metrics: RelayerMetrics, *, clock: Clock = time.time_ns
) -> EvmChain:
    """Build a chain from its configuration and its wallet; asks no node (see `start`).

    Raises:
        ConfigError: the ABI or an RPC address is wrong.
    """
    reverts = Reverts(load_abi())
    node = Node(JsonRpc(config.name, config.chain_id, config.rpc, config.timeout / 1e9, metrics))
    limits = Limits(
        max_fee_wei=round(config.max_fee_gwei * GWEI),
        receipt_timeout_s=config.receipt_timeout / 1e9,
        poll_s=config.poll / 1e9,
    )
    sender = Sender(node, signer, limits, metrics, clock)
    return EvmChain(node, to_checksum_address(config.oracle), sender, reverts, metrics)
