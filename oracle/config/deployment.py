"""Everything but the markets and the committee: bus, feeds, chains, API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from oracle.config.base import Section
from oracle.config.keys import Address, HttpUrl, KeyConfig
from oracle.config.units import DurationNs, PositiveNs, RatioBps

Url = Annotated[str, Field(pattern=r"^(https?|wss?)://[^\s]+$")]


LONGEST_STEP_NS = 10**9
SHORTEST_SERVED_NS = 7 * 24 * 3600 * 10**9
LONGEST_REPLAY_NS = 3600 * 10**9
SHORTEST_POLL_NS = 50 * 10**6


class DeploymentConfig(Section):
    """Names the deployment in every signature: no two deployments share all three."""

    network: str = Field(min_length=1, max_length=64)
    home_governor: Address
    nonce: int = Field(ge=0)


class MemoryBusConfig(Section):
    """The embedded bus: one process, nothing to install."""

    kind: Literal["memory"] = "memory"


class KafkaSecurityConfig(Section):
    """How a process makes itself known to the cluster; never a password itself."""

    protocol: Literal["plaintext", "tls", "sasl_tls"] = "plaintext"
    """`sasl_tls`: SCRAM-SHA-512 within TLS. Host names are checked."""
    ca_file: Path | None = None
    """Who signs the brokers' certificates; by default whom the system trusts."""
    username: str | None = Field(default=None, min_length=1, max_length=128)
    username_env: str | None = None
    """The variable that names the user, where processes of many roles share one file."""
    password_file: Path | None = None
    password_env: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [name for name in (self.username, self.username_env) if name is not None]
        passwords = [name for name in (self.password_file, self.password_env) if name is not None]
        if self.protocol == "sasl_tls":
            if len(names) != 1 or len(passwords) != 1:
                raise ValueError(
                    "protocol sasl_tls takes exactly one of username and username_env, and exactly "
                    "one of password_file and password_env"
                )
        elif names or passwords:
            raise ValueError(f"protocol {self.protocol} takes no username or password: sasl_tls")
        if self.protocol == "plaintext" and self.ca_file is not None:
            raise ValueError("ca_file needs protocol tls or sasl_tls")
        return self

    def place_in(self, folder: Path) -> None:
        """Take relative paths as relative to `folder`."""
        self.ca_file = folder / self.ca_file if self.ca_file else None
        self.password_file = folder / self.password_file if self.password_file else None


class KafkaBusConfig(Section):
    """A Kafka cluster."""

    kind: Literal["kafka"]
    bootstrap: str
    """`host:port`, comma-separated."""
    prefix: str = "plumbline."
    replication: int = Field(default=1, ge=1, le=15)
    """Brokers that hold each message: 3 on a cluster, so that any one may be lost."""
    request_timeout: PositiveNs = 10 * 10**9
    session: Annotated[PositiveNs, Field(ge=10**9)] = 6 * 10**9
    """A member of a group that is silent for so long is taken to be dead."""
    security: KafkaSecurityConfig = KafkaSecurityConfig()


class CcxtFeedConfig(Section):
    """A centralised exchange through ccxt."""

    kind: Literal["ccxt"]
    venue: str
    mode: Literal["ws", "rest"] = "ws"
    symbols: list[str] = Field(min_length=1)
    trades: bool = False
    """Every trade is a tick with its size, as weights by volume need."""
    rest_url: Url | None = None
    ws_url: Url | None = None
    poll: PositiveNs = 10**9
    idle: PositiveNs = 20 * 10**9
    """A connection that brings nothing for so long is closed and opened again."""

    @field_validator("poll")
    @classmethod
    def _check_poll(cls, value: int) -> int:
        if value < SHORTEST_POLL_NS:
            raise ValueError(
                f"a poll every {value / 10**6:g}ms is more often than every 50ms: venues ban that"
            )
        return value

    @model_validator(mode="after")
    def _check_trades(self) -> Self:
        if self.trades and self.mode != "ws":
            raise ValueError(f"trades: true with mode: {self.mode}; trades come with mode: ws only")
        return self


