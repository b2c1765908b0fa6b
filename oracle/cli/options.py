"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oracle.model.errors import ConfigError

ConfigOption = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        envvar="PLUMBLINE_CONFIG",
        help="The YAML configuration file.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        envvar="PLUMBLINE_STATE",
        help="Folder of the control socket, the orders, the audit and the signing journal; by "
        "default `state` beside the configuration.",
        show_default=False,
    ),
]


def state_folder(config: Path, state: Path | None) -> Path:
    """Return the state folder, made if need be, for this user only."""
    return made_folder(state or config.parent / "state", mode=0o700)


def made_folder(folder: Path, mode: int = 0o777) -> Path:
    """Return a folder, made if need be.

    Raises:
        ConfigError: it cannot be made.
    """
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make folder {folder}: {error.strerror}") from error
    return folder
