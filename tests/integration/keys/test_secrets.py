"""Keys, passwords and tokens in no output: logs, errors, tracebacks, arguments, dumps."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import resource
import signal
import sys
import urllib.parse
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from oracle.keys.keystore import write_keystore
from oracle.keys.signer import LocalSigner
from tests.integration.keys.web3signer import Web3SignerStandIn

KEY = bytes(range(0xA0, 0xC0))
PASSWORD = "pass-phrase of the keystore 7f"
WRONG = "another pass-phrase 5e"
TOKEN = "token-of-the-remote-signer-3c"
AWS_SECRET = "aws+secret/of/the/tests+91"
PLUMB = [sys.executable, "-c", "from oracle.cli import main; main()"]
ROOT = Path(__file__).parents[3]


def spellings(secret: bytes) -> Iterator[bytes]:
    """Yield a secret as it may be written without being noticed."""
    yield from (secret, secret.hex().encode(), secret.hex().upper().encode())
    yield from (base64.b64encode(secret), base64.urlsafe_b64encode(secret))
    yield urllib.parse.quote_from_bytes(secret).encode()
    yield repr(secret)[2:-1].encode()
    if secret == KEY:
        number = int.from_bytes(secret, "big")
        yield from (str(number).encode(), b", ".join(str(byte).encode() for byte in secret[:8]))


def refuse_secrets(output: bytes) -> None:
    """Fail when any secret is in an output in any spelling."""
    for secret in (KEY, *(text.encode() for text in (PASSWORD, WRONG, TOKEN, AWS_SECRET))):
        for spelling in spellings(secret):
            assert spelling.rstrip(b"=") not in output, output.decode(errors="replace")


def test_the_search_finds_what_it_is_for():
    """Each spelling of each secret is found: the other tests can fail."""
    for secret in (KEY, PASSWORD.encode()):
        for spelling in spellings(secret):
            with pytest.raises(AssertionError):
                refuse_secrets(b"before " + spelling + b" after")


@dataclass
class Place:
    """A folder with a keystore and a configuration whose every key fails in its own way."""

    folder: Path
    remote: Web3SignerStandIn

    async def run(self, *command: str, abort_at: asyncio.Event | None = None) -> bytes:
        """Run a command, perhaps abort it, and return all that it wrote."""
        environment = {
            **os.environ,
            "RIGHT": PASSWORD,
            "WRONG": WRONG,
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONPATH": str(ROOT),
            "PYTHONFAULTHANDLER": "1",
        }
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(120):
            if abort_at is not None:
                await abort_at.wait()
                refuse_secrets(b"\n".join(_arguments()))
                process.send_signal(signal.SIGABRT)  # the fault handler prints every stack
            output, _ = await process.communicate()
        written = [file.read_bytes() for file in self.folder.rglob("*.log")]
        return b"\n".join([output, *written])


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Write the files, and serve the remote signer."""
    keystore = tmp_path / "key.json"
    write_keystore(keystore, KEY, PASSWORD, scrypt_n=2)
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "ticks.csv").write_text(
        "received_ns,event_ns,source,bid,ask,last\n1760000000000000000,1760000000000000000,a:X/USD,,,5\n"
    )
    async with Web3SignerStandIn.serving([KEY, bytes(31) + b"\x07"]) as remote:
        remote.token = TOKEN
        made = Place(tmp_path, remote)
        _write_config(made)
        yield made


def _write_config(place: Place) -> None:
    address = "0x" + LocalSigner(KEY).address.hex()
    chain = {"chain_id": 1, "rpc": ["http://127.0.0.1:1"], "oracle": "0x" + "2" * 40}
    keys = {
        "right": {"keystore": "key.json", "password_env": "RIGHT"},
        "wrong": {"keystore": "key.json", "password_env": "WRONG"},
        "kms": {
            "kms": {
                "key_id": "alias/any",
                "region": "eu-west-1",
                "address": address,
                "endpoint": "http://127.0.0.1:1",
            }
        },
        "remote": {"remote": {"url": place.remote.url, "address": address, "token_file": "token"}},
    }
    config = {
        "deployment": {"network": "t", "home_governor": "0x" + "1" * 40, "nonce": 1},
        "feeds": [{"kind": "replay", "files": ["ticks.csv"]}],
        "defaults": {"min_sources": 1, "min_origins": 1},
        "markets": {"X-USD": {"number": 0, "sources": [{"source": "a:X/USD"}]}},
        "committee": {"epoch": 1, "threshold": 1, "members": [address], "keys": [keys["right"]]},
        "chains": [chain | {"name": name, "key": key} for name, key in keys.items()],
        "api": {"port": 0},
    }
    (place.folder / "config.yaml").write_text(yaml.safe_dump(config))


