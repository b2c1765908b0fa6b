"""The control socket: real Unix sockets, its rights, and everything but a control."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from oracle.bus.interface import Start
from oracle.bus.memory import MemoryBus
from oracle.model.errors import ConfigError, Rejected, Retryable
from oracle.model.messages import Control
from oracle.model.topics import Topic
from oracle.node.audit import AuditWriter
from oracle.node.control_socket import MAX_LINE_BYTES, control_socket, send_control
from oracle.node.controls import KnownSubjects, accepting

NOW_NS = 1_790_000_000 * 10**9
PAUSE = Control("market", "BTC-USD", True, "ana", "wicks", NOW_NS, NOW_NS + 10**9)


class Taken:
    """Keeps the controls it accepts."""

    def __init__(self) -> None:
        self.controls: list[Control] = []

    async def __call__(self, control: Control) -> None:
        self.controls.append(control)


@pytest.fixture
async def taken(tmp_path: Path) -> AsyncIterator[Taken]:
    """Listen at `control.sock` of the test's folder."""
    desk = Taken()
    async with control_socket(tmp_path / "control.sock", desk):
        yield desk


async def ask(path: Path, sent: bytes) -> dict[str, object]:
    """Send bytes and return the decoded answer."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(sent)
    writer.write_eof()
    answer: dict[str, object] = msgspec.json.decode(await asyncio.wait_for(reader.read(), 10))
    writer.close()
    return answer


async def test_a_control_arrives_whole(tmp_path: Path, taken: Taken) -> None:
    """What is sent is what the process accepts."""
    await send_control(tmp_path / "control.sock", PAUSE)
    assert taken.controls == [PAUSE]


async def test_only_the_owner_may_use_the_socket(tmp_path: Path, taken: Taken) -> None:
    """The file has mode 0600: its rights are the authority."""
    mode = (tmp_path / "control.sock").stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xfe\x00\n",
        b"{}\n",
        b'["market","BTC-USD",1,"ana","why",1,2]\n',
        msgspec.json.encode(PAUSE),
        b"[" * 4000 + b"\n",
        b"x" * (2 * MAX_LINE_BYTES) + b"\n",
    ],
    ids=["nothing", "empty", "http", "binary", "object", "type", "no-newline", "deep", "long"],
)
async def test_garbage_gets_an_error_and_harms_nobody(
    tmp_path: Path, taken: Taken, sent: bytes
) -> None:
    """Bytes that are no control are answered, and the next control is taken."""
    path = tmp_path / "control.sock"
    answer = await ask(path, sent)
    assert answer["ok"] is False
    assert answer["error"]
    await send_control(path, PAUSE)
    assert taken.controls == [PAUSE]


async def test_a_refusal_reaches_the_operator(tmp_path: Path) -> None:
    """The process checks against its own configuration and says what it knows."""
    bus = MemoryBus()
    known = KnownSubjects(frozenset(), frozenset({"ETH-USD"}))
    accept = accepting(bus, AuditWriter(bus, "node"), known, lambda: NOW_NS)
    async with control_socket(tmp_path / "control.sock", accept):
        with pytest.raises(Rejected, match="no market 'BTC-USD' in the configuration"):
            await send_control(tmp_path / "control.sock", PAUSE)


async def test_over_a_replay_an_order_goes_by_the_recorded_clock() -> None:
    """A pause lasts its length of recorded time; before the first tick there is no time to give."""
    bus, recorded_ns = MemoryBus(), [0]
    known = KnownSubjects(frozenset(), frozenset({"BTC-USD"}))
    audit = AuditWriter(bus, "node")
    accept = accepting(bus, audit, known, lambda: recorded_ns[0], lambda: NOW_NS)
    with pytest.raises(Retryable, match="the replay has not begun"):
        await accept(PAUSE)
    recorded_ns[0] = 1_000
    await accept(PAUSE)
    async with bus.subscribe(Topic.CONTROLS, start=Start.EARLIEST) as reader:
        (record,) = await reader.take()
    assert (record.message.issued_ns, record.message.until_ns) == (1_000, 1_000 + 10**9)


async def test_nobody_listening_is_said_with_what_to_do(tmp_path: Path) -> None:
    """Without a running process the command fails in one line."""
    with pytest.raises(Retryable, match=r"no plumb listens at .*kafka"):
        await send_control(tmp_path / "control.sock", PAUSE)


async def test_the_socket_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    """A file left by a crash does not keep the next process from starting."""
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    desk = Taken()
    async with control_socket(path, desk):
        await send_control(path, PAUSE)
    assert desk.controls == [PAUSE]
    assert not path.exists()


async def test_a_living_process_keeps_its_socket(tmp_path: Path, taken: Taken) -> None:
    """A second process with the same folder is told so, and the first goes on."""
    path = tmp_path / "control.sock"
    with pytest.raises(ConfigError, match="another plumb already listens"):
        async with control_socket(path, Taken()):
            pass
    await send_control(path, PAUSE)
    assert taken.controls == [PAUSE]


async def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """The path of an ordinary file is refused, and the file keeps its content."""
    path = tmp_path / "control.sock"
    path.write_text("keep me")
    with pytest.raises(ConfigError, match="is a file of something else"):
        async with control_socket(path, Taken()):
            pass
    assert path.read_text() == "keep me"


async def test_a_path_too_long_for_the_system_is_named(tmp_path: Path) -> None:
    """The system's limit is said before it bites."""
    with pytest.raises(ConfigError, match="longer than 107 bytes"):
        async with control_socket(tmp_path / ("x" * 120), Taken()):
            pass
