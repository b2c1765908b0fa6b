"""What nodes answer, parsed: anything else than the Ethereum JSON-RPC specification allows is
Malformed, and costs the endpoint its turn."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from relayer.evm.endpoint import Head
from relayer.evm.errors import Malformed
from relayer.evm.fees import FeeHistory

_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction in a block, as a receipt says."""

    transaction: str
    succeeded: bool
    block: int
    block_hash: str
    gas_used: int
    price_wei: int | None
    """Per gas; None where the node leaves it out."""
    logs: tuple[Log, ...]
    data_fee_wei: int = 0
    """What OP-stack chains charge besides, for the data."""

    @property
    def paid_wei(self) -> int:
        """All of it."""
        return self.gas_used * (self.price_wei or 0) + self.data_fee_wei


@dataclass(frozen=True, slots=True)
class Log:
    """An event: the address that emitted it (lower case), its topics and data."""

    address: str
    topics: tuple[str, ...]
    data: bytes


def quantity(value: Any) -> int:
    """Return a number."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise Malformed(f"answers {value!r:.80}")
    return int(value, 16)


def number(value: Any) -> int:
    """Return a count, a block's number or a time: below 2**63, where none of them will be."""
    found = quantity(value)
    if found >= 2**63:
        raise Malformed(f"answers {value!r:.80}")
    return found


def data(value: Any) -> bytes:
    """Return bytes."""
    try:
        return bytes.fromhex(value.removeprefix("0x"))
    except (AttributeError, ValueError) as error:
        raise Malformed(f"answers {value!r:.80}") from error


def head(value: Any) -> Head:
    """Return a block's header."""
    try:
        base = value.get("baseFeePerGas")
        height, hash_, time_s = value["number"], value["hash"], value["timestamp"]
    except (AttributeError, KeyError, TypeError) as error:
        raise Malformed(f"answers {value!r:.80}") from error
    return Head(
        number(height), str(hash_), number(time_s), None if base is None else quantity(base)
    )


def first_head(said: list[Any]) -> Head:
    """Return the header that is all of an answer."""
    return head(said[0])


def receipt(value: Any, hash_: str) -> Mined | None:
    """Return the receipt of transaction `hash_`; None while it is in no block."""
    if value is None:
        return None
    try:
        if value.get("blockNumber") is None:
            return None
        logs = tuple(
            Log(log["address"].lower(), tuple(log["topics"]), data(log["data"]))
            for log in value["logs"]
        )
        about = str(value["transactionHash"]).lower()
        price = value.get("effectiveGasPrice")
        found = Mined(
            transaction=hash_,
            succeeded=quantity(value.get("status")) == 1,
            block=number(value["blockNumber"]),
            block_hash=str(value.get("blockHash")),
            gas_used=quantity(value.get("gasUsed")),
            price_wei=None if price is None else quantity(price),
            logs=logs,
            data_fee_wei=quantity(value.get("l1Fee") or "0x0"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"answers {value!r:.80}") from error
    if about != hash_.lower():
        raise Malformed(f"answers with the receipt of {about:.80}")
    return found


def fees(value: Any) -> FeeHistory | None:
    """Return recent fees; None where the answer has none."""
    try:
        base = value["baseFeePerGas"]
        rows = value.get("reward") or ()
        usual = tuple(quantity(row[0]) for row in rows)
        urgent = tuple(quantity(row[-1]) for row in rows)
        return FeeHistory(quantity(base[-1]), usual, urgent) if base else None
    except (KeyError, TypeError, IndexError, AttributeError):
        return None
