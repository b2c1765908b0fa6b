"""A relayer under a seeded schedule of faults: the chain stays fresh and ends right.

python -m tests.integration.chaos.soak --minutes 10 --seed 1
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from oracle.model.errors import PlumblineError
from relayer.policy import PushPolicy
from relayer.stored import stored_ms
from tests.integration.chaos.schedule import ENDPOINTS, WINDOW_S, Window, windows
from tests.integration.chaos.world import World
from tests.integration.relayer.conftest import now_ms

HEARTBEAT_S = 2.0
STALE_HEARTBEATS = 4
"""The chain may never be older than so many heartbeats."""
SAMPLE_S = 0.1
NO_BLOCKS_S = 1.0
LOG = "soak.log"
CUSHION_BLOCKS = 10
"""So that no reorganisation reaches back to where the contract is set up."""
POLICY = PushPolicy(
    deviation_bps=10.0, heartbeat_ms=round(HEARTBEAT_S * 1000), confidence=3.0, early=1.0
)
CONFIG = {"max_fee_gwei": 1000, "replace_after": "500ms"}


@dataclass
class Outcome:
    """What a soak came to."""

    seed: int
    windows: int = 0
    pushes: int = 0
    oldest_s: float = 0.0
    """The greatest age of what the chain held."""
    ills: Counter[str] = field(default_factory=Counter)
    """Requests struck, by what they suffered."""
    faults: Counter[str] = field(default_factory=Counter)
    """Lines of the log that name a fault."""

    @property
    def is_fresh(self) -> bool:
        """Whether the chain was never too old."""
        return self.oldest_s <= STALE_HEARTBEATS * HEARTBEAT_S

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.windows} windows of {WINDOW_S:g} s, {self.pushes} updates, "
            f"oldest mark {self.oldest_s:.1f} s (limit {STALE_HEARTBEATS * HEARTBEAT_S:g} s)\n"
            f"struck: {dict(self.ills.most_common())}\n"
            f"named: {dict(self.faults.most_common())}"
        )


async def soak(folder: Path, *, seed: int, duration_s: float, progress: bool = False) -> Outcome:
    """Run whole windows until the time is out or a mark is too old; then the chain has to come to
    the newest mark. `folder` takes the log.

    Raises:
        AssertionError, TimeoutError: it does not, or a task died.
    """
    outcome = Outcome(seed)
    world = World(folder, endpoints=ENDPOINTS, config=CONFIG, policy=POLICY, seed=seed)
    async with world, _kept(world, folder / LOG):
        await world.node.mine(CUSHION_BLOCKS)
        watch = asyncio.create_task(_watch(world, outcome))
        ends_at = time.monotonic() + duration_s
        for window in windows(seed):
            await _serve(world, window, outcome)
            world.check_alive()
            if progress:
                sys.stderr.write(
                    f"\r{outcome.windows} windows, oldest mark {outcome.oldest_s:.1f} s "
                )
            if time.monotonic() >= ends_at or not outcome.is_fresh:
                break
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch  # a watch that ended has seen nothing
        await world.holds_newest()
        outcome.pushes = world.logged("pushed")
        outcome.faults.update(line["fault"] for line in world.log if line["event"] == "fault")
        crashed = [line for line in world.log if line["event"] == "chain_crashed"]
        assert crashed == []
    return outcome


@asynccontextmanager
async def _kept(world: World, file: Path) -> AsyncIterator[None]:
    """Write the log down, however it ends."""
    try:
        yield
    finally:
        lines = [json.dumps(line, default=str) + "\n" for line in world.log]
        await asyncio.to_thread(file.write_text, "".join(lines))


async def _serve(world: World, window: Window, outcome: Outcome) -> None:
    """Let a window's faults happen, then end them."""
    struck = {
        ill.name: world.add(ill.make(), *ill.methods, at=at, chance=ill.chance)
        for at, ill in enumerate(window.ills)
        if ill is not None
    }
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.sleep(WINDOW_S))
        if window.event is not None:
            tasks.create_task(happen(world, window.event))
    outcome.windows += 1
    outcome.ills.update({name: rule.hits for name, rule in struck.items()})
    world.calm()


async def happen(world: World, event: str) -> None:
    """Let something happen to the chain; when this returns the chain works again."""
    match event:
        case "no blocks":
            await world.rpc("evm_setAutomine", False)
            await asyncio.sleep(NO_BLOCKS_S)
            await world.rpc("evm_setAutomine", True)
            await world.node.mine()
        case "base fee":
            await world.rpc("anvil_setNextBlockBaseFeePerGas", hex(20 * 10**9))
            await world.node.mine()
        case "pool dropped":
            await world.rpc("evm_setAutomine", False)
            await asyncio.sleep(NO_BLOCKS_S)
            await world.rpc("anvil_dropAllTransactions")
            await world.rpc("evm_setAutomine", True)
        case "foreign transaction":
            confirmed, _ = await world.counts()
            await world.offer(world.foreign(confirmed, gwei=100))
        case "reorg":
            await world.reorganise(2)
        case _:
            raise AssertionError(event)


async def _watch(world: World, outcome: Outcome) -> None:
    while True:
        held = await world.held()
        ages_s = [(now_ms() - (stored_ms(word) or 0)) / 1000 for word in held.values()]
        outcome.oldest_s = max(outcome.oldest_s, *ages_s)
        await asyncio.sleep(SAMPLE_S)


def main() -> int:
    """Run from the command line; 1, and a log, when the chain was too old or ended wrong."""
    parser = argparse.ArgumentParser(description="A relayer under a seeded schedule of faults.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="plumbline-soak-"))
    duration_s = options.minutes * 60
    try:
        outcome = asyncio.run(soak(folder, seed=options.seed, duration_s=duration_s, progress=True))
    except (AssertionError, TimeoutError, PlumblineError) as error:
        sys.stderr.write(f"\nseed {options.seed}: {error!r}; the log is {folder / LOG}\n")
        return 1
    if not outcome.is_fresh:
        sys.stderr.write(f"\n{outcome}\nToo old; the log is {folder / LOG}\n")
        return 1
    shutil.rmtree(folder)
    sys.stdout.write(f"\n{outcome}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
