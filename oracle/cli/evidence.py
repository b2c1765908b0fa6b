"""`plumb evidence`: what members of the committee did that no honest one does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from oracle.cli.options import ConfigOption, JsonOption, StateOption
from oracle.cli.output import console, emit, table
from oracle.config.load import load
from oracle.model.errors import Rejected

if TYPE_CHECKING:
    from oracle.committee.evidence.proof import Evidence
    from oracle.report.committee import Committee

_SAYS = {
    "observation": "two observations",
    "proposal": "two proposals",
    "signature": "two signatures",
}


def evidence(
    config: ConfigOption,
    state: StateOption = None,
    as_json: JsonOption = False,
    file: Path | None = typer.Option(  # noqa: B008 - how typer declares options
        None, "--file", help="An evidence file from elsewhere.", show_default=False
    ),
) -> None:
    """List what members did that no honest one does, each checked from its bytes.

    valid: the configuration's member of this epoch signed both.

    valid by its list: of another epoch, and the member that its own list names signed both.

    Compare that list with the epoch's committee on a chain before you act on it.
    """
    from oracle.cli.member import EVIDENCE
    from oracle.cli.stack import committee_of
    from oracle.committee.evidence.file import read

    committee = committee_of(load(config))
    path = file or (state or config.parent / "state") / EVIDENCE
    found = [_row(one, committee) for one in read(path)]
    if as_json or not found:
        text = f"no evidence in {path}"
        emit({"file": str(path), "evidence": found}, as_json=as_json, text=text)
        return
    columns = ["slot begins (UTC)", "member", "signed", "view", "proof"]
    keys = ["time", "member", "says", "view", "proof"]
    made = table("", columns, [[str(row[key]) for key in keys] for row in found])
    console.print(f"{len(found)} in {path}", soft_wrap=True, highlight=False)
    console.print(made)
    for row in found:
        if row["why"]:
            said = f"that of slot {row['slot']} proves nothing: {row['why']}"
            console.print(said, soft_wrap=True, highlight=False)
    for epoch, member, address in sorted(
        {(row["epoch"], row["member"], row["address"]) for row in found if not row["why"]}
    ):
        said = f"member {member} is {address}"
        if epoch != committee.epoch:
            said = f"in epoch {epoch} {said}, by the evidence's own list"
        console.print(said, soft_wrap=True, highlight=False)


def _row(one: Evidence, committee: Committee) -> dict[str, Any]:
    past = one.salt == committee.salt and one.epoch != committee.epoch
    try:
        if past:
            one.verify_alone()
        else:
            one.verify(committee)
        proof, why = "valid by its list" if past else "valid", ""
    except Rejected as error:
        proof, why = "INVALID", str(error)
    begins = datetime.fromtimestamp(min(one.slot, 2**47) / 1000, UTC)
    return {
        "kind": one.kind.name.lower(),
        "says": _SAYS[one.kind.name.lower()],
        "epoch": one.epoch,
        "member": one.member,
        "address": "0x" + one.address.hex() if one.address else "unknown",
        "members": ["0x" + member.hex() for member in one.members],
        "slot": one.slot,
        "view": one.view,
        "time": begins.isoformat(" ", "milliseconds")[:23],
        "proof": proof,
        "why": why,
        "first": "0x" + one.first.hex(),
        "second": "0x" + one.second.hex(),
    }
