"""Which endpoint suffers what, and when: drawn from a seed; one is sound at all times."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from deploy.sandbox.chains import fault_kinds as kinds
from deploy.sandbox.chains.faults import Fault, Rpc
from tests.integration.chaos.world import TIMEOUT_S

ENDPOINTS = 3
WINDOW_S = 4.0
"""For so long an endpoint keeps its fault. Longer than it takes to notice and to go round it."""


@dataclass(frozen=True)
class Ill:
    """A fault of one endpoint."""

    name: str
    make: Callable[[], Fault]
    methods: tuple[str, ...] = ()
    chance: float = 1.0
    lies: bool = False
    """Whether it gives untrue answers that look well: at most one endpoint does at a time."""


def _nothing(*_: Any) -> None:
    return None


def _none(*_: Any) -> str:
    return "0x0"


def _dear(_: Rpc, receipt: Any) -> Any:
    return receipt and {**receipt, "effectiveGasPrice": hex(10**18)}


SILENCES = (
    Ill("hangs", kinds.hang),
    Ill("hangs now and then", kinds.hang, chance=0.3),
    Ill("drips", partial(kinds.drip, TIMEOUT_S / 5)),
    Ill("is late", partial(kinds.late, TIMEOUT_S / 3), chance=0.5),
    Ill("429", partial(kinds.status, 429, retry_after="1")),
    Ill("503 now and then", partial(kinds.status, 503), chance=0.5),
    Ill("garbage", partial(kinds.body, b"<html>", "text/html")),
    Ill("truncated", kinds.truncated, chance=0.7),
    Ill("resets", partial(kinds.reset, arrives=False)),
    Ill("resets mid-broadcast", partial(kinds.reset, arrives=True), ("eth_sendRawTransaction",)),
    Ill("errors", partial(kinds.error, *kinds.BUSY)),
    Ill("wrong chain", partial(kinds.lie, lambda *_: "0x1")),
)
LIES = (
    Ill("denies receipts", partial(kinds.lie, _nothing), ("eth_getTransactionReceipt",), lies=True),
    Ill("is behind", partial(kinds.lag, 20), lies=True),
    Ill(
        "counts too many",
        partial(kinds.lie, kinds.times(2)),
        ("eth_getTransactionCount",),
        lies=True,
    ),
    Ill("counts none", partial(kinds.lie, _none), ("eth_getTransactionCount",), lies=True),
    Ill("dear receipts", partial(kinds.lie, _dear), ("eth_getTransactionReceipt",), lies=True),
)


@dataclass(frozen=True)
class Window:
    """What each endpoint suffers for `WINDOW_S`; None is sound. `event` happens to the chain."""

    ills: tuple[Ill | None, ...]
    event: str | None


EVENTS = (None, None, "no blocks", "base fee", "pool dropped", "foreign transaction", "reorg")


def windows(seed: int) -> Iterator[Window]:
    """Draw windows without end.

    One endpoint is sound. Beside a liar two are: who asks several has a majority of true answers.
    """
    dice = random.Random(seed)
    while True:
        sound = dice.randrange(ENDPOINTS)
        others = [at for at in range(ENDPOINTS) if at != sound]
        ills: list[Ill | None] = [None] * ENDPOINTS
        if dice.random() < 0.3:
            ills[dice.choice(others)] = dice.choice(LIES)
        else:
            for at in others:
                ills[at] = dice.choice(SILENCES)
        yield Window(tuple(ills), dice.choice(EVENTS))