class Uniswap3PoolConfig(Section):
    """One pool; the source is `uniswap3:<address>`."""

    address: Address
    base: Literal["token0", "token1"]
    """Which token is priced, in units of the other."""
    twap: PositiveNs = 60 * 10**9
    """Window of `observe`, in whole seconds."""

    @field_validator("twap")
    @classmethod
    def _check_twap(cls, value: int) -> int:
        if value % 10**9:
            raise ValueError(f"twap of {value} ns is not whole seconds, as 'observe' takes them")
        return value


class Uniswap3FeedConfig(Section):
    """Uniswap v3 pools on one chain."""

    kind: Literal["uniswap3"]
    rpc: HttpUrl
    chain_id: int = Field(gt=0)
    pools: list[Uniswap3PoolConfig] = Field(min_length=1)
    poll: PositiveNs = 10**9
    timeout: PositiveNs = 5 * 10**9
    idle: PositiveNs = 60 * 10**9
    """A node that brings no new block for so long is connected to again."""
    max_twap_deviation: RatioBps = 500.0
    """A spot price further from the pool's own mean gives no tick."""


class ReplayFeedConfig(Section):
    """Recorded tick files."""

    kind: Literal["replay"]
    files: list[Path] = Field(min_length=1)
    speed: float = Field(default=1.0, ge=0)
    """Times recorded speed; 0 is flat out."""


FeedConfig = Annotated[
    CcxtFeedConfig | Uniswap3FeedConfig | ReplayFeedConfig, Field(discriminator="kind")
]


class EngineConfig(Section):
    """When the engine steps."""

    step: PositiveNs = 100 * 10**6
    """A step is due at least so often."""
    coalesce: DurationNs = 5 * 10**6
    """Ticks wait at most so long for others to share their step."""
    shards: int = Field(default=1, ge=1, le=1024)
    """Engines that share the markets: processes on one Kafka cluster divide them."""

    @field_validator("step")
    @classmethod
    def _check_step(cls, value: int) -> int:
        if value > LONGEST_STEP_NS:
            raise ValueError(
                f"a step of {value / 10**9:g}s is longer than 1s: a pause takes effect with a step"
            )
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.coalesce > self.step:
            raise ValueError(
                f"coalesce {self.coalesce / 10**6:g}ms is longer than step {self.step / 10**6:g}ms"
            )
        return self


class TierConfig(Section):
    """Markets that are pushed at limits of their own; what it leaves out is the chain's."""

    markets: list[str] = Field(min_length=1)
    """Names or patterns such as `BTC-*`."""
    deviation: RatioBps | None = None
    heartbeat: PositiveNs | None = None
    confidence: float | None = Field(default=None, gt=1)
    early: float | None = Field(default=None, ge=0, le=1)


class PushConfig(Section):
    """When a relayer pushes a market."""

    deviation: RatioBps = 10.0
    heartbeat: PositiveNs = 60 * 10**9
    confidence: float = Field(default=3.0, gt=1)
    """Push when the confidence has widened or narrowed by this factor."""
    early: float = Field(default=0.5, ge=0, le=1)
    """Share of deviation or heartbeat from which a group rides along with another; 1: never."""
    tiers: list[TierConfig] = Field(default_factory=list)
    """The first that fits a market counts."""


class BudgetConfig(Section):
    """What a chain may cost in any 24 hours."""

    coins_per_day: float = Field(gt=0)
    """In the chain's own coin."""
    reserve: RatioBps = 2000.0
    """The share kept for changes of validity and stretched heartbeats."""
    stretch: float = Field(default=4.0, ge=1)
    """Heartbeats are so many times longer while the reserve is used."""

    @field_validator("reserve")
    @classmethod
    def _check_reserve(cls, value: float) -> float:
        if value > 10_000:
            raise ValueError(f"a reserve of {value:g} bps is more than the whole budget (100%)")
        return value


