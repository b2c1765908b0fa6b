"""The bytes of a recorded file, inflated by the ending of its name; and how much of it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from oracle.model.errors import ConfigError

COMPRESSIONS: Final = {".gz": "gzip", ".zst": "zstd", ".lz4": "lz4"}
"""What pyarrow calls the compression of a file that ends so."""


class InputFile:
    """A file that is read once from its beginning; `consumed_bytes` says how far.

    Raises:
        ConfigError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self.consumed_bytes = 0
        try:
            self.size_bytes: Final = path.stat().st_size
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error.strerror}") from error

    @contextmanager
    def opened(self) -> Iterator[tuple[Any, Any]]:
        """Open the file: as it is, for its position, and inflated, for its content."""
        with pa.OSFile(str(self.path)) as raw:
            compression = COMPRESSIONS.get(self.path.suffix.lower())
            yield raw, pa.CompressedInputStream(raw, compression) if compression else raw

    @contextmanager
    def read_errors(self) -> Iterator[None]:
        """Say what is wrong with the file in one line.

        Raises:
            ConfigError: it turned out unreadable or damaged.
        """
        try:
            yield
        except (pa.ArrowException, OSError) as error:
            raise ConfigError(f"cannot read {self.path}: {' '.join(str(error).split())}") from error
