"""The audit's chains on a real broker: restarts, two under one name, a writer that is killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid

import pytest

from deploy.kafka.broker import Broker
from oracle.bus.kafka import KafkaBus
from oracle.cli.audit import check, read
from oracle.node.audit import AuditWriter
from tests.kafka_broker import make_topics

pytestmark = pytest.mark.kafka
ENDLESS = """
import asyncio, itertools, sys
from oracle.bus.kafka import KafkaBus
from oracle.node.audit import AuditWriter

async def main(bootstrap, prefix):
    async with KafkaBus(bootstrap, prefix=prefix) as bus:
        audit = AuditWriter(bus, "cli")
        for at in itertools.count():
            entry = await audit.append(
                time_ns=at, action="pause", subject="x", who="killed", reason=str(at)
            )
            print(entry.sequence, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def _append(audit: AuditWriter, who: str, count: int) -> list[int]:
    return [
        (
            await audit.append(time_ns=at, action="pause", subject="x", who=who, reason="why")
        ).sequence
        for at in range(count)
    ]


async def test_two_processes_under_one_name_and_a_restart_write_one_chain(broker: Broker) -> None:
    """Two people pause at the same moment: every order is in the chain, each at its own place."""
    prefix = f"{uuid.uuid4()}."
    async with (
        KafkaBus(broker.bootstrap, prefix=prefix) as one,
        KafkaBus(broker.bootstrap, prefix=prefix) as two,
    ):
        await make_topics(one)
        places = await asyncio.gather(
            _append(AuditWriter(one, "cli"), "ana", 4), _append(AuditWriter(two, "cli"), "bo", 4)
        )
        assert sorted(places[0] + places[1]) == list(range(8))
        assert await _append(AuditWriter(one, "cli"), "ana", 1) == [8]
        await _append(AuditWriter(two, "other"), "bo", 1)
        chains = check(await read(one))
        assert [(chain.writer, chain.entries, chain.broken) for chain in chains] == [
            ("cli", 9, None),
            ("other", 1, None),
        ]


async def test_a_writer_that_is_killed_leaves_a_chain_to_go_on_with(broker: Broker) -> None:
    """Wherever it was: what it said was written is there, and nothing forks."""
    prefix = f"{uuid.uuid4()}."
    async with KafkaBus(broker.bootstrap, prefix=prefix) as bus:
        await make_topics(bus)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ENDLESS, broker.bootstrap, prefix, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        said = -1
        async with asyncio.timeout(120):
            while said < 5:
                said = int(await process.stdout.readline())
        process.kill()
        said = max([said, *map(int, (await process.stdout.read()).split())])
        await process.wait()
        (place,) = await _append(AuditWriter(bus, "cli"), "ana", 1)
        assert place > said
        (chain,) = check(await read(bus))
        assert (chain.entries, chain.broken) == (place + 1, None)
