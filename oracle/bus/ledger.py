"""The in-process bus with a memory: orders and the audit outlive the process, in files.

One file of JSON lines a topic: `controls.jsonl`, `audit.jsonl`. A line has the message's fields
for people, and its bytes (`wire`) for the next start. Everything else on the bus is worth nothing
after a restart: prices come anew.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from oracle.bus.memory import MemoryBus, MemoryShardLog
from oracle.bus.snapshot_file import SnapshotFile
from oracle.model.errors import ConfigError, Retryable, SchemaError
from oracle.model.messages import Message, decode, encode
from oracle.model.topics import Topic

DURABLE: Final = (Topic.CONTROLS, Topic.AUDIT)


class LedgerBus(MemoryBus):
    """A `MemoryBus` that keeps controls and audit in `folder`, and engines' states if wanted.

    Entering it reads the files back; a last line that a crash cut short is dropped.

    Raises:
        ConfigError: a file is damaged elsewhere, or cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        *,
        partitions: Mapping[Topic, int] | None = None,
        engines: bool = True,
    ) -> None:
        super().__init__(partitions=partitions)
        self._engines: Final = folder if engines else None
        self._files: Final = {topic: folder / f"{topic}.jsonl" for topic in DURABLE}
        self._turn: Final = asyncio.Lock()

    async def __aenter__(self) -> Self:
        for topic, file in self._files.items():
            kept = await asyncio.to_thread(_load, topic, file)
            await super().publish(topic, kept)
        return self

    def shard_log(self, shard: int) -> MemoryShardLog:
        """Return the log of one shard."""
        file = None
        if self._engines is not None:
            file = SnapshotFile(self._engines / f"engine.{shard}.snapshot")
        return MemoryShardLog(self, self.logs[Topic.TICKS][shard], shard, file)

    async def publish(self, topic: Topic, messages: Iterable[tuple[str, Message]]) -> None:
        """Append (key, message) pairs; controls and audit once they are on disk.

        Raises:
            Retryable: the disk did not take them; nothing was published.
        """
        if topic not in self._files:
            return await super().publish(topic, messages)
        pairs = list(messages)
        async with self._turn:
            try:
                await asyncio.to_thread(_append, self._files[topic], pairs)
            except OSError as error:
                raise Retryable(f"{self._files[topic]}: {error.strerror}") from error
            return await super().publish(topic, pairs)


def kept(topic: Topic, folder: Path) -> list[Message]:
    """Return what a process keeps in `folder` of a topic; changes nothing, also while it runs.

    Raises:
        ConfigError: there is no such file, it is damaged, or a line says other things for people
            than its bytes do.
    """
    file = folder / f"{topic}.jsonl"
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror}; is --state the folder of that process?"
        ) from error
    whole = data[: data.rfind(b"\n") + 1]  # the last line may be under way
    found = []
    for at, line in enumerate(whole.splitlines(), 1):
        key, message = _read(topic, file, at, line)
        meant = _line(key, message)
        for name, said in json.loads(line).items():
            if name != "wire" and said != meant.get(name):
                raise ConfigError(
                    f"{file} line {at} says {name} {said!r} for people, and {meant.get(name)!r} "
                    "in its bytes: somebody has changed it"
                )
        found.append(message)
    return found


def _append(file: Path, pairs: list[tuple[str, Message]]) -> None:
    """Write all lines or, where the disk does not take them, none: what is next must not follow on
    half a line."""
    rest = b"".join(json.dumps(_line(key, message)).encode() + b"\n" for key, message in pairs)
    with file.open("ab", buffering=0) as ledger:
        whole = ledger.seek(0, os.SEEK_END)
        try:
            while rest:
                rest = rest[ledger.write(rest) :]
            os.fsync(ledger.fileno())
        except OSError:
            ledger.truncate(whole)
            raise


def _line(key: str, message: Message) -> dict[str, Any]:
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    shown = msgspec.to_builtins(fields, builtin_types=(bytes,))
    readable = {n: v.hex() if isinstance(v, bytes) else v for n, v in shown.items()}
    return {"key": key, **readable, "wire": encode(message).hex()}


def _load(topic: Topic, file: Path) -> list[tuple[str, Message]]:
    """Read a file back; controls keep the last of each key, and their file is rewritten so."""
    try:
        data = file.read_bytes() if file.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        pairs = [_read(topic, file, at, line) for at, line in enumerate(whole.splitlines(), 1)]
        if topic is Topic.CONTROLS:
            pairs = list(dict(pairs).items())
        if data != whole or topic is Topic.CONTROLS:
            part = file.with_suffix(".part")
            part.unlink(missing_ok=True)
            _append(part, pairs)
            part.replace(file)
    except OSError as error:
        raise ConfigError(f"{file} cannot be used: {error.strerror}") from error
    return pairs


def _read(topic: Topic, file: Path, at: int, line: bytes) -> tuple[str, Message]:
    try:
        content = json.loads(line)
        return str(content["key"]), decode(topic, bytes.fromhex(content["wire"]))
    except (ValueError, KeyError, TypeError, SchemaError) as error:
        raise ConfigError(
            f"{file} line {at} is damaged ({error}): restore it from a backup, or move it away and "
            "give the orders that must hold again"
        ) from error
