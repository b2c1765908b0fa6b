"""Endpoints that give no usable answer, alone and beside sound ones."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from functools import partial

from deploy.sandbox.chains import fault_kinds as kinds
from deploy.sandbox.chains.faults import Fault, Rpc
from tests.integration.chaos.scenario import Named, Scenario, despite, struck
from tests.integration.chaos.world import TIMEOUT_S, World

HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
RETRY_AFTER_S = 1
ELSEWHERE = 1
"""The chain id of another chain."""
RETRIED = "Waits, longer each time, and tries again with the newest report."
PASSED_OVER = "Uses the others; the endpoint is tried again later."
BOUNDED = "Stops reading at its bound; then as for no answer."


def _alone(name: str, fault: str, kind: str, make: Callable[[], Fault], answer: str) -> Scenario:
    """The only endpoint fails."""
    return Scenario(name, fault, answer, struck(make), ("unreachable",), (kind,))


def _beside(name: str, fault: str, kind: str, make: Callable[[], Fault]) -> Scenario:
    """The first of three fails and the mark still gets through."""
    return Scenario(name, fault, PASSED_OVER, despite(make), (), (kind,), endpoints=3)


async def _stopped(world: World, named: Named) -> None:
    await world.proxies[0].stop()
    await world.until(named)
    await world.proxies[0].start()


async def _asked_to_wait(world: World, named: Named) -> None:
    """It is left alone for as long as it asked."""
    loop, asked_at = asyncio.get_running_loop(), list[float]()

    def note(_: Rpc) -> bool:
        asked_at.append(loop.time())
        return True

    world.add(kinds.status(429, retry_after=str(RETRY_AFTER_S)), when=note)
    await world.until(lambda: asked_at and asked_at[-1] - asked_at[0] > RETRY_AFTER_S and named())
    pause_s = max(later - before for before, later in itertools.pairwise(asked_at))
    assert pause_s >= 0.9 * RETRY_AFTER_S, asked_at


async def _cut_broadcast(world: World, named: Named) -> None:
    """Prices rest: the transaction itself has to get through."""
    for arrives in (False, True):
        world.pause()
        await world.holds_newest()
        world.add(kinds.reset(arrives=arrives), "eth_sendRawTransaction", count=1)
        await world.publish()
        await world.holds_newest()
        world.resume()
    await world.until(named)


def _elsewhere(world: World) -> None:
    world.add(kinds.lie(lambda *_: hex(ELSEWHERE)), "eth_chainId")


async def _started_elsewhere(world: World, named: Named) -> None:
    await world.until(named)
    await world.holds_newest()


async def _two_hang(world: World, named: Named) -> None:
    world.add(kinds.hang(), at=1)
    await despite(kinds.hang)(world, named)


def _asks_no_chain_id(call: Rpc) -> bool:
    return str(call["method"]) != "eth_chainId"


_RATE_LIMIT = "rate_limited"
_wrong_chain = partial(kinds.lie, lambda *_: hex(ELSEWHERE))

ALONE = (
    _alone("no answer", "The only endpoint never answers.", "timeout", kinds.hang, RETRIED),
    _alone(
        "slow drip",
        "It sends its answer a byte at a time.",
        "timeout",
        partial(kinds.drip, TIMEOUT_S / 5),
        "Bounds the whole answer, not each read; then as for no answer.",
    ),
    Scenario(
        "down",
        "It refuses connections.",
        RETRIED,
        _stopped,
        ("unreachable",),
        ("connection",),
    ),
    _alone(
        "HTTP 429",
        "It refuses for too many requests.",
        _RATE_LIMIT,
        partial(kinds.status, 429),
        RETRIED,
    ),
    Scenario(
        "HTTP 429 with Retry-After",
        "It refuses for too many requests and says when to come back.",
        "Does not ask it before then.",
        _asked_to_wait,
        ("unreachable",),
        (_RATE_LIMIT,),
    ),
    _alone(
        "HTTP 503",
        "It answers with a server's error.",
        "http_status",
        partial(kinds.status, 503, text="upstream unavailable"),
        RETRIED,
    ),
    _alone(
        "garbage",
        "It answers 200 with a page of HTML.",
        "malformed",
        partial(kinds.body, HTML, "text/html"),
        RETRIED,
    ),
    _alone("truncated JSON", "Its answer ends half-way.", "malformed", kinds.truncated, RETRIED),
    _alone(
        "endless answer",
        "Its answer is right, and goes on for megabytes.",
        "malformed",
        partial(kinds.padded, 5 * 2**20),
        BOUNDED,
    ),
    _alone(
        "reset",
        "It resets connections.",
        "connection",
        partial(kinds.reset, arrives=False),
        RETRIED,
    ),
    _alone(
        "rate limit as an error",
        "It answers 200 with an error for too many requests.",
        _RATE_LIMIT,
        partial(kinds.error, (-32005, "daily request count exceeded, request rate limited")),
        RETRIED,
    ),
    *(
        Scenario(
            f"no batches ({code})",
            f"It refuses several calls in one request, with HTTP {code} and one error.",
            "Asks one by one, some at a time; tries a batch again each minute.",
            despite(partial(kinds.unbatched, code)),
            (),
            ("no_batches",),
        )
        for code in (200, 403)
    ),
    Scenario(
        "errors of many nodes",
        "It answers with errors, each as another client words it.",
        RETRIED,
        struck(partial(kinds.error, *kinds.BUSY), hits=len(kinds.BUSY), when=_asks_no_chain_id),
        ("node_error",),
        (_RATE_LIMIT,),
    ),
    Scenario(
        "reset mid-broadcast",
        "It resets the connection of a broadcast: one that the node never got, and one it did.",
        "Takes it for sent: keeps its nonce, broadcasts the same bytes, looks for its receipt.",
        _cut_broadcast,
        (),
        ("connection",),
        config={"replace_after": "300ms"},
    ),
)

BESIDE = (
    _beside("one of three hangs", "The first of three never answers.", "timeout", kinds.hang),
    _beside(
        "one of three is down",
        "It resets connections.",
        "connection",
        partial(kinds.reset, arrives=False),
    ),
    _beside(
        "one of three is limited",
        "It refuses for too many requests.",
        _RATE_LIMIT,
        partial(kinds.status, 429),
    ),
    _beside(
        "one of three talks nonsense",
        "It answers with a page of HTML.",
        "malformed",
        partial(kinds.body, HTML, "text/html"),
    ),
    Scenario(
        "two of three hang",
        "Fewer than a quorum of endpoints answer.",
        "Goes on with those that do: silence would keep the chain as old as any lie could.",
        _two_hang,
        ("quorum_failed",),
        ("timeout",),
        endpoints=3,
    ),
    Scenario(
        "wrong chain at the start",
        "One of two endpoints serves another chain.",
        "Uses the other; never signs for another chain.",
        _started_elsewhere,
        (),
        ("wrong_chain",),
        endpoints=2,
        prepare=_elsewhere,
    ),
)
