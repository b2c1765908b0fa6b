"""Measures how soon another relayer pushes; `docs/operating-relayers.md` has the figures.

    python -m tests.integration.relayer_sharing.measure --session 6 --times 10

Each time one of two relayers is killed (SIGKILL) or stopped (SIGSTOP), and it is timed until its
chain holds a mark that was signed after that. Chains have blocks of 1 s, reports come each 0.5 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
import tempfile
from pathlib import Path

from deploy.kafka.broker import Broker
from tests.integration.relayer_sharing.world import World


async def measured(bootstrap: str, folder: Path, session_s: float, times: int) -> dict[str, object]:
    """Return the seconds that each fault cost, in the order they were measured."""
    took_s: dict[str, list[float]] = {"SIGKILL": [], "SIGSTOP": []}
    async with World.opened(folder, bootstrap, session_s) as world:
        a, b = await world.relayer("a"), await world.relayer("b")
        a.start()
        b.start()
        async with world.reporting():
            for turn in range(times):
                chain = ("alpha", "beta")[turn % 2]
                for fault in (signal.SIGKILL, signal.SIGSTOP):
                    owners = await world.shared(a, b)
                    for name, owner in owners.items():
                        await world.sends(owner, name)
                    hit = owners[chain]
                    if fault is signal.SIGKILL:
                        hit.end(fault)
                    else:
                        hit.send(fault)
                    took_s[fault.name].append(round(await world.updated(chain), 2))
                    if fault is signal.SIGKILL:
                        hit.start()
                    else:
                        hit.send(signal.SIGCONT)
        useless = [
            await site.useless({r.name: r.wallets[name] for r in (a, b)})
            for name, site in world.sites.items()
        ]
    return {"session_s": session_s, "took_s": took_s, "updates_for_nothing": sum(map(len, useless))}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--session", type=float, default=6.0)
    parser.add_argument("--times", type=int, default=10)
    given = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, Broker() as broker:
        found = asyncio.run(measured(broker.bootstrap, Path(folder), given.session, given.times))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
