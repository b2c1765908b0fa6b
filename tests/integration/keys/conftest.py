"""moto's server as AWS KMS, and a signer that speaks Web3Signer's interface."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from prometheus_client import CollectorRegistry

from oracle.keys.metrics import KeyMetrics
from tests.integration.keys.kms import serving_kms, use_no_other_credentials
from tests.integration.keys.web3signer import Web3SignerStandIn


@pytest.fixture
def key_metrics() -> KeyMetrics:
    """Metrics that no other test counts in."""
    return KeyMetrics(CollectorRegistry())


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    use_no_other_credentials(monkeypatch)


@pytest.fixture(scope="session")
def kms() -> Iterator[str]:
    """Serve KMS on loopback to all tests; yield its address."""
    with serving_kms() as url:
        yield url


@pytest.fixture
async def remote() -> AsyncIterator[Web3SignerStandIn]:
    """Serve two keys on loopback."""
    async with Web3SignerStandIn.serving([bytes(31) + b"\x07", bytes(31) + b"\x08"]) as standing_in:
        yield standing_in
