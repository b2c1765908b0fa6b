"""Run Slither on all of src/ and fail on anything that ignored.toml does not give a reason for.

An entry of ignored.toml that nothing needs any more fails too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
EVM: Final = HERE.parent
OUT: Final = "cache/slither/out"
TIMEOUT_S: Final = 600


def main() -> int:
    """Compile, look, compare; say what is new and what is stale."""
    ignored = tomllib.loads((HERE / "ignored.toml").read_text())["ignored"]
    needed: set[int] = set()
    unexplained = []
    for finding in _findings():
        matches = [at for at, entry in enumerate(ignored) if _covers(entry, finding)]
        needed.update(matches)
        if not matches:
            unexplained.append(finding)
    for finding in unexplained:
        sys.stdout.write(f"{finding['impact']}: {finding['check']}: {_place(finding)}\n")
        sys.stdout.write(f"{finding['description']}\n")
    stale = [entry for at, entry in enumerate(ignored) if at not in needed]
    for entry in stale:
        sys.stdout.write(
            f"ignored.toml: nothing needs {entry['check']} at {entry['at']} any more\n"
        )
    if unexplained or stale:
        sys.stdout.write(
            f"slither: {len(unexplained)} findings, {len(stale)} stale entries; mend them, or give "
            "each finding a reason in contracts/evm/slither/ignored.toml\n"
        )
    return 1 if unexplained or stale else 0


def _findings() -> list[dict[str, Any]]:
    environment = os.environ | {
        "FOUNDRY_PROFILE": "slither",
        "PATH": f"{EVM / 'node_modules/.bin'}{os.pathsep}{os.environ['PATH']}",
    }
    build = ["forge", "build", "--quiet", "--build-info", "--force"]
    build += ["--skip", "./test/**", "./script/**"]
    slither = [str(HERE / ".venv/bin/slither"), ".", "--ignore-compile"]
    slither += ["--filter-paths", "node_modules", "--foundry-out-directory", OUT, "--json", "-"]
    _run(build, environment)
    report = json.loads(_run(slither, environment))
    if not report["success"]:
        raise SystemExit(f"slither failed: {report['error']}")
    seen = {
        _source(element) for one in report["results"]["detectors"] for element in one["elements"]
    }
    if not any(path.endswith("MarkOracle.sol") for path in seen):
        raise SystemExit("slither did not look at MarkOracle.sol; its compilation is not ours")
    findings: list[dict[str, Any]] = report["results"]["detectors"]
    return findings


def _run(command: list[str], environment: dict[str, str]) -> str:
    """Return what the command prints; Slither's exit code only counts findings."""
    done = subprocess.run(  # noqa: S603 - our own arguments
        command,
        cwd=EVM,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if not done.stdout and done.returncode != 0:
        raise SystemExit(f"{command[0]} failed:\n{done.stderr}")
    return done.stdout


def _covers(entry: dict[str, str], finding: dict[str, Any]) -> bool:
    return entry["check"] == finding["check"] and fnmatchcase(_place(finding), entry["at"])


def _place(finding: dict[str, Any]) -> str:
    """Return `Contract.function` or the like of the finding's first element."""
    element = finding["elements"][0]
    names = [element["name"]]
    while "parent" in element.get("type_specific_fields", {}):
        element = element["type_specific_fields"]["parent"]
        names.insert(0, element["name"])
    return ".".join(names)


def _source(element: dict[str, Any]) -> str:
    path: str = element["source_mapping"]["filename_relative"]
    return path


if __name__ == "__main__":
    sys.exit(main())
