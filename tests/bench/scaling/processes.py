"""Roles as processes of their own, and what /proc and their metrics say of them."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

PLUMB: Final = Path(sys.executable).with_name("plumb")
START_S: Final = 300.0
STOP_S: Final = 60.0


@contextmanager
def running(role: str, config: Path, home: Path, port: int) -> Iterator[int]:
    """Run a role with its metrics on `port`; give its process id."""
    command = [str(PLUMB), role, "-c", str(config), "--state", str(home / role)]
    with (home / f"{role}.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--metrics-port", str(port)], stdout=log, stderr=log, env=os.environ
        )
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(STOP_S)


async def until(port: int, counter: str, least: float) -> None:
    """Wait until a role's counter, over all labels, is `least`."""
    deadline = time.monotonic() + START_S
    while (await total(port, counter)) < least:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{counter} did not reach {least:g} within {START_S:g} s")
        await asyncio.sleep(0.2)


async def total(port: int, counter: str) -> float:
    """Return a counter summed over its labels; -1 while the role does not answer."""
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            text = (await client.get(f"http://127.0.0.1:{port}/metrics", timeout=10)).text
    except httpx.HTTPError:
        return -1.0
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return sum(float(value) for name, _, value in lines if name.partition("{")[0] == counter)


def cpu_s(pid: int) -> float:
    """Return the processor time of a process so far: user and system of /proc/PID/stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    """Return what a process holds in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    listeners = [socket.socket() for _ in range(count)]
    try:
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()
