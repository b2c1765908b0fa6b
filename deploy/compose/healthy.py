"""`python -m deploy.compose.healthy [URL]`: exit code 0 if it answers 200, as a health check."""

from __future__ import annotations

import sys
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

READY: Final = "http://127.0.0.1:9464/ready"
_TIMEOUT_S: Final = 4.0
_SHOWN: Final = 500


def main(url: str) -> int:
    """Ask; say what it answers if that is not 200."""
    try:
        with urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - our own process
            return 0 if answer.status == 200 else 1
    except URLError as error:
        body = error.read(_SHOWN).decode(errors="replace") if hasattr(error, "read") else ""
        sys.stderr.write(f"{url}: {error.reason} {body}\n")
    except OSError as error:
        sys.stderr.write(f"{url}: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else READY))
