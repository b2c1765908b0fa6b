"""Files that survive a power cut whole."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file so that after a power cut it is the old or the new one, and the new one
    once this returns: a rename lasts only when its folder is on disk too.

    Raises:
        OSError: the disk does not take it; the old one is whole.
    """
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
