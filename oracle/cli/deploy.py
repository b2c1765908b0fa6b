"""`plumb deploy evm`: contracts onto chains, checked against the artifacts, resumable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from oracle.cli.options import JsonOption
from oracle.cli.output import configure_logging, console, emit, table
from oracle.cli.topics import topics
from oracle.model.errors import ConfigError, PlumblineError

if TYPE_CHECKING:
    from deploy.evm.run import ChainDeployment, Done, Estimate
    from deploy.evm.settings import DeployFile

WEI = 10**18

T = TypeVar("T")

commands = typer.Typer(no_args_is_help=True, help="Deploy contracts and topics.")
commands.command("topics", help="Make and check the topics on a Kafka cluster.")(topics)


@commands.command("evm", help="Deploy to EVM chains; run again to resume or to check.")
def evm(
    file: Annotated[Path, typer.Argument(help="The deploy file.", show_default=False)],
    chain: Annotated[
        list[str] | None, typer.Option("--chain", help="Only this chain; may be given again.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would do and cost.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Send nothing; fail if anything is to do, or chains differ."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before spending.")] = False,
    record: Annotated[
        Path | None,
        typer.Option(
            "--record",
            help="Folder of what was deployed, a file a chain; by default `deployments` beside the "
            "deploy file.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Deploy oracle and adapters, set committee and guardian, hand over; each step at most once."""
    from deploy.evm.settings import load_deploy_file

    if as_json and not (dry_run or check or yes):
        raise ConfigError("--json asks nobody: add --dry-run or --check, or --yes to spend")
    configure_logging(quiet=dry_run or check, as_json=as_json)
    loaded = load_deploy_file(file)
    names = _chosen(loaded, chain or [])
    folder = record or file.parent / "deployments"
    command = _Command(loaded, names, folder, as_json=as_json)
    if not asyncio.run(command.check() if check else command.run(dry_run, yes)):
        raise typer.Exit(1)


