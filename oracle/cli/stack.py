"""Build the running parts from a configuration: the one place where all of them meet."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from feeds.base import Publish
from feeds.metrics import FeedMetrics
from feeds.outbox import Outbox, outboxes
from feeds.replay import ReplayFeed
from oracle.bus.interface import Bus
from oracle.bus.memory import MemoryBus
from oracle.cli.archive import archive_service, archived_for_others, archived_past
from oracle.cli.build_feeds import AnyFeed, build_feed
from oracle.cli.bus import opened_bus, socket_path
from oracle.cli.deployment import salt_of
from oracle.cli.heap import settle_heap
from oracle.cli.keeper import keepers_of
from oracle.cli.member import member_service
from oracle.cli.roles import Role
from oracle.cli.supervise import Service
from oracle.committee.journal import SigningJournal
from oracle.committee.shared.attestation import Attestor
from oracle.committee.sole import SoleSigner
from oracle.config.keys import KeyConfig
from oracle.config.load import config_hash
from oracle.config.root import Config
from oracle.keys.metrics import KeyMetrics
from oracle.keys.opening import open_signer
from oracle.keys.signer import Signer
from oracle.model.errors import ConfigError, PlumblineError, Retryable
from oracle.model.ticks import Tick, pack
from oracle.model.topics import Topic
from oracle.node.audit import AuditWriter
from oracle.node.audit_watch import AuditWatch
from oracle.node.control_socket import control_socket
from oracle.node.controls import accepting, known_subjects
from oracle.node.metrics import NodeMetrics
from oracle.node.sharding import Router, shard
from oracle.node.shards import ShardHost
from oracle.node.stepper import Cadence, Stepper
from oracle.report.committee import Committee
from relayer.evm.chain import EvmChain, connect
from relayer.evm.journal import Journal
from relayer.evm.reader import MarkReader
from relayer.held import limits_s
from relayer.keeper.service import Keeper
from relayer.lane import Destination
from relayer.metrics import RelayerMetrics
from relayer.roster import Terms, name_of
from relayer.service import Relayer
from relayer.tiers import daily_budget, push_policies
from relayer.watchdog import Wallet, Watchdog, Watched

_log = structlog.get_logger(__name__)


@dataclass
class Stack:
    """A configuration with its bus; `services` gives the loops of the wanted roles."""

    config: Config
    bus: Bus
    state: Path
    """Folder of the control socket and the signing journal."""
    registry: CollectorRegistry
    chains: list[EvmChain] = field(default_factory=list)
    readers: list[MarkReader] = field(default_factory=list)
    signers: list[Signer] = field(default_factory=list)
    keepers: list[Keeper] = field(default_factory=list)
    now_ns: Callable[[], int] = time.time_ns

    def __post_init__(self) -> None:
        self._key_metrics = KeyMetrics(self.registry)
        self.router = Router(self.config.markets, self.config.engine.shards)

    def clock(self) -> int:
        """Return the time in ns that the roles go by; a replay feed brings its own."""
        return self.now_ns()

    def signer(self, key: KeyConfig) -> Signer:
        """Open a key; it is closed with the stack.

        Raises:
            ConfigError: a file, a password or a library is missing or wrong.
        """
        self.signers.append(open_signer(key, self._key_metrics))
        return self.signers[-1]

    def services(self, roles: Sequence[Role]) -> dict[str, Service]:
        """Return the loops of the wanted roles, by name.

        Raises:
            ConfigError: a section that a role needs is missing or wrong.
        """
        made: dict[str, Service] = {}
        if Role.FEEDS in roles:
            made |= self._feeds()
        if Role.ORACLE in roles or Role.ENGINE in roles:
            made |= self._engines()
        if Role.ORACLE in roles or Role.COMMITTEE in roles:
            made |= self._signing(must=Role.COMMITTEE in roles)
        if Role.RELAYER in roles:
            made |= self._relayer()
        if Role.KEEPER in roles:
            made |= self._keepers()
        if Role.API in roles:
            made |= self._api()
        if Role.ARCHIVE in roles:
            made["archive"] = archive_service(self.config, self.bus, self.registry)
        return made

    def committee(self) -> Committee:
        """Return the epoch that the configuration names."""
        return committee_of(self.config)

    def attestor(self, journal: Path | None) -> Attestor:
        """Return the signing loop over the keys that the configuration names."""
        config = self.config.committee
        if config is None or not config.keys:
            raise ConfigError("signing needs keys: name keystores under committee.keys")
        return Attestor(
            self.bus,
            self.committee(),
            [self.signer(key) for key in config.keys],
            {name: market.number for name, market in self.config.markets.items()},
            config.slot,
            SigningJournal(journal),
            registry=self.registry,
            shards=self.config.engine.shards,
            config_hash=config_hash(self.config),
        )

    def destinations(self, metrics: RelayerMetrics, journals: Path | None) -> list[Destination]:
        """Connect to every configured chain and return where to push, and when.

        `journals` is the folder of what wallets have sent; without it that is forgotten.
        """
        if not self.config.chains:
            raise ConfigError("relaying needs at least one entry under 'chains'")
        numbers = {name: market.number for name, market in self.config.markets.items()}
        made = []
        for chain in self.config.chains:
            policies, signer = push_policies(chain, numbers), self.signer(chain.key)
            name = f"{chain.name}-{signer.address.hex()[:8]}.sqlite"
            journal = None if journals is None else Journal(journals / name)
            self.chains.append(connect(chain, signer, metrics, journal=journal))
            made.append(
                Destination(
                    self.chains[-1],
                    policies,
                    chain.poll / 1e9,
                    budget=daily_budget(chain),
                    most_groups=chain.max_groups,
                )
            )
        return made

    async def check_chains(self) -> None:
        """Ask every chain that a relayer role opened whether it is the right one.

        One that cannot be reached, or is another, delays no other: its lane says so while they run.

        Raises:
            PlumblineError: none of the chains can be served; the first one's reason.
        """
        failed: list[PlumblineError] = []
        for chain in self.chains:
            try:
                await chain.start(self.committee().salt)
            except (Retryable, ConfigError) as error:
                _log.warning("chain_not_served", chain=chain.name, error=str(error))
                failed.append(error)
        if failed and len(failed) == len(self.chains):
            raise failed[0]

    async def publish_ticks(self, ticks: Sequence[Tick]) -> None:
        """Put what a feed brings on the bus, as one batch a shard."""
        divided = self.router.divide(ticks)
        await self.bus.publish(
            Topic.TICKS, [(str(number), pack(part)) for number, part in divided.items()]
        )

    def _feeds(self) -> dict[str, Service]:
        if not self.config.feeds:
            raise ConfigError("no feeds are configured: name at least one under 'feeds'")
        metrics = FeedMetrics(self.registry)
        feeds = [build_feed(feed, metrics, self.now_ns) for feed in self.config.feeds]
        publish: Publish = self.publish_ticks
        made: dict[str, Service] = {}
        if isinstance(feeds[0], ReplayFeed):  # it waits for the bus, and leaves nothing out
            self.now_ns = feeds[0].now_ns  # recorded ticks are fresh by the recorded clock only
        else:
            boxes = outboxes(
                self.config.engine.shards, oldest_used_ns(self.config), self.now_ns, metrics
            )
            publish = self._posting(boxes)
            made = {f"ticks.{at}": self._sending(at, box) for at, box in enumerate(boxes)}
        for at, feed in enumerate(feeds):
            made[f"feed.{at}.{feed.name}"] = self._running(feed, publish)
        return made

    def _running(self, feed: AnyFeed, publish: Publish) -> Service:
        async def run() -> None:
            await feed.run(publish)
            _log.info("feed_ended", feed=feed.name)  # only a replay ends

        return run

    def _posting(self, boxes: Sequence[Outbox]) -> Publish:
        async def post(ticks: Sequence[Tick]) -> None:
            for number, part in self.router.divide(ticks).items():
                boxes[number].put(part)

        return post

    def _sending(self, shard: int, box: Outbox) -> Service:
        async def send(ticks: Sequence[Tick]) -> None:
            await self.bus.publish(Topic.TICKS, [(str(shard), pack(ticks))])

        return lambda: box.run(send)

    def _engines(self) -> dict[str, Service]:
        committee, engine = self.config.committee, self.config.engine
        boundary_ns = committee.view_ns if committee is not None and committee.peers else 0
        cadence = Cadence(engine.step, engine.coalesce, boundary_ns)
        metrics = NodeMetrics(self.registry)

        async def step(number: int) -> None:
            part = shard(self.config.markets, number, engine.shards)
            if not part.markets:
                _log.info("shard_without_markets", shard=number)
                await asyncio.Event().wait()
            await Stepper(self.bus, part, cadence, metrics, self.now_ns, settle_heap).run()

        host = ShardHost(self.bus, node_name(self.state), engine.shards, step, metrics)
        return {"engines": host.run}

    def _signing(self, *, must: bool) -> dict[str, Service]:
        committee = self.config.committee
        if committee is not None and committee.peers:
            signer = self.signer(committee.keys[0])
            member = member_service(
                self.config,
                self.committee(),
                signer,
                self.bus,
                self.state,
                self.registry,
                self.now_ns,
            )
            return self._alone("member", member, [signer])
        if must or (committee is not None and committee.keys):
            attestor = self.attestor(self.state / "signed.json")
            return self._alone("attestor", attestor.run, self.signers)
        return {}

    def _alone(self, name: str, sign: Service, signers: Sequence[Signer]) -> dict[str, Service]:
        """Return what signs, and what has it wait for as long as another process has the keys."""
        sole = SoleSigner(self.bus, [signer.address for signer in signers])

        async def run() -> None:
            await sole.alone()
            await sign()

        return {"sole_signer": sole.run, name: run}

    @cached_property
    def _relayer_metrics(self) -> RelayerMetrics:
        """What relayer and keepers of this process count together."""
        return RelayerMetrics(self.registry)

    def _keepers(self) -> dict[str, Service]:
        if not self.config.keepers:
            raise ConfigError("keeping needs at least one entry under 'keepers'")
        self.keepers += keepers_of(
            self.config,
            self.bus,
            self.committee(),
            self.signer,
            self._relayer_metrics,
            self.registry,
            self.state / "keeper",
        )
        return {f"keeper.{keeper.name}": keeper.run for keeper in self.keepers}

    def _relayer(self) -> dict[str, Service]:
        metrics = self._relayer_metrics
        names = {market.number: name for name, market in self.config.markets.items()}
        destinations = self.destinations(metrics, self.state / "relayer")
        settings = self.config.relayer
        wallets = {chain.name: chain.wallet for chain in self.chains}
        terms = Terms(
            name_of(wallets),
            wallets,
            settings.give_way / 1e9,
            settings.sit_out / 1e9,
        )
        relayer = Relayer(
            self.bus, self.committee(), destinations, names=names, metrics=metrics, terms=terms
        )
        watchdog = Watchdog(
            self._watched(destinations, metrics),
            lambda: relayer.tail.newest.signed_ns if relayer.tail.newest else None,
            metrics,
            self.clock,
            every_s=settings.watch / 1e9,
            silence_s=settings.silence / 1e9,
        )
        return {"relayer": relayer.run, "watchdog": watchdog.run}

    def _watched(
        self, destinations: Sequence[Destination], metrics: RelayerMetrics
    ) -> list[Watched]:
        """Return the chains with connections for the watchdog alone."""
        numbers = {name: market.number for name, market in self.config.markets.items()}
        watched = []
        for chain, served, to in zip(self.config.chains, self.chains, destinations, strict=True):
            self.readers.append(MarkReader(chain, metrics, salt=salt_of(self.config)))
            limits = limits_s(to.policies, numbers, self.config.relayer.overdue)
            runway_s = self.config.relayer.runway / 1e9
            wallet = Wallet(served.wallet, served.spent_day_wei, runway_s)
            watched.append(Watched(self.readers[-1], numbers, limits, wallet))
        return watched

    def _api(self) -> dict[str, Service]:
        from oracle.api.app import create_app
        from oracle.api.server import serve
        from oracle.api.view import LatestView

        numbers = {name: market.number for name, market in self.config.markets.items()}
        max_age_ms = self.config.api.max_age // 1_000_000
        view = LatestView(self.bus, numbers, max_age_ms=max_age_ms, clock_ns=self.now_ns)
        app = create_app(
            view,
            past=archived_past(self.config),
            lending=archived_for_others(self.config, self.registry),
            registry=self.registry,
        )
        config = self.config.api

        def listening(url: str) -> None:
            _log.info("api_listening", url=url)

        return {
            "view": view.run,
            "audit": AuditWatch(self.bus, self.registry).run,
            "api": lambda: serve(app, config.host, config.port, listening),
        }


def oldest_used_ns(config: Config) -> int:
    """Return the age beyond which no market counts a tick of any source."""
    return max(
        (
            entry.max_age or market.max_age
            for market in config.markets.values()
            for entry in (*market.sources, *market.perps)
        ),
        default=0,
    )


def node_name(state: Path) -> str:
    """Return this process's name among others, the same as long as its folder is."""
    file = state / "name"
    name = file.read_text().strip() if file.exists() else ""
    if not name:  # a first start, or one that a crash cut short
        name = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        file.write_text(name + "\n")
    return name


