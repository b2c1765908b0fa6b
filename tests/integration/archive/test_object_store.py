"""The archive on an object store, by the library that the image has: moto's server is the store."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from oracle.archive.store import Store
from oracle.model.errors import Retryable
from tests.integration.keys.kms import use_no_other_credentials


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket, found by the environment alone as in a pod."""
    use_no_other_credentials(monkeypatch)
    S3FileSystem.clear_instance_cache()  # one of an earlier test knows another address
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("NO_PROXY", host)
    with httpx.Client(trust_env=False) as client:
        assert client.put(f"{endpoint}/archive").status_code == 200
    yield "s3://archive/plumbline"
    server.stop()


def test_objects_are_put_found_and_read(url: str) -> None:
    """What is put is listed and read by another reader; what is not there is told."""
    store = Store(url)
    assert store.folders("ticks") == []
    store.put("ticks/day=1/a", b"one")
    store.put("ticks/day=2/b", b"second")
    other = Store(url)
    assert sorted(other.folders("ticks")) == ["day=1", "day=2"]
    assert other.get("ticks/day=1/a") == b"one"
    assert other.size("ticks/day=2/b") == 6
    assert other.get_all(["ticks/day=1/a", "ticks/day=2/b"]) == [b"one", b"second"]
    with other.opened("ticks/day=2/b") as handle:
        assert handle.read() == b"second"
    with pytest.raises(FileNotFoundError):
        other.size("ticks/day=3/c")


def test_a_bucket_that_is_not_there_is_tried_again(url: str) -> None:
    """An archiver waits: it may be made, or the rights given."""
    with pytest.raises(Retryable, match=r"write a.*bucket does not exist"):
        Store(url.replace("//archive", "//other")).put("a", b"one")
