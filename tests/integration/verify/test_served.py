"""The same proof from members' APIs: nobody needs a copy of an archive to check a report."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from oracle.api import problems
from oracle.api.proofs import Lending, router
from oracle.archive.served import ServedArchive
from oracle.archive.store import Store
from oracle.cli.app import app
from oracle.listening import Keys, serving
from tests.integration.verify.test_command import heard
from tests.integration.verify.world import World

WEEK_NS = 7 * 24 * 3600 * 10**9
DEADLINE_S = 60.0


def lent(folder: Path) -> FastAPI:
    """Return an application that serves an archive."""
    made = FastAPI()
    problems.install(made)
    made.include_router(router)
    made.state.lending = Lending(
        ServedArchive(Store(str(folder)), WEEK_NS), 10**9, CollectorRegistry(), timeout_s=DEADLINE_S
    )
    return made


@contextmanager
def served(folders: Sequence[Path]) -> Iterator[list[str]]:
    """Serve archives from a thread of their own, as members do; give their URLs."""
    urls: list[str] = []
    begun, ended = threading.Event(), threading.Event()

    async def serve() -> None:
        async with AsyncExitStack() as servers:
            for folder in folders:
                at = serving(lent(folder), "127.0.0.1", 0, Keys("host", "port"))
                urls.append((await servers.enter_async_context(at)).url)
            begun.set()
            await asyncio.to_thread(ended.wait)

    running = threading.Thread(target=lambda: asyncio.run(serve()))
    running.start()
    try:
        assert begun.wait(DEADLINE_S)
        yield urls
    finally:
        ended.set()
        running.join()


def test_a_report_is_proven_from_the_members_apis(world: World) -> None:
    """Down to two members' marks stepped again, from their URLs and no file."""
    members = heard(world)[:2]
    with served([world.archives[number] for number in members]) as urls:
        given = [part for url in urls for part in ("--archive", url)]
        given += [part for number in members for part in ("--member", str(number))]
        command = ["verify", "-c", str(world.configs[0]), str(world.slot), *given]
        answer = CliRunner().invoke(app, command, env={"COLUMNS": "300"})
    assert answer.exit_code == 0, answer.stdout
    assert re.search(r"Proven: all \d+ checks passed; not asked for: member \d", answer.stdout)
    for number in members:
        assert f"✓ 6 member {number}: recomputed: " in answer.stdout
