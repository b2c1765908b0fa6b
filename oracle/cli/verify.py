"""`plumb verify`: prove a report, what a chain stored of it, and the marks that it is made of."""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from oracle.cli.options import ConfigOption, JsonOption
from oracle.cli.output import bar, complain
from oracle.config.load import load
from oracle.model.errors import ConfigError, PlumblineError

if TYPE_CHECKING:
    from oracle.cli.verify_show import Summary
    from oracle.config.root import Config
    from oracle.verify.findings import Finding
    from oracle.verify.replay import Progress

MOST_BYTES: Final = 4 * 2**30
"""Of memory."""

TargetArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="REPORT|TX",
        help="A slot, a report's digest, a file with a report's bytes (or their hex), or the hash "
        "of a transaction on a configured chain.",
        show_default=False,
    ),
]
MarketOption = Annotated[
    str | None,
    typer.Option(
        "--market", help="Say why this market's mark was what it was.", show_default=False
    ),
]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        help="The newest report at a time: ISO 8601 (UTC unless it says otherwise) or unix ms.",
        show_default=False,
    ),
]
ArchiveOption = Annotated[
    list[str] | None,
    typer.Option(
        "--archive",
        help="A member's archive, a folder or URL; several times for several members. By default "
        "the configuration's.",
        show_default=False,
    ),
]
MemberOption = Annotated[
    list[int] | None,
    typer.Option("--member", help="Check the marks of these members only.", show_default=False),
]


def verify(
    config: ConfigOption,
    target: TargetArgument = None,
    market: MarketOption = None,
    at: AtOption = None,
    archive: ArchiveOption = None,
    member: MemberOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a report from its signatures down to the ticks, and name the first difference.

    Exit code 0: all of it is proven. 1: something differs. 2: something could not be checked.
    """
    try:
        with _bounded_memory(MOST_BYTES):
            asked = Asked(target, market, at, archive or (), member or ())
            code = _verified(load(config), asked, as_json=as_json)
    except PlumblineError as error:
        complain(error)
        code = 2
    raise typer.Exit(code)


class Asked(NamedTuple):
    """What to verify, and from which archives: by default the configuration's."""

    target: str | None = None
    market: str | None = None
    at: str | None = None
    archives: Sequence[str] = ()
    members: Sequence[int] = ()


def checked(
    settings: Config, asked: Asked, progress: Progress, tell: Callable[[Finding], None]
) -> Summary:
    """Find the report, tell each finding as it is made, and return what all come to.

    Raises:
        ConfigError: what is asked for is not configured, or nothing is.
        Rejected: the report is nowhere.
    """
    from oracle.cli.verify_show import summed_up
    from oracle.cli.verify_subject import subject_of
    from oracle.verify.run import Verification

    began_s, market = time.monotonic(), asked.market
    if market is not None and market not in settings.markets:
        known = ", ".join(list(settings.markets)[:8])
        raise ConfigError(f"market {market} is not configured; configured are {known}")
    subject = subject_of(settings, asked.target, asked.at, asked.archives, progress)
    subject.members = frozenset(asked.members) or None
    running, findings = Verification(subject), []
    for finding in running.findings():
        findings.append(finding)
        tell(finding)
    why = running.why(market) if market is not None else []
    return summed_up(subject, findings, why, market, time.monotonic() - began_s)


def _verified(settings: Config, asked: Asked, *, as_json: bool) -> int:
    """Print what the checks find, and return the exit code."""
    from oracle.cli.verify_show import printed
    from oracle.verify.findings import exit_code

    with _progress(quiet=as_json) as progress:
        made = checked(settings, asked, progress, _silent if as_json else printed)
    if as_json:
        sys.stdout.write(json.dumps(made.plain()) + "\n")
    else:
        made.show()
    return exit_code(made.findings)


def _silent(_finding: Finding) -> None:
    """Tell nobody."""


@contextmanager
def _bounded_memory(most_bytes: int) -> Iterator[None]:
    """Let what others packed small not unpack to all of the machine's memory.

    Where the system has no such limit there is none.
    """
    before = resource.getrlimit(resource.RLIMIT_DATA)
    limit = most_bytes if before[1] == resource.RLIM_INFINITY else min(most_bytes, before[1])
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (limit, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_DATA, before)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Progress]:
    """Show how far a replay is, on a terminal."""
    shown = bar(quiet or not sys.stderr.isatty())
    with shown:
        task = shown.add_task("stepping again", total=1.0, visible=False)

        def tell(taken: int, of: int) -> None:
            shown.update(task, completed=taken / of, visible=taken < of)

        yield tell