class EvmChainConfig(Section):
    """One EVM chain to push to."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    kind: Literal["evm"] = "evm"
    chain_id: int = Field(gt=0)
    rpc: list[HttpUrl] = Field(min_length=1)
    send_rpc: list[HttpUrl] = Field(default_factory=list)
    """Where transactions go instead of `rpc`: private endpoints. Nothing is read from them."""
    read_quorum: int | None = Field(default=None, ge=1)
    """Endpoints that must agree; by default a majority of three or more, else one."""
    max_lag: PositiveNs = 30 * 10**9
    max_lag_blocks: int = Field(default=5, ge=1)
    """An endpoint further behind the others, in blocks and in time, is not read from."""
    watch_rpc: list[HttpUrl] = Field(default_factory=list)
    """Endpoints of the watchdog and of `plumb status`; by default `rpc`, the last first."""
    oracle: Address
    key: KeyConfig
    push: PushConfig = PushConfig()
    poll: PositiveNs = 10**9
    """How often receipts and the chain's state are read."""
    timeout: PositiveNs = 5 * 10**9
    receipt_timeout: PositiveNs = 60 * 10**9
    """How long a push waits for a block before it counts as failed; it is seen to even after."""
    replace_after: PositiveNs = 15 * 10**9
    max_replacements: int = Field(default=5, ge=0, le=20)
    fees: Literal["auto", "eip1559", "legacy"] = "auto"
    max_fee_gwei: float = Field(default=500.0, gt=0)
    max_gas: int = Field(default=10_000_000, ge=100_000)
    max_groups: int = Field(default=64, ge=1, le=1024)
    """Groups in one transaction; more become several."""
    finality_depth: int = Field(default=32, ge=1)
    """Blocks after which a transaction is no longer watched."""
    budget: BudgetConfig | None = None

    @property
    def quorum(self) -> int:
        """How many endpoints must agree on what is read."""
        return _majority(self.rpc) if self.read_quorum is None else self.read_quorum

    @property
    def watch_quorum(self) -> int:
        """How many of the watchdog's endpoints must agree."""
        return _majority(self.watch_rpc) if self.watch_rpc else self.quorum

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.quorum > len(self.rpc):
            raise ValueError(
                f"read_quorum {self.quorum} of {len(self.rpc)} endpoints under rpc: it can never "
                "be met; lower it or name more endpoints"
            )
        return self


def _majority(urls: list[HttpUrl]) -> int:
    return len(urls) // 2 + 1 if len(urls) > 2 else 1


class ApiConfig(Section):
    """The HTTP API. It binds to loopback unless said otherwise."""

    host: str = "127.0.0.1"
    port: int = Field(default=8645, ge=0, le=65535)
    max_age: PositiveNs = 5 * 10**9
    """An older mark is served as STALE, without a price."""


class ArchiveConfig(Section):
    """Where everything that was priced and signed is kept, as Parquet."""

    SHORTHAND = "url"

    url: str = Field(min_length=1)
    """A folder, beside the configuration unless absolute, or a URL that fsspec knows."""
    roll_rows: int = Field(default=500_000, ge=1, le=10_000_000)
    roll_bytes: int = Field(default=64 * 2**20, ge=2**10, le=2**30)
    """Of messages, before compression: of a part, and of all that wait together."""
    roll_age: PositiveNs = 60 * 10**9
    """What waits longer is written. A part is a file: shorter ages make many small ones."""
    snapshot_every: DurationNs = 5 * 60 * 10**9
    """One of an engine's states in so long is kept: a proof steps through that much at most."""
    serve_for: DurationNs = 0
    """Others may read so much of the past over the API; 0: nothing."""
    serve_rate: int = Field(default=8 * 2**20, ge=2**10, le=2**40)
    """Bytes a second that all of them together get, on average."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        if value.startswith(("http://", "https://")):
            raise ValueError(
                f"{value} is somebody's served archive, which can only be read (plumb verify "
                "--archive, plumb query --archive): give a folder or a store to write to"
            )
        return value

    @field_validator("serve_for")
    @classmethod
    def _check_serve_for(cls, value: int) -> int:
        if 0 < value < SHORTEST_SERVED_NS:
            raise ValueError(
                f"serve_for of {value / 10**9:g}s is shorter than 7d, within which anybody may "
                "ask for what a mark was made from: serve it for 7d or longer, or 0 to serve none"
            )
        return value

    @field_validator("snapshot_every")
    @classmethod
    def _check_snapshot_every(cls, value: int) -> int:
        if value > LONGEST_REPLAY_NS:
            raise ValueError(
                f"snapshot_every of {value / 10**9:g}s is longer than 1h: whoever checks a mark "
                "would have to step through that much"
            )
        return value
