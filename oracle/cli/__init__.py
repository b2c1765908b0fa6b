"""The `plumb` command: the composition root, and the only place that imports feeds and relayer."""

from __future__ import annotations

import sys


def main() -> None:
    """Run `plumb`; a mistake of the user's ends in one clear line and an exit code above 0."""
    from oracle.cli.app import app
    from oracle.cli.output import complain
    from oracle.model.errors import PlumblineError

    try:
        app(prog_name="plumb")
    except PlumblineError as error:
        complain(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
