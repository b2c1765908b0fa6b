"""Keys with a remote signer over HTTP and TLS: asked, verified, and never waited for too long."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from eth_hash.auto import keccak
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from oracle.config.keys import KeyConfig
from oracle.keys.metrics import KeyMetrics
from oracle.keys.opening import open_signer
from oracle.keys.signer import LocalSigner
from oracle.model.errors import ConfigError, Retryable
from oracle.report.signature import recover
from tests.integration.keys.certificates import Authority
from tests.integration.keys.web3signer import Web3SignerStandIn


def _config(remote: Web3SignerStandIn, **more: Any) -> KeyConfig:
    section = {"url": remote.url, "address": remote.address(), "timeout": "30s"}
    return KeyConfig.model_validate({"remote": section | more})


@pytest.mark.parametrize("high", [False, True])
async def test_it_signs_the_message_it_is_given(
    remote: Web3SignerStandIn, key_metrics: KeyMetrics, high: bool
):
    """The signer gets the message whole, and its signature is that of a local key."""
    remote.high = high
    signer = open_signer(_config(remote), key_metrics)
    message = b"\x19\x01" + bytes(64)
    assert await signer.sign(message) == await LocalSigner(remote.secrets[0]).sign(message)
    assert remote.asked == [message]
    await signer.aclose()


async def test_one_signer_holds_several_keys(remote: Web3SignerStandIn, key_metrics: KeyMetrics):
    """Each address gets its own key's signatures, concurrently."""
    both = [open_signer(_config(remote, address=remote.address(at)), key_metrics) for at in (0, 1)]
    made = await asyncio.gather(*(signer.sign(b"message") for signer in both))
    assert [recover(keccak(b"message"), one) for one in made] == [one.address for one in both]
    for signer in both:
        await signer.aclose()


@pytest.mark.parametrize(
    ("fault", "error", "text"),
    [
        ("broken", Retryable, "HTTP 500"),
        ("garbage", Retryable, "no signature of 65 bytes"),
        ("flood", Retryable, "more than 1048576 bytes"),
        ("elsewhere", Retryable, "HTTP 307"),
        ("empty", Retryable, "no signature of 65 bytes"),
        ("no list", Retryable, "no list of public keys"),
        ("reloading", ConfigError, "holds 0 keys, none of"),
        ("other key listed", ConfigError, "holds 1 keys, none of"),
        ("garbled", ConfigError, "a signature came that is not by"),
        ("zeros", ConfigError, "a signature came that is not by"),
        ("other key", ConfigError, "a signature came that is not by"),
        ("other data", ConfigError, "signs something else"),
    ],
)
async def test_what_it_answers_wrongly_is_refused(
    remote: Web3SignerStandIn, key_metrics: KeyMetrics, fault: str, error: type, text: str
):
    """No answer gets through that is not the key's signature of the message."""
    remote.fault = fault
    signer = open_signer(_config(remote), key_metrics)
    with pytest.raises(error, match=text):
        await signer.sign(b"message")
    remote.fault = ""
    assert await signer.sign(b"message")
    await signer.aclose()


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("broken", "failed"),
        ("empty", "failed"),
        ("no list", "failed"),
        ("reloading", "wrong_key"),
        ("other key listed", "wrong_key"),
        ("garbled", "wrong_key"),
        ("zeros", "wrong_key"),
        ("other key", "wrong_key"),
        ("other data", "wrong_key"),
    ],
)
async def test_after_its_first_signature_no_answer_ends_us(
    remote: Web3SignerStandIn, fault: str, outcome: str
):
    """Well, then wrong for a while, then well: Retryable, counted, logged on change, and over."""
    registry = CollectorRegistry()
    signer = open_signer(_config(remote), KeyMetrics(registry))
    labels = {"address": remote.address(), "holder": "remote"}
    with capture_logs() as logs:
        assert await signer.sign(b"before")
        remote.fault = fault
        for _ in range(4):  # where the signer is told that the key is gone, it lists keys again
            with pytest.raises(Retryable):
                await signer.sign(b"meanwhile")
        assert registry.get_sample_value("plumbline_key_failing", labels) == 1
        remote.fault = ""
        assert await signer.sign(b"after") == await LocalSigner(remote.secrets[0]).sign(b"after")
    assert registry.get_sample_value("plumbline_key_failing", labels) == 0
    counted = labels | {"outcome": outcome}
    assert (registry.get_sample_value("plumbline_key_signatures_total", counted) or 0) >= 3
    said = [entry["event"] for entry in logs]
    assert said[-1] == "key_holder_signs_again"
    assert 1 <= said.count("key_holder_fails") <= 2, logs
    await signer.aclose()


