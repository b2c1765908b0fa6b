"""`plumb gov`: what a proposal does, in words, before anybody votes on it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from oracle.cli.options import JsonOption
from oracle.cli.output import console, emit, printable, table
from oracle.model.errors import ConfigError, PlumblineError

if TYPE_CHECKING:
    from oracle.cli.gov_accounts import Affected
    from oracle.cli.gov_chain import Chain, Deployment, Voting
    from oracle.governance.proposal import Proposal
    from oracle.governance.words import Known, Line

commands = typer.Typer(no_args_is_help=True, help="Read what governance is about to do.")


class _Shown(NamedTuple):
    """All that is known of a proposal."""

    proposal: Proposal
    voting: Voting | None
    lines: list[Line]
    affected: Affected | None
    unknown: str | None
    """Why accounts could not be judged."""


@commands.callback()
def _group() -> None:
    """Keep `show` a command of its own."""


@commands.command("show", help="A proposal in words: old and new values, votes, who is affected.")
def show(
    what: Annotated[
        str,
        typer.Argument(
            metavar="ID|FILE",
            help="The proposal's ID (decimal or 0x), or a JSON file with targets, values, "
            "calldatas and description.",
            show_default=False,
        ),
    ],
    rpc: Annotated[list[str], typer.Option("--rpc", help="A node's URL; may be given again.")],
    chain_id: Annotated[int, typer.Option("--chain-id", help="Which chain that must be.")],
    governor: Annotated[
        str | None, typer.Option("--governor", help="Address of the governor.", show_default=False)
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine",
            help="Address of the perp engine: it names the vault, the parameters, the oracle.",
            show_default=False,
        ),
    ] = None,
    from_block: Annotated[
        int, typer.Option("--from-block", help="Where to begin to look for events.", min=0)
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Decode a proposal strictly; what is not understood is shown raw, with a warning."""
    from oracle.cli.gov_chain import Deployment

    deployment = Deployment(_address(governor), _address(engine))
    shown = asyncio.run(_shown(what, rpc, chain_id, deployment, from_block))
    if as_json:
        emit(_as_data(shown), as_json=True, text="")
        return
    _print(shown)


async def _shown(
    what: str, urls: list[str], chain_id: int, deployment: Deployment, first: int
) -> _Shown:
    from oracle.cli.gov_chain import opened
    from oracle.governance.proposal import read
    from oracle.governance.words import words_of

    number = _number(what)
    if number is not None and deployment.governor is None:
        raise ConfigError("an ID is of a governor: add --governor ADDRESS")
    async with opened(urls, chain_id) as chain:
        if number is not None and deployment.governor is not None:
            proposal = await chain.proposal(deployment.governor, number, first)
        else:
            proposal = read(Path(what))
        voting = None
        if deployment.governor is not None:
            voting = await chain.voting(deployment.governor, proposal.number)
        known = await chain.known(deployment, proposal.calls)
        lines = [line for call in proposal.calls for line in words_of(call, known)]
        touched, unknown = await _touched(chain, known, proposal, deployment, first)
    return _Shown(proposal, voting, lines, touched, unknown)


async def _touched(
    chain: Chain, known: Known, proposal: Proposal, deployment: Deployment, first: int
) -> tuple[Affected | None, str | None]:
    from oracle.cli.gov_accounts import affected

    if deployment.engine is None:
        return None, "add --engine ADDRESS, also to check which contracts are called"
    by_name = {name: address for address, name in known.names.items()}
    try:
        sender = by_name.get("TIMELOCK")
        if sender is None:
            sender = await chain.ask(by_name["RISK"], "owner()", [], ["address"])
        return await affected(chain, known.names, proposal.calls, sender, first), None
    except PlumblineError as error:
        return None, str(error)


def _number(what: str) -> int | None:
    try:
        return int(what, 0)
    except ValueError:
        return None


def _address(text: str | None) -> str | None:
    from eth_utils.address import is_hex_address

    if text is not None and not is_hex_address(text):
        raise ConfigError(f"{printable(text)} is no address: give 0x and 40 hex digits")
    return None if text is None else text.lower()


def _print(shown: _Shown) -> None:
    from oracle.cli.gov_show import standing_rows, votes_text

    proposal = shown.proposal
    _say(f"Proposal {proposal.number}")
    if proposal.proposer is not None:
        _say(f"by {proposal.proposer}")
    for text in proposal.description.splitlines():
        _say(f"  {text}")
    _say(votes_text(shown.voting))
    for line in shown.lines:
        _say(f"{'  ' * line.depth}{'! ' if line.warning else '- '}{line.text}", line.warning)
    if shown.affected is None:
        _say(f"Affected accounts: not known: {shown.unknown}", warning=True)
        return
    if shown.affected.refused is not None:
        _say(f"EXECUTED NOW IT WOULD FAIL: {shown.affected.refused}", warning=True)
    columns = ["accounts", "now", "then", "newly"]
    console.print(table("Affected accounts", columns, standing_rows(shown.affected)))


def _say(text: str, warning: bool = False) -> None:
    style = "bold red" if warning else None
    console.print(printable(text), highlight=False, soft_wrap=True, markup=False, style=style)


def _as_data(shown: _Shown) -> dict[str, Any]:
    from oracle.cli.gov_show import affected_data

    return {
        "id": str(shown.proposal.number),
        "proposer": shown.proposal.proposer,
        "description": shown.proposal.description,
        "voting": shown.voting._asdict() if shown.voting else None,
        "acts": [line._asdict() for line in shown.lines],
        "warnings": sum(line.warning for line in shown.lines),
        "affected": affected_data(shown.affected) if shown.affected else None,
        "affected_unknown": shown.unknown,
    }
