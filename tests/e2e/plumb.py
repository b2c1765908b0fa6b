"""Run `plumb` as a user does: another process, its exit code and what it prints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PLUMB = Path(sys.executable).with_name("plumb")
ROOT = Path(__file__).parents[2]


def plumb(
    *arguments: object, timeout_s: float = 300, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run to the end."""
    return subprocess.run(
        [str(PLUMB), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env=os.environ | (env or {}),
        cwd=ROOT,
    )


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that a mistake must end in; fail on anything else."""
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stderr, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("plumb:")]
    assert len(lines) == 1, done.stderr
    return lines[0]
