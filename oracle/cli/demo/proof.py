"""The proof at the story's end: `plumb verify` on what the demo itself has archived."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from oracle.cli.demo.proven import Check, Proven, Source
from oracle.cli.verify import Asked
from oracle.model.errors import PlumblineError

if TYPE_CHECKING:
    from oracle.cli.verify_show import Summary
    from oracle.verify.findings import Finding

LONGEST_S: Final = 60.0
"""A proof takes two seconds on a machine that is not busy."""
TRIES: Final = 20
AGAIN_S: Final = 1.0
"""The archive is some seconds behind the bus: what is not there yet is asked for again."""

Verify = Callable[[Asked, "Callable[[Finding], None]"], "Summary"]
"""Runs all checks, in a thread, and tells each finding as it is made."""


class Proof:
    """Proves one market's mark of one moment; `proven` says how far it is, at any time."""

    def __init__(
        self, verify: Verify, config_file: Path, *, tries: int = TRIES, again_s: float = AGAIN_S
    ) -> None:
        self._verify, self._config_file = verify, config_file
        self._tries, self._again_s = tries, again_s
        self._asked: Asked | None = None
        self._findings: list[Finding] = []
        self._error = ""
        self.summary: Summary | None = None
        """What all checks came to; None before, or where the report was not found."""

    async def run(self, market: str, at_ms: int) -> None:
        """Run the checks until they are all made, or one says that something differs."""
        self._asked = Asked(market=market, at=iso_ms(at_ms))
        try:
            async with asyncio.timeout(LONGEST_S):
                for number in range(self._tries):
                    await asyncio.sleep(self._again_s if number else 0)
                    if await self._is_told(self._asked):
                        return
        except TimeoutError:
            self._error = self._error or f"it was not done within {LONGEST_S:g} s"

    async def _is_told(self, asked: Asked) -> bool:
        """Run the checks once; return whether to run them again would say the same."""
        findings: list[Finding] = []
        if self.summary is None:
            self._findings = findings  # shown as they are made
        try:
            self.summary = await asyncio.to_thread(self._verify, asked, findings.append)
        except PlumblineError as error:
            self._error = str(error)
            return False
        self._findings, self._error = findings, ""
        return self.summary.verdict != "incomplete"

    def proven(self) -> Proven | None:
        """Return what is known now; None before anything was asked for."""
        if self._asked is None:
            return None
        made = self.summary
        return Proven(
            command=self._command(self._asked),
            market=self._asked.market or "",
            at=self._asked.at or "",
            verdict="unfinished" if made is None else made.verdict,
            error=self._error,
            slot=None if made is None else made.report.get("slot"),
            mark="" if made is None else made.said,
            why="" if made is None or not made.why else made.why[0].sentence(),
            sources=[Source(*said) for said in made.why[0].sources] if made and made.why else [],
            checks=[Check(f.number, f.what, str(f.outcome), f.detail) for f in self._findings],
            seconds=None if made is None else round(made.seconds, 3),
        )

    def _command(self, asked: Asked) -> str:
        here, file = Path.cwd(), self._config_file
        config = file.relative_to(here) if file.is_relative_to(here) else file
        given = ["--market", asked.market or "", "--at", asked.at or "", "-c", str(config)]
        return shlex.join(["plumb", "verify", *given])


def iso_ms(time_ms: int) -> str:
    """Return a unix time in ms as `--at` takes it."""
    whole = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"
