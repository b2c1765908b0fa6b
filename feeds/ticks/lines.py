"""Open a text file of messages, one a line, as a stream of batches of lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from feeds.ticks.files import COMPRESSIONS, InputFile
from oracle.model.errors import ConfigError

_CHUNK_BYTES: Final = 1 << 20
LONGEST_BYTES: Final = 256 << 20
"""A longer message is none."""


class LineFile(InputFile):
    """A text file, plain or compressed; a `.json` file is one message whatever its lines.

    Raises:
        ConfigError: unreadable, damaged, or without an end of line for too long.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        name = path.name.lower()
        for ending in COMPRESSIONS:
            name = name.removesuffix(ending)
        self._whole: Final = name.endswith(".json")

    def __iter__(self) -> Iterator[list[bytes]]:
        with self.read_errors(), self.opened() as (raw, inflated):
            for lines in self._whole_file(inflated) if self._whole else self._lines(inflated):
                self.consumed_bytes = raw.tell()
                yield [line for line in lines if line.strip()]
        self.consumed_bytes = self.size_bytes

    def _lines(self, inflated: Any) -> Iterator[list[bytes]]:
        rest: list[bytes] = []
        while chunk := inflated.read(_CHUNK_BYTES):
            head, newline, tail = chunk.rpartition(b"\n")
            if newline:
                yield b"".join([*rest, head]).split(b"\n")
                rest = []
            rest.append(tail)
            self._bound(sum(map(len, rest)))
        yield [b"".join(rest)]

    def _whole_file(self, inflated: Any) -> Iterator[list[bytes]]:
        content: bytes = inflated.read(LONGEST_BYTES + 1)
        self._bound(len(content))
        yield [content]

    def _bound(self, length: int) -> None:
        if length > LONGEST_BYTES:
            raise ConfigError(
                f"{self.path} has a message of more than {LONGEST_BYTES >> 20} MiB: it is no "
                "file of one message a line"
            )
