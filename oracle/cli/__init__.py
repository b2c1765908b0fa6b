"""The `plumb` command: the composition root, and the only place that imports feeds and relayer."""

from __future__ import annotations

import sys

_EXTRAS = {"ccxt": "cex", "aiokafka": "kafka", "aiohttp": "sandbox", "botocore": "kms"}
"""Optional libraries, and the extra of the distribution that brings each."""


def main() -> None:
    """Run `plumb`; a mistake of the user's ends in one clear line and an exit code above 0."""
    from oracle.cli.app import app
    from oracle.cli.output import complain
    from oracle.model.errors import ConfigError, PlumblineError

    try:
        app(prog_name="plumb")
    except PlumblineError as error:
        complain(error)
        sys.exit(1)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        complain(ConfigError(f"this needs {error.name}: install 'plumbline-oracle[{extra}]'"))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
