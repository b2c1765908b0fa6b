"""`plumb pause` and `plumb resume`: a person's orders, over Kafka or into the embedded process."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from oracle.cli.bus import kafka_bus, socket_path
from oracle.cli.options import ConfigOption, JsonOption, StateOption, state_folder
from oracle.cli.output import emit
from oracle.config.load import load
from oracle.config.root import Config
from oracle.model.messages import Control
from oracle.node import controls
from oracle.node.audit import AuditWriter
from oracle.node.control_socket import send_control


class Kind(StrEnum):
    """What may be paused."""

    SOURCE = "source"
    MARKET = "market"


KindArgument = Annotated[Kind, typer.Argument(help="source or market", show_default=False)]
SubjectArgument = Annotated[
    str, typer.Argument(help="e.g. binance:BTC/USDT or BTC-USD", show_default=False)
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for who reads the audit.")]
WhoOption = Annotated[
    str | None, typer.Option("--who", help="Your name; the OS user by default.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("pause", help="Take a source or a market out, until a time.")(pause)
    app.command(
        "resume",
        help="End a pause; of a market also lift a latched halt, and vouch for its price's scale.",
    )(resume)


def pause(
    kind: KindArgument,
    subject: SubjectArgument,
    config: ConfigOption,
    reason: ReasonOption,
    duration: Annotated[
        str, typer.Option("--for", help="How long: 90s, 30m, 2h; at most 30d.")
    ] = controls.DEFAULT_PAUSE,
    who: WhoOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pause; in force within a second, ends by itself."""
    loaded = load(config)
    control = controls.pause(
        kind,
        subject,
        reason=reason,
        who=controls.operator(who),
        now_ns=time.time_ns(),
        known=controls.known_subjects(loaded),
        duration=duration,
    )
    asyncio.run(_issue(loaded, control, state_folder(config, state)))
    until = datetime.fromtimestamp(control.until_ns // 10**9, UTC).isoformat()
    _report(control, as_json, f"{kind} {subject} is paused until {until}")


def resume(
    kind: KindArgument,
    subject: SubjectArgument,
    config: ConfigOption,
    reason: ReasonOption,
    who: WhoOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a pause at once."""
    loaded = load(config)
    control = controls.resume(
        kind,
        subject,
        reason=reason,
        who=controls.operator(who),
        now_ns=time.time_ns(),
        known=controls.known_subjects(loaded),
    )
    asyncio.run(_issue(loaded, control, state_folder(config, state)))
    _report(control, as_json, f"{kind} {subject} is resumed")


async def _issue(config: Config, control: Control, state: Path) -> None:
    if config.bus.kind == "memory":
        await send_control(socket_path(state), control)
        return
    # Not opened_bus: that another topic is not as it should be must not hold up a pause.
    async with kafka_bus(config.bus) as bus:
        await controls.issue(bus, control, AuditWriter(bus, "cli"))


def _report(control: Control, as_json: bool, text: str) -> None:
    data = {
        "kind": control.kind,
        "subject": control.subject,
        "paused": control.paused,
        "who": control.who,
        "reason": control.reason,
        "issued_ns": control.issued_ns,
        "until_ns": control.until_ns,
    }
    emit(data, as_json=as_json, text=text)
