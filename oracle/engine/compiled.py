"""Compile the functions of a step to machine code, in their strict meaning.

No re-association, no fused multiply-add, no fast-math: the same bits on every processor. The code
is the Python you read: with `NUMBA_DISABLE_JIT=1` it runs as such, a hundred times slower.

A compiled step is kept under the digest of all sources of the engine: the compiler's own cache
looks only at the file of the function itself, and would run old machine code after a change of what
it calls. It is kept beside the sources, else in the user's cache, else until the process ends: then
it is a copy of what an installation that cannot be written has beside the sources.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryFile, mkdtemp
from typing import Any, Final, TypeVar

import numba
from numba.extending import register_jitable

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: Final[dict[str, Any]] = {
    "error_model": "numpy",  # a division by zero is inf or NaN, not an exception
    "fastmath": False,
    "nogil": True,
    "_nrt": False,  # nothing is allocated in a step, so nothing is counted
}
_INNER: Final[dict[str, Any]] = {
    "forceinline": True,
    "no_cpython_wrapper": True,  # half of the compiler's time
    "no_cfunc_wrapper": True,
    **_OPTIONS,
}


def compiled(function: F) -> F:
    """Compile a part of a step where compiled code calls it; Python that calls it runs Python."""
    made: F = register_jitable(**_INNER)(function)
    return made


def entry(function: F) -> F:
    """Compile a function that Python calls, and keep its machine code."""
    config: Any = numba.config
    given = config.CACHE_DIR
    config.CACHE_DIR = str(_folder(given))
    try:
        made: F = numba.njit(cache=True, **_OPTIONS)(function)
    finally:
        config.CACHE_DIR = given
    return made


@cache
def _folder(given: str) -> Path:
    """Return a folder for this very code that can be written: below `given`, if there is one."""
    for base in (Path(given),) if given else _bases():
        folder = base / _digest()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    made = Path(mkdtemp(prefix="plumbline-"))  # of a name that nobody can prepare
    if (folder := next(_bases()) / _digest()).is_dir():
        copytree(folder, made, dirs_exist_ok=True)  # the compiler reads only where it may write
    return made


def _bases() -> Iterator[Path]:
    yield Path(str(files(__package__))) / "__pycache__"
    with suppress(RuntimeError):  # a user without a home
        yield Path.home() / ".cache" / "plumbline"


def _digest() -> str:
    """Return the digest of every source of this package."""
    found = hashlib.sha256()
    folders = [files(__package__)]
    while folders:
        for item in sorted(folders.pop().iterdir(), key=lambda each: each.name):
            if item.is_dir() and item.name != "__pycache__":
                folders.append(item)
            elif item.name.endswith(".py"):
                found.update(item.name.encode() + item.read_bytes())
    return found.hexdigest()[:16]
