"""Play the demo: sandbox, stack, recorder and story together."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry

from oracle.cli.bus import socket_path
from oracle.cli.demo import live
from oracle.cli.demo.html import write_html
from oracle.cli.demo.proof import Proof
from oracle.cli.demo.recorder import ChainInfo, Recorder
from oracle.cli.demo.sandbox import Sandbox, open_sandbox
from oracle.cli.demo.story import LENGTH_S, PAUSED_SOURCE, Scene, Story
from oracle.cli.demo.summary import Summary, summarise, write_summary
from oracle.cli.output import console, table
from oracle.cli.roles import Role
from oracle.cli.stack import Stack, open_stack
from oracle.cli.supervise import Service, Supervisor
from oracle.cli.verify import Asked, checked
from oracle.cli.verify_show import Summary as Verified
from oracle.cli.verify_show import printed
from oracle.model.errors import Fatal, Retryable
from oracle.node import controls
from oracle.node.control_socket import send_control
from oracle.verify.findings import Finding
from oracle.verify.run import no_progress
from relayer.evm.reader import MarkReader

ROLES: Final = (Role.FEEDS, Role.ORACLE, Role.RELAYER, Role.API, Role.ARCHIVE)
WARM_UP_S = 60.0
WATCH_S = 0.5
TITLE = "sandbox, 5 of 7 keys, one engine"
ABOUT = (
    "Simulated exchanges speak their venues' own protocols to the real clients; two real EVM nodes "
    "run the real contracts; all prices are made up from the seed."
)


class Played(NamedTuple):
    """What a run came to."""

    summary: Summary
    proof: Proof


async def play(folder: Path, seconds: float, seed: int, *, shown: bool) -> Played:
    """Run the sandbox and the story in `folder`, and write summary.json and report.html."""
    async with AsyncExitStack() as exits:
        console.print("starting venues, chains and pool ...", style="dim")
        sandbox = await exits.enter_async_context(open_sandbox(folder, seed, seconds / LENGTH_S))
        registry = CollectorRegistry()
        stack = await exits.enter_async_context(open_stack(sandbox.config, sandbox.state, registry))
        readers = [MarkReader(chain) for chain in sandbox.config.chains]
        for reader in readers:
            exits.push_async_callback(reader.aclose)
        recorder = _recorder(sandbox, stack)
        console.print(f"API: http://127.0.0.1:{sandbox.config.api.port}/v1/marks", style="dim")
        proof = _proof(sandbox)
        services = stack.services(ROLES)
        services |= {"recorder": recorder.run, "arbitrage": sandbox.arbitrage}
        services["chains"] = lambda: _watch_chains(sandbox, readers, recorder)
        async with _running(Supervisor(registry), services) as failed:
            await _or_fail(_warm_up(recorder, sandbox), failed)
            recorder.start_clock()
            story = _tell_story(sandbox, recorder, proof, seconds, shown=shown)
            await _or_fail(story, failed)
            numbers = _numbers(sandbox)
            read_back = {reader.name: await reader.marks(numbers) for reader in readers}
    elapsed_s = recorder.t_s(time.time_ns())
    summary = summarise(
        recorder, seconds=elapsed_s, seed=seed, read_back=read_back, proof=proof.proven()
    )
    write_summary(folder / "summary.json", summary)
    write_html(folder / "report.html", recorder, summary, title="Plumbline demo", about=ABOUT)
    return Played(summary, proof)


def _proof(sandbox: Sandbox) -> Proof:
    def verify(asked: Asked, tell: Callable[[Finding], None]) -> Verified:
        return checked(sandbox.config, asked, no_progress, tell)

    return Proof(verify, sandbox.config_file)


def _recorder(sandbox: Sandbox, stack: Stack) -> Recorder:
    chains = [ChainInfo(c.name, c.kind, c.chain_id) for c in sandbox.config.chains]
    perps = {entry.source for m in sandbox.config.markets.values() for entry in m.perps}
    return Recorder(stack.bus, chains, time.time_ns, perps=perps)


@asynccontextmanager
async def _running(
    supervisor: Supervisor, services: dict[str, Service]
) -> AsyncIterator[asyncio.Future[None]]:
    """Run services while the context lasts; the future ends only when one failed for good."""
    running = asyncio.ensure_future(supervisor.run(services))
    try:
        yield running
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, Fatal):
            await running


async def _or_fail(work: Coroutine[None, None, None], failed: asyncio.Future[None]) -> None:
    """Await `work`, unless a service fails for good first."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({task, failed}, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        failed.result()
    await task


