"""The control socket: how `plumb pause` reaches a process whose bus is in its own memory.

A Unix domain socket of mode 0600 beside the process's other files. Who may connect may control:
the authority is that of the file, so only the process's own user (and root) has it. One request
a connection: a `Control` as one line of JSON; the answer is one line, `{"ok":true}` or
`{"ok":false,"error":"…"}`. With Kafka no socket is needed: controls go over the bus.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
import structlog

from oracle.model.errors import ConfigError, PlumblineError, Rejected, Retryable
from oracle.model.messages import Control

MAX_LINE_BYTES: Final = 8192
MAX_CONNECTIONS: Final = 8
MAX_PATH_BYTES: Final = 107
"""What `sun_path` holds on Linux, without the closing zero."""
READ_S: Final = 5.0

Accept = Callable[[Control], Awaitable[None]]
_log = structlog.get_logger(__name__)


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the process says to a control."""

    ok: bool
    error: str = ""
    retryable: bool = False


_controls = msgspec.json.Decoder(Control)
_answers = msgspec.json.Decoder(Answer)


@asynccontextmanager
async def control_socket(path: Path, accept: Accept) -> AsyncIterator[None]:
    """Listen at `path` while the context lasts; `accept` gets each control that decodes.

    Raises:
        ConfigError: the path is too long, is no socket, or another process listens there.
    """
    listener, inode = _listen(path)
    desk = _Desk(accept)
    server = await asyncio.start_unix_server(desk.serve, sock=listener, limit=MAX_LINE_BYTES)
    try:
        yield
    finally:
        server.close()
        desk.end()
        _remove(path, inode)


async def send_control(path: Path, control: Control, *, timeout_s: float = 10.0) -> None:
    """Give a control to the process that listens at `path`; it is in force when this returns.

    Raises:
        Retryable: nobody listens there or answers in time, or it could not do it now.
        Rejected: the process refused the control.
        ConfigError: this user may not use the socket.
    """
    try:
        async with asyncio.timeout(timeout_s):
            answer = await _ask(path, control)
    except TimeoutError as error:
        raise Retryable(
            f"no answer from {path} in {timeout_s:g} s: the control may or may not be in force; "
            "look at GET /v1/controls"
        ) from error
    except PermissionError as error:
        raise ConfigError(
            f"{path} is another user's: run this as the user that runs plumb"
        ) from error
    except OSError as error:
        raise Retryable(
            f"no plumb listens at {path} ({error.strerror or error}): is it running, and with "
            "this configuration? Processes apart need bus.kind kafka"
        ) from error
    if not answer.ok:
        raise (Retryable if answer.retryable else Rejected)(answer.error)


async def _ask(path: Path, control: Control) -> Answer:
    reader, writer = await asyncio.open_unix_connection(path, limit=MAX_LINE_BYTES)
    try:
        writer.write(msgspec.json.encode(control) + b"\n")
        await writer.drain()
        return _answers.decode(await reader.readline())
    except (msgspec.MsgspecError, ValueError) as error:
        raise Retryable(
            f"{path} answered with something else than plumb: the control may not be in force"
        ) from error
    finally:
        writer.close()


class _Desk:
    """Takes one control a connection, few connections at a time."""

    def __init__(self, accept: Accept) -> None:
        self._accept: Final = accept
        self._serving: Final[set[asyncio.Task[None]]] = set()

    def end(self) -> None:
        for task in self._serving:
            task.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._serving) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._serving.add(task)
        try:
            answer = await self._answer(reader)
            writer.write(msgspec.json.encode(answer) + b"\n")
            async with asyncio.timeout(READ_S):
                await writer.drain()
        except (OSError, TimeoutError) as error:
            _log.warning("control_client_left", error=str(error) or "time is out")
        finally:
            self._serving.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        try:
            async with asyncio.timeout(READ_S):
                line = await reader.readuntil(b"\n")
        except (asyncio.LimitOverrunError, asyncio.IncompleteReadError, TimeoutError):
            return Answer(
                False, f"send one line of at most {MAX_LINE_BYTES} bytes within {READ_S:g} s"
            )
        try:
            control = _controls.decode(line)
        except (msgspec.MsgspecError, ValueError) as error:
            _log.warning("control_refused", error=str(error))
            return Answer(False, f"not a control: {error}")
        try:
            await self._accept(control)
        except PlumblineError as error:
            _log.warning("control_refused", control=control.key, who=control.who, error=str(error))
            return Answer(False, str(error), isinstance(error, Retryable))
        return Answer(True)


def _listen(path: Path) -> tuple[socket.socket, int]:
    """Return the listening socket and its inode."""
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise ConfigError(
            f"control socket path {path} is longer than {MAX_PATH_BYTES} bytes; choose a "
            "shorter folder"
        )
    _clear_left_over(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o177)  # the file is never wider than 0600, not even between bind and chmod
    try:
        listener.bind(str(path))
        listener.listen(MAX_CONNECTIONS)
    except OSError as error:
        listener.close()
        raise ConfigError(f"cannot open control socket {path}: {error.strerror}") from error
    finally:
        os.umask(umask)
    listener.setblocking(False)
    return listener, path.stat().st_ino


def _remove(path: Path, inode: int) -> None:
    """Remove our socket, unless somebody has put another in its place."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_ino == inode:
            path.unlink()


def _clear_left_over(path: Path) -> None:
    """Remove the socket of a process that died; leave one that lives, and what is no socket."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise ConfigError(f"control socket path {path} is a file of something else; move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError as error:
            raise ConfigError(f"cannot use control socket {path}: {error.strerror}") from error
    raise ConfigError(f"another plumb already listens at {path}; stop it, or use another folder")
