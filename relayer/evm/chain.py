"""An EVM chain: MarkOracle behind the relayer's `Chain`."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Final

import httpx
from eth_utils.address import to_checksum_address

from oracle.config.deployment import EvmChainConfig
from oracle.keys.signer import Signer
from oracle.model.errors import ConfigError, Retryable
from oracle.model.messages import Receipt
from relayer.base import Clock, Delivery, MayPush, UpdateRefused, always
from relayer.evm.abi import (
    SALT_CALL,
    UPDATED_TOPIC,
    group_word_call,
    load_abi,
    stored_groups,
    update_body,
    update_call,
)
from relayer.evm.book import Sent
from relayer.evm.errors import MAX_REASON, NodeError, OtherDeployment, Reverted
from relayer.evm.fees import GWEI
from relayer.evm.journal import Journal
from relayer.evm.ledger import Purpose
from relayer.evm.moves import Pace
from relayer.evm.node import Node
from relayer.evm.pricing import Pricing
from relayer.evm.results import Mined
from relayer.evm.reverts import Reverts
from relayer.evm.rpc import JsonRpc
from relayer.evm.sender import Sender, SendLimits
from relayer.faults import Faults
from relayer.metrics import RelayerMetrics
from relayer.policy import AT_ONCE
from relayer.stored import stored_ms

SKEW_S: Final = 30.0
"""A block that is so far ahead of our clock says that one of the clocks is wrong."""


class EvmChain:
    """MarkOracle on one EVM chain, and the wallet that pays there."""

    kind: Final = "evm"

    def __init__(
        self,
        node: Node,
        oracle: str,
        sender: Sender,
        reverts: Reverts,
        metrics: RelayerMetrics,
        faults: Faults,
        clock: Clock,
    ) -> None:
        self.name: Final = node.rpc.chain
        self.chain_id: Final = node.rpc.chain_id
        self.faults: Final = faults
        self._node: Final = node
        self._oracle: Final = oracle
        self._sender: Final = sender
        self._reverts: Final = reverts
        self._metrics: Final = metrics
        self._clock: Final = clock

    @property
    def wallet(self) -> str:
        """The address that pays."""
        return self._sender.address

    async def start(self, salt: bytes) -> None:
        """Check every endpoint's chain, and that the contract there is of this deployment.

        What an earlier process sent is seen to from here on.
        """
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
            raise OtherDeployment(self.name, self._oracle, found, salt)
        self._sender.resume()

    async def held(self, groups: Collection[int]) -> dict[int, bytes]:
        """Return the stored word of each group, and measure the wallet's balance with it."""
        head, words, balance_wei = await self._node.read(
            self._oracle, [group_word_call(group) for group in groups], self.wallet, _oldest
        )
        if any(len(word) != 32 for word in words):
            raise NodeError(
                self.name, "groupWord", {"message": f"{self._oracle} gives no word of 32 bytes"}
            )
        self._metrics.balance_wei.labels(self.name).set(balance_wei)
        self._metrics.head_block.labels(self.name).set(head.number)
        self._metrics.head_time.labels(self.name).set(head.time_s)
        if head.time_s - self._clock() / 1e9 > SKEW_S:
            self.faults.note("clock_skew", head_time_s=head.time_s, our_time_ns=self._clock())
        return dict(zip(groups, words, strict=True))

    def in_flight(self) -> list[Delivery]:
        """Return what is sent and in no block yet, by this process or one before."""
        return [
            Delivery(update_body(t.call.data), p.groups, p.slot, p.reason, p.signed_ns)
            for t in self._sender.book.open
            if (p := t.purpose).groups
        ]

    def spent_day_wei(self) -> int:
        """Return the fees paid in the last 24 hours."""
        return self._sender.book.spent_day_wei(self._clock())

    async def push(self, delivery: Delivery, may_push: MayPush = always) -> Receipt:
        """Send `update` with the delivery's body."""
        d, data = delivery, update_call(delivery.body)
        purpose = Purpose(d.slot, d.groups, d.reason, d.signed_ns)
        try:
            sent = await self._sender.send(
                self._oracle,
                data,
                purpose,
                urgent=delivery.reason in AT_ONCE,
                may_push=may_push,
            )
        except Reverted as error:
            reason = self._reverts.name(error.data)
            refused = UpdateRefused(
                f"chain {self.name}: update of slot {delivery.slot} would revert: {reason}",
                reason,
            )
            if refused.error == "FutureTime":
                self.faults.note("clock_skew", error=reason)
            raise refused from error
        return await self._receipt(sent)

    async def settled(self) -> list[Receipt]:
        """Return receipts of updates that nobody waited for any more, each once."""
        unclaimed = self._sender.book.unclaimed
        receipts = []
        while unclaimed:
            sent = unclaimed[0]
            if sent.transaction.purpose.groups:
                receipts.append(await self._receipt(sent))
            unclaimed.popleft()
        return receipts

    async def aclose(self) -> None:
        """Stop tending, give the journal up and close connections."""
        await self._sender.aclose()
        await self._node.rpc.aclose()

    async def _receipt(self, sent: Sent) -> Receipt:
        mined, purpose = sent.mined, sent.transaction.purpose
        error = "" if mined.succeeded else await self._why(mined, sent.transaction.call.data)
        return Receipt(
            chain=self.name,
            chain_id=self.chain_id,
            slot=purpose.slot,
            reason=purpose.reason,
            transaction=mined.transaction,
            accepted=mined.succeeded,
            error=error,
            block=mined.block,
            gas_used=mined.gas_used,
            groups=self._stored(mined),
            signed_ns=purpose.signed_ns,
            sent_ns=sent.transaction.first_sent_ns,
            received_ns=sent.received_ns,
        )

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
        except Retryable as error:  # the receipt is there; its reason is not worth losing it
            return f"why cannot be asked: {error}"[:MAX_REASON]
        return "reverted, yet the same call succeeds now: out of gas, or overtaken in its block"


