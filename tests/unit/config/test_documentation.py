"""docs/configuration.md and its examples: what an operator reads is what the models say."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel, BeforeValidator, TypeAdapter
from pydantic.fields import FieldInfo
from typer.main import get_command

from feeds.ticks.reader import TickReader
from oracle.archive.marks import SCHEMA
from oracle.cli import config_check
from oracle.cli.app import app
from oracle.config import breaker, committee, deployment, keeper, keys, markets, relayer, rules
from oracle.config.advice import advice
from oracle.config.load import load
from oracle.config.root import Config
from oracle.model.validity import BreakerState, Validity

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "configuration.md").read_text()
EXAMPLES = DOCS / "examples"

HEADINGS: dict[type[BaseModel], str] = {
    Config: "The file",
    markets.MarketConfig: "A market",
    markets.SourceConfig: "A source",
    rules.MarkConfig: "`mark`",
    rules.TwapConfig: "`twap`",
    rules.FundingConfig: "`funding`",
    rules.AdmissionConfig: "`admission`",
    rules.WeightsConfig: "`weights`",
    rules.OutlierConfig: "`outlier`",
    breaker.BreakerConfig: "`breaker`",
    breaker.DeviationConfig: "A deviation",
    breaker.BoundsConfig: "Bounds",
    breaker.PegConfig: "`peg`",
    deployment.CcxtFeedConfig: "A feed of kind `ccxt`",
    deployment.Uniswap3FeedConfig: "A feed of kind `uniswap3`",
    deployment.Uniswap3PoolConfig: "A pool",
    deployment.ReplayFeedConfig: "A feed of kind `replay`",
    deployment.EngineConfig: "`engine`",
    deployment.DeploymentConfig: "`deployment`",
    committee.CommitteeConfig: "`committee`",
    committee.NextConfig: "`next`",
    committee.PreviousConfig: "`previous`",
    keys.KeyConfig: "A key",
    keys.KmsConfig: "`kms`",
    keys.RemoteConfig: "`remote`",
    deployment.EvmChainConfig: "A chain",
    deployment.PushConfig: "`push`",
    deployment.TierConfig: "A tier",
    deployment.BudgetConfig: "`budget`",
    deployment.MemoryBusConfig: "A bus of kind `memory`",
    deployment.KafkaBusConfig: "A bus of kind `kafka`",
    deployment.KafkaSecurityConfig: "`security`",
    deployment.ApiConfig: "`api`",
    deployment.ArchiveConfig: "`archive`",
    relayer.RelayerConfig: "`relayer`",
    keeper.KeeperConfig: "A keeper",
    keeper.WebhookConfig: "`webhook`",
}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Find every model in an annotation, and in those of its fields."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from _models(field.annotation)
    for part in get_args(annotation):
        yield from _models(part)


def _section(heading: str) -> str:
    """Return the text under a heading, up to the next of any level."""
    found = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##+ |\Z)", PAGE, re.M | re.S)
    assert found, f"no heading {heading!r}"
    return found[1]


def _rows(heading: str) -> dict[str, str]:
    """Return the default of each key in the table under a heading."""
    rows = re.findall(r"^\| `(\w+)` \| .+? \| ([^|]+) \|.*\|$", _section(heading), re.M)
    return {key: default.strip() for key, default in rows}


def _default(field: FieldInfo) -> Any:
    """Return a field's default, as the page puts it where it is no plain value."""
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, BaseModel):
        return "own"
    return "none" if default in (None, "", [], {}) else default


def _shown(cell: str, field: FieldInfo) -> Any:
    """Read a table's cell with the reader of its field: duration, ratio or YAML."""
    if not cell.startswith("`"):
        return cell
    readers = [entry.func for entry in field.metadata if isinstance(entry, BeforeValidator)]
    read: Any = readers[0] if readers else TypeAdapter(field.annotation).validate_python
    given = cell.strip("`")
    return read(given if readers else yaml.safe_load(given))


def _block(language: str, having: str) -> str:
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)
    return next(block for block in blocks if having in block)


def test_every_model_has_a_table():
    """A new section of the configuration cannot stay out of the page."""
    assert set(_models(Config)) == set(HEADINGS)


@pytest.mark.parametrize("model", HEADINGS, ids=lambda model: model.__name__)
def test_a_table_has_every_key_with_its_default(model: type[BaseModel]):
    """Keys and defaults of a table are those of its model, no more and no fewer."""
    shown = _rows(HEADINGS[model])
    assert shown.keys() == model.model_fields.keys()
    for key, field in model.model_fields.items():
        assert _shown(shown[key], field) == _default(field), key


def test_the_page_has_the_replay_example_verbatim():
    """What is read on the page is what lies beside it."""
    assert _block("yaml", "kind: replay") == (EXAMPLES / "replay.yaml").read_text()


@pytest.mark.parametrize("name", ["replay.yaml", "live.yaml"])
def test_an_example_loads(name):
    """Both examples pass every check of a configuration."""
    assert load(EXAMPLES / name).markets


@pytest.mark.parametrize("name", ["replay.yaml", "live.yaml"])
def test_an_example_needs_no_advice(name):
    """What operators copy from is what the check finds nothing to ask about."""
    assert advice(load(EXAMPLES / name)) == []


def test_the_live_example_has_every_section():
    """The complete example names a committee with keys, a chain and a conversion."""
    config = load(EXAMPLES / "live.yaml")
    assert config.committee is not None
    assert len(config.committee.keys) >= config.committee.threshold
    assert config.chains
    assert "USDT-USD" in config.markets


def test_feeds_of_the_live_example_bring_its_sources():
    """A source that no feed brings would never count."""
    config = load(EXAMPLES / "live.yaml")
    brought = {
        f"{feed.venue}:{symbol}"
        for feed in config.feeds
        if feed.kind == "ccxt"
        for symbol in feed.symbols
    }
    assert brought == {
        entry.source
        for market in config.markets.values()
        for entry in (*market.sources, *market.perps)
    }


def test_the_options_of_the_dry_run():
    """The table has every option of `plumb config check`, with its default."""
    section = _section("Trying a change")
    command = get_command(app).commands["config"].commands["check"]
    options = {option.opts[0] for option in command.params if option.opts[0].startswith("--")}
    assert set(re.findall(r"^\| `(--[a-z]+)", section, re.M)) == options
    for default in (config_check.FILES_FOR, config_check.LIVE_FOR, config_check.BOUND):
        assert f"`{default}`" in section


def test_the_page_makes_the_ticks_that_the_replay_example_reads(tmp_path):
    """The one program on the page writes ticks of every source of the example, none refused."""
    program = _block("sh", "received_ns").split("<<'EOF'\n")[1].removesuffix("EOF\n")
    made = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, timeout=60
    )
    file = tmp_path / "ticks.csv"
    file.write_bytes(made.stdout)
    reader = TickReader([file])
    assert sum(chunk.rows for chunk in reader) == 18_000
    assert not reader.refused
    market = load(EXAMPLES / "replay.yaml").markets["ETH-USD"]
    assert set(reader.sources) == {entry.source for entry in market.sources}


def test_columns_and_names_of_marks_files():
    """The page lists every column, validity and breaker state of the archive."""
    section = _section("`marks.parquet` and `marks.csv`")
    names = [*SCHEMA.names, *Validity.__members__, *BreakerState.__members__]
    assert [name for name in names if f"`{name}`" not in section] == []
