"""Runs what blocks in threads, few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

Answer = TypeVar("Answer")


class Turns:
    """So many calls run at once; the others wait, and whoever waits no more is passed over.

    In threads of its own: in those that the process shares, askers would hold up its signing.
    """

    def __init__(self, at_once: int) -> None:
        self._threads: Final = ThreadPoolExecutor(at_once, thread_name_prefix="asked")

    async def run(self, call: Callable[[], Answer]) -> Answer:
        """Return what `call` does, once it is its turn; begun, it keeps its place until done."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)
