"""A one-node Kafka broker on 127.0.0.1, to try the distributed roles: `python -m deploy.kafka`."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from deploy.kafka.broker import Broker, archive_classes
from deploy.kafka.jars import fetch_jars
from oracle.model.errors import PlumblineError


def main() -> int:
    """Fetch the jars and, unless told otherwise, run a broker until a signal."""
    parser = argparse.ArgumentParser(prog="python -m deploy.kafka", description=__doc__)
    parser.add_argument("--fetch-only", action="store_true", help="only fetch the jars")
    parser.add_argument("--folder", type=Path, help="keep the broker's data here")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        fetch_jars()
        archive_classes()
        if not chosen.fetch_only:
            with Broker(chosen.folder) as broker:
                sys.stdout.write(f"bootstrap: {broker.bootstrap}\n")
                sys.stdout.flush()
                signal.pause()
    except KeyboardInterrupt:
        return 0
    except PlumblineError as error:
        sys.stderr.write(f"kafka: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