async def test_a_signer_that_hangs_is_given_up(remote: Web3SignerStandIn, key_metrics: KeyMetrics):
    """After its own time, while another key of the same signer goes on."""
    hanging = open_signer(_config(remote, timeout="300ms"), key_metrics)
    assert await hanging.sign(b"message")
    remote.fault = "hang"
    with pytest.raises(Retryable, match=r"no signature in 0\.3 s|ReadTimeout"):
        await hanging.sign(b"message")
    await hanging.aclose()


async def test_an_address_it_does_not_hold(remote: Web3SignerStandIn, key_metrics: KeyMetrics):
    """The configuration names a key that is not loaded there."""
    signer = open_signer(_config(remote, address="0x" + "22" * 20), key_metrics)
    with pytest.raises(ConfigError, match="holds 2 keys, none of 0x2222"):
        await signer.sign(b"message")
    await signer.aclose()


async def test_a_key_that_is_unloaded_and_loaded_again(
    remote: Web3SignerStandIn, key_metrics: KeyMetrics
):
    """No restart is needed."""
    signer = open_signer(_config(remote), key_metrics)
    assert await signer.sign(b"message")
    remote.fault = "unloaded"
    with pytest.raises(Retryable, match="HTTP 404"):
        await signer.sign(b"message")
    remote.fault = ""
    assert await signer.sign(b"message")
    await signer.aclose()


async def test_a_token_is_sent_and_may_be_replaced(
    remote: Web3SignerStandIn, key_metrics: KeyMetrics, tmp_path: Path
):
    """The file is read for each request."""
    remote.token = "second-token"
    file = tmp_path / "token"
    file.write_text("first-token\n")
    signer = open_signer(_config(remote, token_file=file), key_metrics)
    with pytest.raises(Retryable, match="HTTP 401"):
        await signer.sign(b"message")
    file.unlink()
    with pytest.raises(Retryable, match="cannot read token file"):
        await signer.sign(b"message")
    file.write_text("second-token\n")
    assert await signer.sign(b"message")
    await signer.aclose()


@pytest.mark.parametrize("content", [b"", b"two\nlines", b"\xff\xfe", b"a\r\nHost: evil"])
async def test_what_is_no_token(
    remote: Web3SignerStandIn, key_metrics: KeyMetrics, tmp_path: Path, content: bytes
):
    """Nothing that could add a header goes into one; it is said at the start."""
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(ConfigError, match="one line of printable characters"):
        open_signer(_config(remote, token_file=tmp_path / "token"), key_metrics)


async def test_mutual_tls(key_metrics: KeyMetrics, tmp_path: Path):
    """Our certificate is asked for and shown; a signer of another authority is not believed."""
    authority, stranger = Authority.made(tmp_path / "ours"), Authority.made(tmp_path / "theirs")
    server, client = authority.issue("server"), authority.issue("client")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.file)
    context.load_cert_chain(server.file, server.key_file)
    context.verify_mode = ssl.CERT_REQUIRED
    async with Web3SignerStandIn.serving([bytes(31) + b"\x07"], context) as remote:
        files = {
            "ca_file": authority.file,
            "cert_file": client.file,
            "cert_key_file": client.key_file,
        }
        shown = open_signer(_config(remote, **files), key_metrics)
        assert await shown.sign(b"message")
        await shown.aclose()
        for wrong in ({"ca_file": authority.file}, files | {"ca_file": stranger.file}):
            refused = open_signer(_config(remote, **wrong), key_metrics)
            with pytest.raises(Retryable, match="Error"):
                await refused.sign(b"message")
            await refused.aclose()


async def test_certificates_that_cannot_be_read(
    remote: Web3SignerStandIn, key_metrics: KeyMetrics, tmp_path: Path
):
    """A missing file is said at the start, by its path."""
    config = _config(remote, url="https://127.0.0.1:1", ca_file=tmp_path / "none.pem")
    with pytest.raises(ConfigError, match=r"none\.pem"):
        open_signer(config, key_metrics)
