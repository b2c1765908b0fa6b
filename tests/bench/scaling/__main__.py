"""`python -m tests.bench.scaling [--measure | --check]`: write or compare the page's table."""

from __future__ import annotations

import json
import sys

from oracle.cli.output import configure_logging
from tests.bench.scaling.page import FIGURES, FILE, figures, page


def main() -> None:
    """Measure if asked to, then write the table; with --check only compare."""
    configure_logging(quiet=True)
    if "--measure" in sys.argv:
        from tests.bench.scaling.measure import measured

        found = measured(lambda text: sys.stderr.write(text + "\n"))
        FIGURES.write_text(json.dumps(found, indent=1) + "\n")
    made = page(FILE.read_text(), figures())
    if "--check" in sys.argv:
        if made != FILE.read_text():
            sys.exit(f"{FILE} has another table: python -m tests.bench.scaling")
        return
    FILE.write_text(made)


if __name__ == "__main__":
    main()