def committee_of(config: Config) -> Committee:
    """Return the epoch that a configuration names.

    Raises:
        ConfigError: it names none.
    """
    deployment, committee = config.deployment, config.committee
    if deployment is None or committee is None:
        raise ConfigError("signing and relaying need the sections 'deployment' and 'committee'")
    return Committee(
        salt=salt_of(config),
        epoch=committee.epoch,
        threshold=committee.threshold,
        members=tuple(bytes.fromhex(member[2:]) for member in committee.members),
    )


@asynccontextmanager
async def open_stack(
    config: Config, state: Path, registry: CollectorRegistry
) -> AsyncIterator[Stack]:
    """Open the bus, listen for controls when it is in this process, and close all at the end.

    `state` is a folder that exists.
    """
    async with AsyncExitStack() as exits:
        bus = await exits.enter_async_context(opened_bus(config, state))
        stack = Stack(config, bus, state, registry)
        if isinstance(bus, MemoryBus):
            audit = AuditWriter(bus, "run")
            await audit.resume()
            accept = accepting(bus, audit, known_subjects(config), stack.clock)
            await exits.enter_async_context(control_socket(socket_path(state), accept))
        try:
            yield stack
        finally:
            for keeper in stack.keepers:
                await keeper.aclose()
            for chain in stack.chains:
                await chain.aclose()
            for reader in stack.readers:
                await reader.aclose()
            for signer in stack.signers:
                await signer.aclose()
