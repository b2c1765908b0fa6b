"""Run Kafka brokers in folders of their own, on free ports of 127.0.0.1: one, or a cluster."""

from __future__ import annotations

import base64
import contextlib
import random
import resource
import shutil
import signal
import socket
import string
import struct
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from deploy.kafka.jars import CLASSES, HERE, LIBS, archiving, fetch_jars, java, keep, last_line, run
from deploy.kafka.secured import Secured
from oracle.model.errors import ConfigError, Retryable

HEAP: Final = ("-Xmx512m", "-XX:+UseSerialGC")
SMALL: Final = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""For brokers of which a machine has several: they start sooner and are slower."""
START_TIMEOUT_S: Final = 240.0
STOP_TIMEOUT_S: Final = 20.0
_POLL_S: Final = 0.05
_PORTS: Final = range(20_000, 32_768)
"""Below those that Linux gives to outgoing connections."""


class Quorum(NamedTuple):
    """What the brokers of one cluster have in common."""

    cluster_id: str
    controllers: tuple[int, ...]
    """Their ports, by node id from 1."""

    @classmethod
    def of(cls, count: int) -> Quorum:
        """Make one on free ports."""
        name = base64.urlsafe_b64encode(uuid.uuid4().bytes)[:22].decode()
        return cls(name, tuple(_free_ports(count)))

    @property
    def settings(self) -> dict[str, object]:
        """What every broker's file says of the others."""
        return quorum_settings([f"127.0.0.1:{port}" for port in self.controllers])


def quorum_settings(controllers: Sequence[str]) -> dict[str, object]:
    """Return what every broker's file says of the others, whose addresses are by id from 1."""
    count = len(controllers)
    return {
        "voters": ",".join(f"{at}@{address}" for at, address in enumerate(controllers, 1)),
        "replication": min(3, count),
        "min_isr": max(1, min(3, count) - 1),
    }


class Broker:
    """A broker process with its data and log in `folder` (a temporary one when None).

    Use as `with`. `kill` and `restart` are for fault tests: the data and the port stay. `secure`
    has it take clients by TLS and password only. `advertised` is the port that clients are told,
    where something stands between. `options` are Java's.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        secure: Secured | None = None,
        quorum: Quorum | None = None,
        node: int = 1,
        advertised: int | None = None,
        options: Sequence[str] = HEAP,
    ) -> None:
        self._temporary = folder is None
        self._folder: Final = folder or Path(tempfile.gettempdir(), f"plumbline-{uuid.uuid4()}")
        self._secure: Final = secure
        self._quorum: Final = quorum or Quorum.of(1)
        self._node: Final = node
        (self.port,) = _free_ports(1)
        self._advertised: Final = advertised or self.port
        self._options: Final = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address for clients."""
        return f"127.0.0.1:{self._advertised}"

    @property
    def log_file(self) -> Path:
        """Where the broker writes its log."""
        return self._folder / "broker.log"

    def __enter__(self) -> Self:
        self.prepare()
        self.restart()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)

    def prepare(self) -> None:
        """Fetch the jars, and make the folder with its configuration."""
        java()
        fetch_jars()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._format()

    def restart(self) -> None:
        """Start the process on the data it has and wait until it answers.

        Raises:
            ConfigError: it ended at once.
            Retryable: it does not answer within the bound.
        """
        self.start()
        self.wait()

    def start(self) -> None:
        """Start the process on the data it has."""
        self.stop()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - arguments are our own
                [*java(*self._options), "kafka.Kafka", str(self._properties)],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def stop(self) -> None:
        """End the process in order, or by force when it takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End the process at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Have the process stand still with its connections open, as a machine in trouble does."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        self._signal(signal.SIGCONT)

    def fill(self, file_bytes: int) -> None:
        """Have no file of it grow beyond a size from now on: to Kafka the disk is full then.

        A restart is one with space again.
        """
        if self._process is None:
            raise RuntimeError("start the broker first")
        _, most = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (file_bytes, most))

    def ended(self, within_s: float) -> bool:
        """Whether the process ends by itself in that time."""
        if self._process is not None:
            try:
                self._process.wait(within_s)
            except subprocess.TimeoutExpired:
                return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise RuntimeError("start the broker first")
        self._process.send_signal(number)

    @property
    def _properties(self) -> Path:
        return self._folder / "server.properties"

    def _format(self) -> None:
        plain = settings_of(
            self._quorum.settings,
            node=self._node,
            bind="127.0.0.1",
            host="127.0.0.1",
            port=self.port,
            advertised=self._advertised,
            controller_port=self._quorum.controllers[self._node - 1],
            data=self._folder / "data",
            protocol="PLAINTEXT" if self._secure is None else "SASL_SSL",
        )
        more = "" if self._secure is None else self._secure.properties(self._folder)
        self._properties.touch(mode=0o600)
        self._properties.write_text(plain + more)
        run(
            [
                *java(),
                "kafka.tools.StorageTool",
                "format",
                "--ignore-formatted",
                f"--cluster-id={self._quorum.cluster_id}",
                f"--config={self._properties}",
                *([] if self._secure is None else self._secure.format_options()),
            ],
            START_TIMEOUT_S,
        )

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            ConfigError: it ended.
            Retryable: it does not answer within the bound.
        """
        process = self._process
        if process is None:
            raise RuntimeError("start the broker first")
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if process.poll() is not None:
                raise ConfigError(
                    f"the Kafka broker ended with code {process.returncode} (it needs Java 17 or "
                    f"later and 512 MB): {_complaint(self.log_file.read_text(errors='replace'))}"
                )
            if time.monotonic() > deadline:
                raise Retryable(
                    f"the Kafka broker did not answer within {START_TIMEOUT_S:.0f} s; "
                    f"see {self.log_file}"
                )
            time.sleep(_POLL_S)

    def _answers(self) -> bool:
        """Ask for ApiVersions (key 18, version 0, no client id), which every broker answers."""
        request = struct.pack(">hhih", 18, 0, 1, -1)
        try:
            with contextlib.ExitStack() as exits:
                address = ("127.0.0.1", self.port)
                sock = exits.enter_context(socket.create_connection(address, timeout=1.0))
                if self._secure is not None:
                    sock = exits.enter_context(self._secure.context.wrap_socket(sock))
                sock.sendall(struct.pack(">i", len(request)) + request)
                return len(sock.recv(8)) == 8
        except OSError:
            return False


