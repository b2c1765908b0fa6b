"""Which report `plumb verify` is asked for: by slot, time, transaction, digest, file or bytes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from oracle.cli.verify_chain import Told
from oracle.model.errors import ConfigError, PlumblineError, Rejected
from oracle.report.report import Report, decode
from oracle.verify.asked import newest
from oracle.verify.asked import time_of as time_in
from oracle.verify.evidence import Source, Terms
from oracle.verify.guarded import tried

HASH: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_MS: Final = re.compile(r"[0-9]{1,14}")
"""Unix ms of this millennium and the next."""
_AROUND_NS: Final = 3_600 * 10**9
"""How long before and after --at a digest is looked for."""
_MOST_BYTES: Final = 2**20
"""Of a file with a report, or its hex: ten times the largest."""


def body_of(
    target: str | None, at: str | None, sources: Sequence[Source], terms: Terms, told: Told
) -> bytes:
    """Return the bytes of the report that is asked for."""
    if target is None:
        time_ns = time_of(at or "")
        return _best(
            sources, terms, lambda one: one.evidence.report_at(time_ns).body,
            lambda report: time_in(report) * 10**6 <= time_ns,
        )  # fmt: skip
    if is_slot(target):
        return _of_slot(sources, terms, int(target))
    if told.delivered:
        carried = told.delivered[0].body
        slot = told.delivered[0].slot
        if carried is not None:
            return carried
        if slot is not None:
            return _of_slot(sources, terms, slot)
        raise Rejected(f"transaction {target} is no update of the contract, and stored nothing")
    if HASH.fullmatch(target):
        return _by_digest(bytes.fromhex(target[2:]), at, sources, terms, told)
    return _from_file(target)


def _from_file(target: str) -> bytes:
    """Return the report that a file has, as bytes or hex; or that the argument itself spells."""
    data = target.encode()
    try:
        if not target.startswith("0x"):
            with Path(target).open("rb") as file:
                data = file.read(_MOST_BYTES)
    except OSError as error:
        raise ConfigError(
            f"{target!r} is no slot, no hash of 32 bytes (0x…), and no file that can be read "
            f"({error.strerror})"
        ) from error
    text = data.strip().removeprefix(b"0x")
    if data[:1] != b"\x01" and re.fullmatch(rb"(?:[0-9a-fA-F]{2})+", text):
        return bytes.fromhex(text.decode())
    return data


def _by_digest(
    digest: bytes, at: str | None, sources: Sequence[Source], terms: Terms, told: Told
) -> bytes:
    end_ns = time_of(at) + _AROUND_NS if at else time.time_ns()
    for source in sources:
        held = tried(partial(source.evidence.reports_between, end_ns - 2 * _AROUND_NS, end_ns))
        for report in () if isinstance(held, PlumblineError) else reversed(held):
            if tried(partial(_digest, report.body, terms.salt)) == digest:
                return report.body
    chains = "; ".join(told.silent) or "no configured chain has such a transaction"
    raise Rejected(
        f"0x{digest.hex()}: {chains}, and no archive has a report with that digest in the two "
        "hours before now: if it is older, give --at TIME, within an hour of it"
    )


def _digest(body: bytes, salt: bytes) -> bytes:
    return decode(body).digest(salt)


def _of_slot(sources: Sequence[Source], terms: Terms, slot: int) -> bytes:
    return _best(
        sources, terms, lambda one: one.evidence.report_of(slot).body,
        lambda report: report.slot == slot,
    )  # fmt: skip


def _best(
    sources: Sequence[Source],
    terms: Terms,
    read: Callable[[Source], bytes],
    fits: Callable[[Report], bool],
) -> bytes:
    """Return the newest of what archives say that its committee signed, else what the first says.

    Raises:
        PlumblineError: none has it, with why the first has not.
    """
    if not sources:
        raise ConfigError("no archive: give --archive FOLDER_OR_URL, or 'archive' in the config")
    said = [tried(partial(read, source)) for source in sources]
    body = newest((one for one in said if not isinstance(one, PlumblineError)), terms, fits)
    if body is None:
        raise next(one for one in said if isinstance(one, PlumblineError))
    return body


def is_slot(target: str) -> bool:
    """Whether a report is named by its slot."""
    return _MS.fullmatch(target) is not None


def time_of(text: str) -> int:
    """Return a time in unix ns, from ISO 8601 or unix ms.

    Raises:
        ConfigError: it is neither.
    """
    if _MS.fullmatch(text):
        return int(text) * 10**6
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"--at {text!r} is no time: write 2026-11-23T12:00:00.250Z, or unix ms"
        ) from error
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000) * 10**6
