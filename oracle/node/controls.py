"""Pause and resume: what a person may order, and what is in force.

A control comes from the command line (over Kafka, or over `oracle.node.control_socket` into an
embedded process), is checked against the configuration, published, and written to the audit
topic with who, why and until when.
"""

from __future__ import annotations

import difflib
import getpass
import time
import unicodedata
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import msgspec
import structlog

from oracle.bus.interface import Bus
from oracle.config.root import Config
from oracle.config.units import duration_ns
from oracle.model.errors import ConfigError, Retryable
from oracle.model.messages import Control
from oracle.model.topics import Topic
from oracle.node.audit import AuditWriter

KINDS: Final = ("source", "market")
DEFAULT_PAUSE: Final = "30m"
MAX_PAUSE_NS: Final = 30 * 86_400 * 10**9
MAX_CLOCK_APART_NS: Final = 60 * 10**9
MAX_REASON, MAX_WHO = 500, 100


_log = structlog.get_logger(__name__)


class KnownSubjects(NamedTuple):
    """The names that the configuration gives a person to pause."""

    source: frozenset[str]
    market: frozenset[str]


def known_subjects(config: Config) -> KnownSubjects:
    """Return the sources and markets of a configuration."""
    sources = (
        entry.source
        for market in config.markets.values()
        for entry in (*market.sources, *market.perps)
    )
    return KnownSubjects(frozenset(sources), frozenset(config.markets))


def pause(
    kind: str,
    subject: str,
    *,
    reason: str,
    who: str,
    now_ns: int,
    known: KnownSubjects,
    duration: str = DEFAULT_PAUSE,
) -> Control:
    """Build a pause of `duration` (`90s`, `30m`, `2h`), at most 30 days.

    Raises:
        ConfigError: what `check` refuses, or a duration without a unit.
    """
    try:
        length_ns = duration_ns(duration)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    control = Control(kind, subject, True, who.strip(), reason.strip(), now_ns, now_ns + length_ns)
    check(control, known, now_ns)
    return control


def resume(
    kind: str, subject: str, *, reason: str, who: str, now_ns: int, known: KnownSubjects
) -> Control:
    """Build the end of a pause. Resuming what is not paused changes nothing and is audited.

    Raises:
        ConfigError: what `check` refuses.
    """
    control = Control(kind, subject, False, who.strip(), reason.strip(), now_ns, now_ns)
    check(control, known, now_ns)
    return control


def check(control: Control, known: KnownSubjects, now_ns: int) -> None:
    """Refuse a control that no person should have sent.

    Raises:
        ConfigError: unknown kind or subject (with near names), issued at another time than
            now, a pause of no time or more than 30 days, an empty or over-long reason or name.
    """
    if control.kind not in KINDS:
        raise ConfigError(f"cannot pause a {control.kind!r}; pause one of: {', '.join(KINDS)}")
    _check_subject(control.kind, control.subject, known)
    _check_text("reason", control.reason, MAX_REASON, "say why in a line, for who reads the audit")
    _check_text("who", control.who, MAX_WHO, "give a name with --who")
    if abs(control.issued_ns - now_ns) > MAX_CLOCK_APART_NS:
        raise ConfigError("the control was issued more than 60 s from now; set the clock right")
    length_ns = control.until_ns - control.issued_ns
    if control.paused and not 0 < length_ns <= MAX_PAUSE_NS:
        raise ConfigError(
            f"a pause of {length_ns / 10**9:g} s cannot be: it must be longer than 0 and at most "
            "30d; take the subject out of the configuration to stop it for good"
        )
    if not control.paused and length_ns != 0:
        raise ConfigError("a resume has no duration: its until_ns must be its issued_ns")


def operator(given: str | None = None) -> str:
    """Return the OS user, or `given` with the OS user beside it, as written to the audit.

    Raises:
        ConfigError: the OS user has no name and none was given.
    """
    try:
        user = getpass.getuser()
    except (KeyError, OSError) as error:  # no passwd entry, as in some containers
        if not given:
            raise ConfigError("this OS user has no name; give yours with --who") from error
        user = "an unnamed user"
    return user if not given or given == user else f"{given} (as {user})"


async def issue(bus: Bus, control: Control, audit: AuditWriter) -> None:
    """Publish a checked control, then its audit entry.

    The control goes first: at 3 a.m. a pause must not wait for its paperwork.

    Raises:
        Retryable: the bus could not be reached; the text says whether the control is in force.
    """
    await bus.publish(Topic.CONTROLS, [(control.key, control)])
    action = "pause" if control.paused else "resume"
    _log.info(action, subject=control.key, who=control.who, reason=control.reason)
    try:
        await audit.append(
            time_ns=control.issued_ns,
            action=action,
            subject=control.key,
            who=control.who,
            reason=control.reason,
            until_ns=control.until_ns if control.paused else None,
        )
    except Retryable as error:
        raise Retryable(
            f"the {action} of {control.subject} is in force, but its audit entry is not "
            f"written ({error}): give the same command again"
        ) from error


def accepting(
    bus: Bus,
    audit: AuditWriter,
    known: KnownSubjects,
    clock_ns: Callable[[], int],
    wall_ns: Callable[[], int] = time.time_ns,
) -> Callable[[Control], Awaitable[None]]:
    """Return what a control socket calls: check the control here too, then issue it.

    It is issued by this process's clock. Over a replay that is the recorded one, by which a pause
    ends too.
    """

    async def accept(control: Control) -> None:
        check(control, known, wall_ns())
        now_ns = clock_ns()
        if not now_ns:  # a pause from time 0 would have ended before the first tick
            raise Retryable("the replay has not begun: its clock starts with its first tick")
        length_ns = control.until_ns - control.issued_ns
        ours = msgspec.structs.replace(control, issued_ns=now_ns, until_ns=now_ns + length_ns)
        await issue(bus, ours, audit)

    return accept


def _check_subject(kind: str, subject: str, known: KnownSubjects) -> None:
    names = known.source if kind == "source" else known.market
    if subject in names:
        return
    folded = {name.casefold(): name for name in sorted(names)}
    near = difflib.get_close_matches(subject.casefold(), folded, 3, 0.5)
    if near:
        hint = "did you mean " + " or ".join(folded[name] for name in near) + "?"
    else:
        hint = f"known: {', '.join(sorted(names)) or 'none'}"
    raise ConfigError(f"no {kind} {subject!r} in the configuration; {hint}")


def _check_text(what: str, text: str, limit: int, advice: str) -> None:
    if not text.strip():
        raise ConfigError(f"{what} is empty; {advice}")
    if len(text) > limit:
        raise ConfigError(f"{what} has {len(text)} characters; at most {limit} are kept")
    if any(unicodedata.category(letter).startswith("C") for letter in text):
        raise ConfigError(f"{what} {text!r} has control characters; {advice}")