class Cluster:
    """Brokers that are each a controller too, for fault tests; use as `with`.

    Topics on three are written with `acks=all` by two of them at least: any one may be killed.
    """

    def __init__(self, count: int = 3, *, secure: Secured | None = None) -> None:
        quorum = Quorum.of(count)
        self.brokers: Final = [
            Broker(secure=secure, quorum=quorum, node=at + 1, options=SMALL) for at in range(count)
        ]

    @property
    def bootstrap(self) -> str:
        """The addresses of all of them."""
        return ",".join(broker.bootstrap for broker in self.brokers)

    def __enter__(self) -> Self:
        try:
            fetch_jars()
            with ThreadPoolExecutor() as threads:
                list(threads.map(Broker.prepare, self.brokers))
            for broker in self.brokers:
                broker.start()
            for broker in self.brokers:
                broker.wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for broker in self.brokers:
            broker.kill()  # in order they would wait for each other's part of the quorum
        for broker in self.brokers:
            broker.__exit__(kind, error, trace)


def settings_of(quorum: dict[str, object], *, protocol: str, **own: object) -> str:
    """Return a broker's file, with what all of its cluster have and what is its own.

    `advertised` is the port that clients are told, `port` unless it is given.
    """
    template = string.Template((HERE / "server.properties").read_text())
    own = {"advertised": own["port"], **own}
    return template.substitute(quorum, protocol=protocol, controller_protocol=protocol, **own)


def archive_classes() -> None:
    """Leave beside the jars what lets brokers start sooner, unless it is there."""
    partial = LIBS / f"classes.{uuid.uuid4()}"
    if not CLASSES.exists():
        with Broker(options=(*HEAP, *archiving(partial))):
            pass
        keep(partial)


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody has, of those that no connection is given by chance meanwhile."""
    with contextlib.ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            port = random.choice(_PORTS)  # noqa: S311 - nothing depends on who guesses it
            with contextlib.suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                ports.append(port)
        return ports


def _complaint(text: str) -> str:
    """Return what a log ends with: the last of its errors, or else its last line."""
    errors = [line for line in text.splitlines() if " ERROR " in line or " FATAL " in line]
    return last_line("\n".join(errors) or text)