@pytest.mark.parametrize("fault", ["", "other key"])
async def test_every_key_checked(place: Place, fault: str):
    """The wrong password, a KMS that cannot be reached, and a remote signer's faults: all told."""
    place.remote.fault = fault
    output = await place.run(*PLUMB, "keys", "check", "--config", "config.yaml", "--json")
    refuse_secrets(output)
    rows = {row["for"]: row["error"] for row in json.loads(output)["keys"]}
    assert rows["committee.keys.0"] == ""
    assert "wrong password" in rows["chain wrong"]
    assert "KMS key alias/any" in rows["chain kms"]
    assert bool(rows["chain remote"]) == bool(fault)


@pytest.mark.parametrize("command", ["config check config.yaml", "run --config config.yaml"])
async def test_a_start_with_a_wrong_password(place: Place, command: str):
    """A check and a start say which keystore, and nothing else of it."""
    output = await place.run(*PLUMB, *command.split())
    refuse_secrets(output)
    assert b"wrong password" in output


PROGRAM = """
import asyncio, copy, faulthandler, io, pickle, sys, traceback
from pathlib import Path
import structlog
from prometheus_client import CollectorRegistry, generate_latest
from oracle.cli.output import configure_logging
from oracle.config.load import load
from oracle.keys.metrics import KeyMetrics
from oracle.keys.opening import open_signer

config = load(Path("config.yaml"))
registry = CollectorRegistry()
metrics = KeyMetrics(registry)
signers = {c.name: open_signer(c.key, metrics) for c in config.chains if c.name != "wrong"}
print(config, repr(config), config.model_dump_json())
for chain in config.chains:
    print(chain.key, repr(chain.key), vars(chain.key))

class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True

async def main():
    for as_json, stream in ((True, None), (False, Terminal(sys.stderr.buffer))):
        configure_logging(as_json=as_json, stream=stream)
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(10))
        log = structlog.get_logger()
        for name, signer in signers.items():
            print(signer, repr(signer), vars(signer), signer.__dict__)
            log.debug("signing", signer=signer, key=config.chains[0].key, config=config)
            for message in (b"message", "no bytes", None):
                try:
                    await signer.sign(message)
                except Exception:
                    log.exception("failed", signer=signer)
                    traceback.print_exc()
            for copied in (pickle.dumps, copy.copy, copy.deepcopy):
                try:
                    print(copied(signer))
                except Exception as error:
                    print(error)
asyncio.run(main())
print(generate_latest(registry).decode())
faulthandler.dump_traceback(all_threads=True)
print("reached the end", flush=True)
asyncio.run(signers["right"].sign("no bytes, and nobody catches it"))
"""


async def test_reprs_logs_and_tracebacks(place: Place):
    """Whatever is printed of configurations and signers, at debug, caught or not."""
    place.remote.fault = "broken"
    output = await place.run(sys.executable, "-c", PROGRAM)
    refuse_secrets(output)
    assert b"reached the end" in output
    assert b"Traceback (most recent call last)" in output.split(b"reached the end")[1]
    assert b"LocalSigner(0x" in output


async def test_arguments_and_an_abort_while_a_signature_is_waited_for(place: Place):
    """No option takes a secret, and the stacks of a process that is aborted show none."""
    place.remote.fault = "hang"
    config = place.folder / "config.yaml"
    config.write_text(
        config.read_text().replace("token_file: token", "token_file: token\n      timeout: 30s")
    )
    command = [*PLUMB, "keys", "check", "--config", "config.yaml"]
    output = await place.run(*command, abort_at=place.remote.hanging)
    refuse_secrets(output)
    assert b"Fatal Python error: Aborted" in output


def _arguments() -> Iterator[bytes]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                yield (folder / "cmdline").read_bytes()
            except OSError:
                continue  # it ended


DUMPED = """
import os, signal, sys
from pathlib import Path
from prometheus_client import CollectorRegistry
from oracle.config.keys import KeyConfig
from oracle.keys.metrics import KeyMetrics
from oracle.keys.opening import open_signer
key = KeyConfig(keystore=Path("key.json"), password_env="RIGHT")
signer = open_signer(key, KeyMetrics(CollectorRegistry()))
os.kill(os.getpid(), signal.SIGSEGV)
"""


async def test_a_crash_leaves_no_core(place: Place):
    """With unlimited core files a process with a key dumps none, as the kernel says of its end."""
    assert await asyncio.to_thread(_dumps, place.folder) is False


def _dumps(folder: Path) -> bool:
    """Run the program that crashes; say whether the kernel dumped its memory."""
    child = os.fork()
    if child == 0:
        try:
            most = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.setrlimit(resource.RLIMIT_CORE, (most, most))
            os.chdir(folder)
            environment = {**os.environ, "RIGHT": PASSWORD, "PYTHONPATH": str(ROOT)}
            os.execve(sys.executable, [sys.executable, "-c", DUMPED], environment)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    return os.WCOREDUMP(status)
