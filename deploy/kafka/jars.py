"""The broker's jars, fetched from Maven once into `libs/`, and how its programs are started.

Beside them is an archive of the classes that a broker loads: with it one starts in half the time.
Java ignores an archive that another Java, or another set of jars, has made.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from oracle.model.errors import ConfigError, Retryable

HERE: Final = Path(__file__).parent
LIBS: Final = HERE / "libs"
CLASSES: Final = LIBS / "classes.jsa"
FETCH_TIMEOUT_S: Final = 300.0


def fetch_jars() -> None:
    """Fetch the broker's jars by Maven, unless they are there.

    Raises:
        ConfigError: no Maven, or it failed.
    """
    if LIBS.is_dir():
        return
    maven = shutil.which("mvn")
    if maven is None:
        raise ConfigError(
            "the Kafka broker's jars need Maven ('mvn' is not on PATH): install Maven, "
            "or set bus.kind: memory"
        )
    partial = LIBS.with_name(f"libs.{os.getpid()}")  # whole or absent, also when two fetch at once
    command = [maven, "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
    run([*command, "-DincludeScope=runtime", f"-DoutputDirectory={partial}"], FETCH_TIMEOUT_S)
    try:
        partial.rename(LIBS)
    except OSError:
        shutil.rmtree(partial)
        if not LIBS.is_dir():
            raise


def java(*options: str) -> list[str]:
    """Return how a program of the jars is started.

    Raises:
        ConfigError: there is no Java.
    """
    found = shutil.which("java")
    if found is None:
        raise ConfigError(
            "the Kafka broker needs Java 17 ('java' is not on PATH): install a Java runtime, "
            "or set bus.kind: memory"
        )
    shared = [f"-XX:SharedArchiveFile={CLASSES}"] if CLASSES.exists() else []
    return [found, *shared, *options, "-cp", f"{LIBS}/*"]


def archiving(partial: Path) -> list[str]:
    """Return the options by which a broker leaves the archive of its classes as it ends."""
    return [f"-XX:ArchiveClassesAtExit={partial}"]


def keep(partial: Path) -> None:
    """Use an archive from now on, if it was written."""
    with contextlib.suppress(FileNotFoundError):
        partial.replace(CLASSES)


def run(command: Sequence[str], timeout_s: float) -> None:
    """Run a program to its end.

    Raises:
        Retryable: it took too long.
        ConfigError: it failed; its last line.
    """
    try:
        done = subprocess.run(  # noqa: S603 - arguments are our own
            command, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Retryable(f"{Path(command[0]).name} took more than {timeout_s:.0f} s") from error
    if done.returncode != 0:
        raise ConfigError(
            f"{Path(command[0]).name} failed with code {done.returncode}: "
            f"{last_line(done.stderr or done.stdout)}"
        )


def last_line(text: str) -> str:
    """Return the last line that is not empty."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no output")