async def _warm_up(recorder: Recorder, sandbox: Sandbox) -> None:
    """Wait until every market is stored on every chain: what a story can begin with."""
    wanted = len(sandbox.config.markets) * len(sandbox.config.chains)
    deadline = time.monotonic() + WARM_UP_S
    while sum(len(held) for held in recorder.chain_states.values()) < wanted or any(
        mark.price is None for held in recorder.chain_states.values() for mark in held.values()
    ):
        if time.monotonic() > deadline:
            raise Retryable(
                f"the sandbox was not ready within {WARM_UP_S:g} s; see demo.log in its folder"
            )
        await asyncio.sleep(0.1)


async def _tell_story(
    sandbox: Sandbox, recorder: Recorder, proof: Proof, seconds: float, *, shown: bool
) -> None:
    known = controls.known_subjects(sandbox.config)

    async def order(paused: bool) -> None:
        """Do what `plumb pause` and `plumb resume` do, over the same socket."""
        who, now_ns = "demo operator", time.time_ns()
        if paused:
            text = "feed looks odd, taking it out"
            control = controls.pause(
                "source", PAUSED_SOURCE, reason=text, who=who, now_ns=now_ns, known=known
            )
        else:
            control = controls.resume(
                "source", PAUSED_SOURCE, reason="checked", who=who, now_ns=now_ns, known=known
            )
        await send_control(socket_path(sandbox.state), control)

    scene = Scene(recorder, sandbox.venues.knobs, order, proof, seconds / LENGTH_S)
    story = Story(recorder, scene.acts(), seconds)
    view = asyncio.create_task(_show(recorder, story, proof, seconds, shown=shown))
    try:
        await story.play()
    finally:
        view.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await view


async def _show(
    recorder: Recorder, story: Story, proof: Proof, seconds: float, *, shown: bool
) -> None:
    if shown:
        await live.show(recorder, TITLE, seconds=seconds, act=story.shown, proven=proof.proven)
        return
    told = 0
    try:
        while True:
            await asyncio.sleep(0.2)
            told = _tell_events(recorder, told)
    finally:
        _tell_events(recorder, told)


async def _watch_chains(sandbox: Sandbox, readers: list[MarkReader], recorder: Recorder) -> None:
    """Read what the contracts hold, as a consumer would."""
    numbers = _numbers(sandbox)
    while True:
        for reader in readers:
            for market, held in (await reader.marks(numbers)).items():
                recorder.note_chain(reader.name, market, *held)
        await asyncio.sleep(WATCH_S)


def _numbers(sandbox: Sandbox) -> dict[str, int]:
    return {name: market.number for name, market in sandbox.config.markets.items()}


def _tell_events(recorder: Recorder, told: int) -> int:
    """Print the acts after the first `told`; return how many are printed now."""
    for event in recorder.story[told:]:
        _tell_event(event.t_s, event.event, event.observed, ok=event.ok)
    return len(recorder.story)


def _tell_event(t_s: float, event: str, observed: str, *, ok: bool) -> None:
    sign = "[green]✓[/green]" if ok else "[red]✗[/red]"
    line = f"{sign} {t_s:5.1f} s  [bold]{event}[/bold]: {observed}"
    console.print(line, highlight=False, soft_wrap=True)


def tell(played: Played, folder: Path, *, with_story: bool) -> None:
    """Print what came of it; `with_story` when the acts were not printed as they happened."""
    summary = played.summary
    console.print()
    for act in summary.story if with_story else ():
        _tell_event(act.t_s, act.event, act.observed, ok=act.ok)
    _tell_proof(played.proof)
    rows = [
        [
            chain.name,
            f"{chain.updates:,}",
            "-" if chain.gas_per_update is None else f"{chain.gas_per_update:,.0f}",
            *(_price(chain.markets[name].price) for name in summary.markets),
        ]
        for chain in summary.chains
    ]
    rows.append(["ours", "", "", *(_price(market.mark) for market in summary.markets.values())])
    console.print(table("marks on chain", ["chain", "updates", "gas each", *summary.markets], rows))
    latency = summary.latency_ms
    console.print(
        f"{summary.ticks:,} ticks, {summary.reports:,} reports; tick to signed report "
        f"p50 {latency.tick_to_report.p50:.0f} ms, p99 {latency.tick_to_report.p99:.0f} ms; "
        f"to receipt p50 {latency.tick_to_receipt.p50:.0f} ms",
        highlight=False,
    )
    console.print(f"report: {folder / 'report.html'}\nsummary: {folder / 'summary.json'}")
    verdict = "[green]as told[/green]" if summary.as_told else "[red]NOT as told[/red]"
    console.print(f"the story came out {verdict}")


def _tell_proof(proof: Proof) -> None:
    """Print what `plumb verify` prints."""
    proven, verified = proof.proven(), proof.summary
    if proven is None:
        return
    console.print(f"\n$ {proven.command}", style="dim", highlight=False, soft_wrap=True)
    if verified is None:
        console.print(proven.error, style="red", highlight=False, markup=False, soft_wrap=True)
        return
    for finding in verified.findings:
        printed(finding)
    verified.show()
    console.print()


def _price(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4f}"
