"""Write docs/relayer-faults.md from the scenarios, so that no row is untested.

python -m tests.integration.chaos.table [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.integration.chaos.history import HISTORY
from tests.integration.chaos.lies import LIES
from tests.integration.chaos.pool import POOL
from tests.integration.chaos.scenario import Scenario
from tests.integration.chaos.transport import ALONE, BESIDE

FILE = Path(__file__).parents[3] / "docs" / "relayer-faults.md"
SECTIONS = {
    "The only endpoint fails": ALONE,
    "One of several endpoints fails": BESIDE,
    "The transaction does not get into a block": POOL,
    "The chain goes back, clocks differ": HISTORY,
    "A node lies": LIES,
}
HEAD = """\
# What a relayer does about faults

Each row is a scenario of `tests/integration/chaos`: a real node behind a proxy that does this, a
real relayer, prices that move. Each ends with the chain holding the newest mark, with the fault
named in metrics and log, and with nothing dead.

**Named** is the label `fault` of `plumbline_relayer_faults_total` and of the log's event `fault`;
`rpc:` the label `kind` of `plumbline_relayer_rpc_errors_total` and of the event `rpc_failed`;
other names are counters, without their prefix `plumbline_relayer_`.

This page is generated: `python -m tests.integration.chaos.table`. `make soak` mixes the faults of
endpoints and chain at random for as long as you like, from a seed.
"""


def page() -> str:
    """Return the page."""
    return HEAD + "".join(
        f"\n## {title}\n\n| fault | the relayer | named |\n|---|---|---|\n{_rows(scenarios)}"
        for title, scenarios in SECTIONS.items()
    )


def _rows(scenarios: Sequence[Scenario]) -> str:
    return "".join(
        f"| **{scenario.name}**: {scenario.fault} | {scenario.answer} | {_names(scenario)} |\n"
        for scenario in scenarios
    )


def _names(scenario: Scenario) -> str:
    names = (*scenario.faults, *(f"rpc:{kind}" for kind in scenario.kinds), *scenario.counters)
    return ", ".join(f"`{name}`" for name in names)


def main() -> int:
    """Write the page, or say whether it is as it should be."""
    if "--check" not in sys.argv[1:]:
        FILE.write_text(page())
        return 0
    if FILE.exists() and FILE.read_text() == page():
        return 0
    sys.stderr.write(f"{FILE.name} is old; run python -m tests.integration.chaos.table\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
