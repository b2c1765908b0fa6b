"""The machine code of a step is the Python one reads, to the last bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import tests
from tests.unit.engine.varied import digest


def test_interpreted_and_compiled_give_the_same_bytes():
    """Nothing is fused or re-associated: marks and state are the same without the compiler."""
    made = subprocess.run(
        [sys.executable, "-m", "tests.unit.engine.varied"],
        cwd=Path(tests.__file__).parents[1],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-2_000:]
    assert made.stdout.strip() == digest()
