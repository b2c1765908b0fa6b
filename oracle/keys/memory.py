"""Keep a process that holds a key from being read by others of its user, or dumped to disk."""

from __future__ import annotations

import ctypes
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4
_libc: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def forbid_dumps() -> None:
    """From now on no core file, and (on Linux) no ptrace, /proc/PID/mem or environ but by root.

    The limit alone is not enough: the kernel does not ask it when a pipe takes the core.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    if _libc is not None:
        _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
