"""One anvil node on 127.0.0.1 that never outlives us."""

from __future__ import annotations

import asyncio
import ctypes
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from aiohttp import ClientError
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.types import RPCEndpoint

from oracle.model.errors import ConfigError, Retryable

EVM: Final = Path(__file__).parents[3] / "contracts/evm"
START_TIMEOUT_S: Final = 120.0
STOP_TIMEOUT_S: Final = 10.0
REQUEST_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.02
_PR_SET_PDEATHSIG: Final = 1
_WEI: Final = 10**18


class SandboxChain:
    """An anvil node; use as `async with`.

    A block comes every `block_time_s`, or with every transaction when that is None. The node is
    killed with its parent process, whatever ends that. `folder` takes its log and state (a
    temporary one when None). Chain time begins at `start_s` (unix seconds), by default now. We
    speak to it by 127.0.0.1, whatever `host` it listens on.
    """

    def __init__(
        self,
        chain_id: int,
        *,
        name: str = "anvil",
        block_time_s: float | None = None,
        port: int | None = None,
        folder: Path | None = None,
        start_s: int | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.chain_id: Final = chain_id
        self.name: Final = name
        self.block_time_s = block_time_s
        self.port: Final = _free_port() if port is None else port
        self._start_s: Final = start_s
        self._host: Final = host
        self._temporary: Final = folder is None
        self._folder: Final = folder or Path(tempfile.mkdtemp(prefix="plumbline-chain-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._advanced_s = 0
        self.w3: Final = AsyncWeb3(
            AsyncHTTPProvider(
                self.rpc_url,
                request_kwargs={"timeout": REQUEST_TIMEOUT_S},
                exception_retry_configuration=None,
            )
        )

    @property
    def rpc_url(self) -> str:
        """The address for clients."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_file(self) -> Path:
        """Where the node writes its log."""
        return self._folder / f"{self.name}.log"

    async def __aenter__(self) -> Self:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            await self.start()
        except BaseException:
            await self._clean()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._clean()

    async def start(self) -> None:
        """Start the node, with the state of an ordered stop before, and wait until it answers.

        Raises:
            ConfigError: there is no anvil, or it ended at once (a port in use).
            Retryable: it does not answer within the bound.
        """
        if self._process is not None:
            return
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220,S603 - returns at once; own arguments
                [anvil(), *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, no allocation
            )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._wait_until_it_answers(self._process)
        except TimeoutError as error:
            self.kill()
            raise Retryable(
                f"anvil does not answer on {self.rpc_url} after {START_TIMEOUT_S:.0f} s; "
                f"its log is {self.log_file}"
            ) from error
        if self._advanced_s:  # anvil forgets it, and its time would go back
            await self._call("evm_increaseTime", self._advanced_s)

    async def stop(self) -> None:
        """End the node in order; `start` continues from its state."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        self._process = None

    def kill(self) -> None:
        """End the node at once, as a crash does: what the last ordered stop left is its state."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def restart(self) -> None:
        """Stop in order and start with the same state and port."""
        await self.stop()
        await self.start()

    def freeze(self) -> None:
        """Let the node accept connections and answer nothing, until `thaw`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """End `freeze`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    async def account(self, ether: int = 1000) -> LocalAccount:
        """Make a random account that owns `ether`."""
        account: LocalAccount = Account.create()
        await self.fund(account.address, ether)
        return account

    async def fund(self, address: str, ether: int) -> None:
        """Set the balance of `address`."""
        await self._call("anvil_setBalance", address, hex(ether * _WEI))

    async def mine(self, blocks: int = 1, *, interval_s: int = 0) -> None:
        """Mine now; with `interval_s`, let so much chain time pass between blocks."""
        await self._call("anvil_mine", hex(blocks), hex(interval_s))

    async def mine_every(self, seconds: float) -> None:
        """From now on mine a block every whole number of `seconds`, with transactions or not.

        A chain that mined with every transaction until here deploys fast and then keeps time.
        """
        if seconds < 1 or seconds % 1:
            raise ConfigError(
                f"cannot change to a block every {seconds} s: whole seconds only; give a shorter "
                "block_time_s when the chain starts"
            )
        await self._call("evm_setIntervalMining", int(seconds))
        self.block_time_s = seconds

    async def advance(self, seconds: int) -> None:
        """Let chain time pass, and mine a block then."""
        await self._call("evm_increaseTime", seconds)
        self._advanced_s += seconds
        await self.mine()

    async def rollback(self, blocks: int) -> None:
        """Forget the newest blocks, as a node that falls back does."""
        await self._call("anvil_rollback", blocks)

    async def advance_to(self, unix_s: int) -> None:
        """Mine a block at `unix_s`, unless chain time is there already."""
        newest = await self.w3.eth.get_block("latest")
        if unix_s > newest["timestamp"]:
            await self._call("evm_setNextBlockTimestamp", unix_s)
            await self.mine()

    async def _call(self, method: str, *arguments: object) -> None:
        response = await self.w3.provider.make_request(RPCEndpoint(method), list(arguments))
        if "error" in response:
            raise Retryable(f"{method} on {self.name}: {response['error']}")

    async def _clean(self) -> None:
        await self.stop()
        await self.w3.provider.disconnect()
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _arguments(self) -> list[str]:
        # Accounts of anvil's public test mnemonic would be anybody's: there are none.
        arguments = ["--host", self._host, "--port", str(self.port), "--accounts", "0"]
        arguments += ["--chain-id", str(self.chain_id), "--state", str(self._folder / "state.json")]
        if self.block_time_s is not None:
            arguments += ["--block-time", str(self.block_time_s)]
        if self._start_s is not None:
            arguments += ["--timestamp", str(self._start_s)]
        return arguments

    async def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        while True:
            if process.poll() is not None:
                self._process = None
                raise ConfigError(f"anvil did not start on port {self.port}: {self._last_line()}")
            try:
                chain_id = await self.w3.eth.chain_id
            except (ClientError, OSError):
                await asyncio.sleep(_POLL_S)
                continue
            if process.poll() is None and chain_id == self.chain_id:
                return
            # Somebody else's node answers on our port: ours is about to end, saying so.
            await asyncio.sleep(_POLL_S)

    def _last_line(self) -> str:
        lines = self.log_file.read_text(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "no output")


def anvil() -> str:
    """Return the path of anvil: the one that npm installed, else one on PATH.

    Raises:
        ConfigError: there is none.
    """
    installed = EVM / "node_modules/.bin/anvil"
    found = str(installed) if installed.exists() else shutil.which("anvil")
    if found is None:
        raise ConfigError("anvil is not installed; run 'make evm-tools'")
    return found


_libc: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Run in the child: be killed when the parent ends, even when it is killed itself."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