class _Command:
    """One call of the command: chains at once, none held up by another's fault."""

    def __init__(self, file: DeployFile, names: Sequence[str], folder: Path, *, as_json: bool):
        self._file, self._names, self._folder = file, names, folder
        self._as_json = as_json
        self._errors: dict[str, PlumblineError] = {}
        self._shown: dict[str, dict[str, Any]] = {name: {} for name in names}
        self._differences: list[str] = []
        self._unfinished: list[str] = []
        self._unaccepted: list[str] = []

    async def check(self) -> bool:
        """Say what is to do and where chains differ; return whether there is neither."""
        async with AsyncExitStack() as exits:
            opened, estimates = await self._estimated(exits)
            await self._compare(opened)
        self._unfinished = [name for name, one in estimates.items() if one.steps]
        self._unaccepted = [
            name for name, one in estimates.items() if not (one.steps or one.accepted)
        ]
        self._show_faults()
        return self._is_well

    async def run(self, dry_run: bool, yes: bool) -> bool:
        """Do what is to do, if it may; return whether all went well and the chains are alike."""
        async with AsyncExitStack() as exits:
            opened, estimates = await self._estimated(exits)
            open_steps = [name for name, one in estimates.items() if one.steps]
            if not dry_run and (yes or not open_steps or _confirmed(open_steps)):
                done = await self._each({name: opened[name].run() for name in estimates})
                self._show_done(done)
            await self._compare(opened)
        self._show_faults()
        return self._is_well

    @property
    def _is_well(self) -> bool:
        return not (self._errors or self._differences or self._unfinished or self._unaccepted)

    async def _estimated(
        self, exits: AsyncExitStack
    ) -> tuple[dict[str, ChainDeployment], dict[str, Estimate]]:
        opened = await self._each({name: self._open(exits, name) for name in self._names})
        estimates = await self._each({name: one.estimate() for name, one in opened.items()})
        self._show_estimates(estimates)
        return opened, estimates

    async def _compare(self, opened: dict[str, ChainDeployment]) -> None:
        """Compare what one set of signatures for all chains needs to be alike."""
        from deploy.evm.comparing import differences

        reachable = {name: one for name, one in opened.items() if name not in self._errors}
        found = await self._each({name: one.governed() for name, one in reachable.items()})
        self._differences = differences(
            {name: one for name, one in found.items() if one is not None}
        )

    async def _open(self, exits: AsyncExitStack, name: str) -> ChainDeployment:
        from prometheus_client import CollectorRegistry

        from deploy.evm.opening import opened
        from oracle.keys.metrics import KeyMetrics
        from relayer.metrics import RelayerMetrics

        registry = CollectorRegistry()
        metrics = RelayerMetrics(registry), KeyMetrics(registry)
        return await exits.enter_async_context(opened(self._file, name, self._folder, *metrics))

    async def _each(self, work: dict[str, Awaitable[T]]) -> dict[str, T]:
        """Return what each chain's work gives; keep the errors of those that fail."""
        results = await asyncio.gather(*work.values(), return_exceptions=True)
        made: dict[str, T] = {}
        for name, result in zip(work, results, strict=True):
            if isinstance(result, PlumblineError):
                self._errors[name] = result
            elif isinstance(result, BaseException):
                raise result
            else:
                made[name] = result
        return made

    def _show_estimates(self, estimates: dict[str, Estimate]) -> None:
        rows = []
        for name, one in estimates.items():
            self._shown[name] |= {
                "address": one.address,
                "steps": list(one.steps),
                "gas": one.gas,
                "max_cost_wei": one.cost_wei,
                "balance_wei": one.balance_wei,
                "adapters": dict(one.adapters),
                "accepted": one.accepted,
            }
            steps, cost, balance = ", ".join(one.steps), one.cost_wei / WEI, one.balance_wei / WEI
            rows.append([name, one.address, steps or "none", f"{cost:.6f}", f"{balance:.6f}"])
        if not self._as_json and rows:
            columns = ["chain", "address", "steps to do", "costs at most", "wallet has"]
            console.print(table("MarkOracle", columns, rows))

    def _show_done(self, done: dict[str, Done]) -> None:
        for name, one in done.items():
            address = one.record.address
            self._shown[name] |= {"complete": True, "accepted": one.accepted}
            self._shown[name]["transactions"] = {
                step: entry.outcome.hash
                for step, entry in one.record.steps.items()
                if entry.outcome is not None and entry.outcome.succeeded
            }
            accepted = "its owner has accepted it" if one.accepted else self._to_accept(name)
            self._say(f"{name}: MarkOracle is at {address}, as built; {accepted}")
            for adapter, made in one.record.adapters.items():
                self._say(f"{name}: {made.contract} {adapter} is at {made.address}, as built")

    def _show_faults(self) -> None:
        for name, error in self._errors.items():
            self._shown[name]["error"] = str(error)
            self._say(f"{name}: {error}")
        for name in self._unfinished:
            self._say(f"{name}: not all is done: run without --check")
        for name in self._unaccepted:
            self._say(f"{name}: the deploying wallet still owns it: {self._to_accept(name)}")
        for difference in self._differences:
            self._say(f"the chains differ: {difference}")
        if self._as_json:
            shown = {"ok": self._is_well, "chains": self._shown, "differences": self._differences}
            emit(shown, as_json=True, text="")

    def _to_accept(self, name: str) -> str:
        owner = self._file.owner_of(self._file.chains[name])
        return f"{owner} has to call acceptOwnership()"

    def _say(self, text: str) -> None:
        if not self._as_json:
            console.print(text, highlight=False, soft_wrap=True, markup=False)


def _chosen(file: DeployFile, names: list[str]) -> list[str]:
    unknown = sorted(set(names) - file.chains.keys())
    if unknown:
        raise ConfigError(
            f"--chain {unknown[0]} is not in the deploy file; it has {', '.join(file.chains)}"
        )
    return names or list(file.chains)


def _confirmed(names: list[str]) -> bool:
    return typer.confirm(f"Send transactions on {', '.join(names)}?", err=True)
