"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The YAML configuration file.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        help="Folder of the control socket and the signing journal; by default `state` beside "
        "the configuration.",
        show_default=False,
    ),
]


def state_folder(config: Path, state: Path | None) -> Path:
    """Return the state folder, made if need be, for this user only."""
    folder = state or config.parent / "state"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
