"""What the API answers, as pydantic models: the OpenAPI document is made of these.

Prices are decimal text, never JSON numbers. Times are unix milliseconds. Missing is null, and a
reason stands beside it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from oracle.model.validity import BreakerState, Validity

Decimal = Annotated[str, Field(examples=["65123.400000"], description="decimal text")]
Hex = Annotated[str, Field(pattern="^0x[0-9a-f]*$")]
ValidityName = Literal[
    "HALTED", "MISSING", "STALE", "TOO_VOLATILE", "TOO_UNCERTAIN", "GUARDED", "VALID"
]
StateName = Literal["NORMAL", "GUARDED", "HALTED", "RECOVERING"]
ValidityByName = Annotated[
    Validity, PlainSerializer(lambda value: value.name, return_type=ValidityName)
]
StateByName = Annotated[
    BreakerState, PlainSerializer(lambda value: value.name, return_type=StateName)
]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class Source(_Answer):
    """What one source contributed to the mark, and why not when it did not."""

    source: str = Field(examples=["binance:BTC/USDT"])
    price: Decimal | None = Field(description="in the market's quote currency, after conversion")
    used: bool = Field(description="counted for the quorum")
    reason: str = Field(description="why it was refused; empty when used")


class Mark(_Answer):
    """The latest mark of a market. Use a price only while `validity` allows what you do."""

    market: str = Field(examples=["BTC-USD"])
    number: int = Field(description="the market's number on chains")
    sequence: int
    time_ms: int = Field(description="engine time of the mark")
    age_ms: int = Field(description="at the time of this answer")
    validity: ValidityByName = Field(description="worst first in the enum; STALE is set when read")
    reason: str = Field(description="what made the validity; empty when VALID")
    state: StateByName = Field(description="the deviation breaker")
    index: Decimal | None
    mark: Decimal | None
    twap: Decimal | None
    conf_bps: float | None = Field(description="half-width of the confidence, of the index")
    premium_bps: float | None = Field(description="of the perp against the index")
    sources: list[Source]


class Marks(_Answer):
    """The latest marks of all markets."""

    time_ms: int = Field(description="the server's clock")
    marks: list[Mark]
    missing: list[str] = Field(description="configured markets that have no mark yet")


class PastMark(_Answer):
    """A mark as it was made. It was good for its time, and is for nothing now."""

    sequence: int
    time_ms: int = Field(description="engine time of the mark")
    validity: ValidityByName
    reason: str = Field(description="what made the validity; empty when VALID")
    state: StateByName = Field(description="the deviation breaker")
    index: Decimal | None
    mark: Decimal | None
    twap: Decimal | None
    conf_bps: float | None
    premium_bps: float | None


class History(_Answer):
    """A page of a market's marks, by time."""

    market: str
    marks: list[PastMark]
    next: str | None = Field(description="the `cursor` of the next page; null at the end")


class Candle(_Answer):
    """A market's mark over an interval."""

    time_ms: int = Field(description="where the interval begins")
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    marks: int = Field(description="marks with a price in the interval")


class Candles(_Answer):
    """Candles by time; an interval without a price has none."""

    market: str
    interval: str
    candles: list[Candle]


class Market(_Answer):
    """A configured market."""

    market: str
    number: int = Field(description="its number on chains")
    group: int = Field(description="the group of four that it is stored and reported in")
    validity: ValidityByName | None = Field(description="now; null when it has no mark yet")


class Markets(_Answer):
    """All configured markets, by number."""

    markets: list[Market]


class ReportEntry(_Answer):
    """One market as signed."""

    number: int
    market: str | None = Field(description="null when this configuration does not name it")
    validity: ValidityByName
    price: Decimal | None
    conf_bps: float
    premium_bps: float | None


class ReportGroup(_Answer):
    """Markets that share one time."""

    group: int
    time_ms: int
    prev_ms: int = Field(description="the group's time in the report before; 0 in the first")
    entries: list[ReportEntry]


class Report(_Answer):
    """A signed report: the bytes that chains verify, and the same parsed.

    Check the signatures yourself (`oracle.client.verify_report`): this server is not trusted.
    """

    deployment: Hex = Field(description="salt of the deployment's signing domain")
    epoch: int
    slot: int
    time_ms: int
    signed_ms: int = Field(description="clock when the last needed signature was made")
    age_ms: int = Field(description="of `time_ms`, at the time of this answer")
    stale: bool = Field(description="older than this server allows, or from the future")
    shared_view: bool = Field(
        description="true: all signers signed over one engine; a multi-signature, no committee"
    )
    signers: list[int] = Field(description="member numbers of the epoch")
    groups: list[ReportGroup]
    body: Hex = Field(description="the wire format of docs/report-format.md")


class Receipt(_Answer):
    """What became of one transaction."""

    chain: str
    chain_id: int
    slot: int
    reason: str = Field(description="why it was sent")
    transaction: str
    accepted: bool
    error: str
    block: int
    gas_used: int
    groups: list[int]
    signed_ms: int
    sent_ms: int
    received_ms: int


class Receipts(_Answer):
    """The latest receipts of each chain, newest first."""

    chains: dict[str, list[Receipt]]


class Control(_Answer):
    """A person's order."""

    kind: str = Field(examples=["source", "market"])
    subject: str
    paused: bool
    who: str
    reason: str
    issued_ms: int
    until_ms: int = Field(description="when a pause ends by itself")


class Controls(_Answer):
    """The pauses in force, the one that ends first in front."""

    time_ms: int
    controls: list[Control]


class Heartbeat(_Answer):
    """Sent when there is nothing else to say."""

    time_ms: int


class Dropped(_Answer):
    """This reader was too slow and lost so many events."""

    count: int


class Health(_Answer):
    """Whether, and if not why not."""

    ok: bool
    reasons: list[str]


class Problem(_Answer):
    """An error, as of RFC 9457."""

    type: str = Field(examples=["urn:plumbline:unknown-market"])
    title: str
    status: int
    detail: str
