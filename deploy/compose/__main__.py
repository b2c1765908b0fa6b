"""`python -m deploy.compose STEP`: what compose.yaml runs before and beside the roles."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

from deploy.compose.cluster import make_users
from deploy.compose.sandbox import serve
from deploy.compose.secrets import make_secrets
from oracle.model.errors import PlumblineError

MADE: Final = Path("/made")
CONFIG: Final = Path("/etc/plumbline/config.yaml")
STATE: Final = Path("/var/lib/plumbline")


def main(arguments: list[str]) -> int:
    """Run one step; a mistake is one line."""
    try:
        match arguments:
            case ["secrets", *options] if set(options) <= {"--renew-certificates"}:
                make_secrets(MADE, renew="--renew-certificates" in options)
            case ["cluster"]:
                make_users(CONFIG, MADE)
            case ["sandbox"]:
                asyncio.run(serve(CONFIG, MADE, STATE))
            case _:
                sys.stderr.write("use: secrets [--renew-certificates] | cluster | sandbox\n")
                return 2
    except PlumblineError as error:
        sys.stderr.write(f"{arguments[0]}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
