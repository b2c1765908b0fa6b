"""A server that stands in for AWS KMS on loopback, and credentials for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def use_no_other_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the AWS chain something to find, and nothing of this machine."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "aws-secret-of-the-tests",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


@contextmanager
def serving_kms() -> Iterator[str]:
    """Serve KMS; yield its address. It ends with our end of its input, however we end."""
    command = [sys.executable, "-m", "tests.integration.keys.kms_server"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        assert url, "the stand-in for KMS did not start"
        try:
            yield url
        finally:
            server.kill()