def _oldest(words: Sequence[bytes]) -> bytes:
    """Choose among words that endpoints claim: a push too many is a cheap no-op, and one too few
    leaves consumers without a mark."""
    return min(words, key=lambda word: stored_ms(word) or 0)


def rpc_of(
    config: EvmChainConfig,
    name: str,
    metrics: RelayerMetrics,
    transport: httpx.AsyncBaseTransport | None = None,
) -> JsonRpc:
    """Return what asks a chain's endpoints; `name` is the chain's in logs and metrics."""
    return JsonRpc(
        name,
        config.chain_id,
        config.rpc,
        config.timeout / 1e9,
        metrics,
        send_urls=config.send_rpc,
        quorum=config.quorum,
        max_lag_blocks=config.max_lag_blocks,
        max_lag_s=config.max_lag / 1e9,
        transport=transport,
    )


def connect(
    config: EvmChainConfig,
    signer: Signer,
    metrics: RelayerMetrics,
    *,
    clock: Clock = time.time_ns,
    journal: Journal | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> EvmChain:
    """Build a chain from its configuration and its wallet; asks no node (see `start`).

    Without a journal what was sent is forgotten with the process.

    Raises:
        ConfigError: the ABI, the journal or an RPC address is wrong.
    """
    rpc = rpc_of(config, config.name, metrics, transport)
    node, faults = Node(rpc), Faults(config.name, metrics)
    sender = Sender(
        node,
        signer,
        Pricing(node, config.fees, round(config.max_fee_gwei * GWEI)),
        SendLimits(config.max_gas, config.receipt_timeout / 1e9),
        Pace(
            poll_s=config.poll / 1e9,
            replace_after_s=config.replace_after / 1e9,
            max_replacements=config.max_replacements,
            finality_depth=config.finality_depth,
        ),
        journal or Journal(),
        metrics,
        faults,
        clock,
    )
    oracle, reverts = to_checksum_address(config.oracle), Reverts(load_abi())
    return EvmChain(node, oracle, sender, reverts, metrics, faults, clock)
