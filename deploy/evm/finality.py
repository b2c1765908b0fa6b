"""Whether what is in blocks stays there: a chain may drop its newest."""

from __future__ import annotations

from typing import Final

import structlog
from msgspec.structs import replace

from deploy.evm.record import Outcome, Record
from relayer.evm.endpoint import Head
from relayer.evm.node import Node
from relayer.evm.results import Mined

_log = structlog.get_logger(__name__)


def outcome_of(mined: Mined) -> Outcome:
    """Return what the record keeps of a transaction in a block."""
    return Outcome(
        hash=mined.transaction,
        block=mined.block,
        gas_used=mined.gas_used,
        paid_wei=mined.paid_wei,
        succeeded=mined.succeeded,
        block_hash=mined.block_hash,
    )


class Finality:
    """The transactions of a record, and the blocks that they are in."""

    def __init__(self, node: Node, account: str, record: Record) -> None:
        self._node: Final = node
        self._account: Final = account
        self._record: Final = record

    async def look(self) -> tuple[Head, bool]:
        """Return the newest block, and whether each transaction is still in one.

        One that is not is open again in the record: the same bytes have to go out once more.

        Raises:
            Retryable: no node answers, or the disk does not take it.
        """
        done = {
            name: step.outcome
            for name, step in self._record.deployed.steps.items()
            if step.outcome is not None and step.outcome.succeeded
        }
        look = await self._node.look(self._account, [outcome.hash for outcome in done.values()])
        kept = True
        for (name, before), mined in zip(done.items(), look.mined, strict=True):
            now = None if mined is None else outcome_of(mined)
            if now == before:
                continue
            kept = kept and now is not None
            step = self._record.step(name)
            if step is not None:
                self._record.write_step(name, replace(step, outcome=now))
            _log.warning("reorganised", step=name, transaction=before.hash, block=before.block)
        return look.head, kept
