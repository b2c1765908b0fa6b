"""`plumb verify` on what seven members left behind, and one chain."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner, Result

from oracle.cli.app import app
from tests.integration.verify.world import World


def run(world: World, *arguments: str, archives: bool = True) -> Result:
    """Run the command with member 0's configuration."""
    given = [part for path in world.archives for part in ("--archive", str(path))]
    command = ["verify", "-c", str(world.configs[0]), *arguments, *(given if archives else [])]
    return CliRunner().invoke(app, command, env={"COLUMNS": "300"})


def asked(world: World, *arguments: str, archives: bool = True) -> dict[str, Any]:
    """Run it for JSON."""
    answer: dict[str, Any] = json.loads(run(world, "--json", *arguments, archives=archives).stdout)
    return answer


def test_a_report_is_proven_from_all_archives(world: World):
    """Every check passes, down to marks stepped again, and the exit code says so."""
    answer = run(world, str(world.slot), "--market", "BTC-USD")
    assert answer.exit_code == 0, answer.stdout
