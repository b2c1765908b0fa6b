"""What `plumb status` alarms on, and how it is shown."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from typer.main import get_command
from typer.testing import CliRunner

from oracle.cli.app import app
from oracle.cli.status.answer import (
    ChainStatus,
    LastUpdate,
    MarketStatus,
    Spending,
    Status,
    alarms_of,
)
from oracle.cli.status.command import ALARMED, BOUND, EVERY
from oracle.cli.status.ours import api_url
from oracle.cli.status.table import rendered
from oracle.config.load import parse

WALLET = "0x" + "ab" * 20


def market(age_s: float | None = 10.0) -> MarketStatus:
    """A market whose limit is 180 s."""
    return MarketStatus("BTC-USD", 65_123.4, "VALID", age_s, 180.0, 65_130.0, -1.01)


def chain(
    *markets: MarketStatus,
    balance_wei: int = 10**18,
    runway_days: float | None = 100.0,
    gas_price_wei: int = 10**9,
    useless: int = 0,
) -> ChainStatus:
    """A chain that can be read."""
    return ChainStatus(
        "alpha", 1, "", 100, 1.0, WALLET, WALLET, balance_wei, gas_price_wei,
        Spending(5 * 10**15, 86_400.0, 100, useless,
                 runway_days and 1e18 / runway_days, runway_days),
        LastUpdate("0x" + "12" * 32, 99, 13.0, WALLET, True, 59_184, 10**13), (), markets,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "alarm"),
    [
        (chain(market()), None),
        (chain(market(180.0)), None),
        (chain(market(180.1)), "BTC-USD had no accepted update for 180 s; the limit is 180 s"),
        (chain(market(None)), "BTC-USD was never updated"),
        (chain(market(-30.0)), None),
        (chain(market(-30.1)), "BTC-USD is stamped 30 s in the future"),
        (chain(balance_wei=0), f"wallet {WALLET} has 0 wei"),
        (chain(gas_price_wei=10**12), None),
        (chain(gas_price_wei=10**12 + 1), "less than 10 updates cost"),
        (chain(runway_days=6.9), "lasts 6.9 days"),
        (chain(runway_days=7.0), None),
        (chain(runway_days=None), None),
        (ChainStatus("alpha", 1, error="nobody answers"), "cannot be read: nobody answers"),
    ],
)
def test_what_alarms(found: ChainStatus, alarm: str | None) -> None:
    """Each cause by itself, with its figures, and nothing on its limit."""
    alarms = alarms_of((found,), "", 7.0)
    assert len(alarms) == (alarm is not None)
    assert alarm is None or (alarms[0].startswith("alpha: ") and alarm in alarms[0])


def test_our_own_side_down_alarms() -> None:
    """Whatever the chains say, somebody has to look."""
    assert alarms_of((), "no API", 7.0) == ["our own marks are unknown: no API"]


def _shown(*chains: ChainStatus, width: int = 80) -> str:
    alarms = tuple(alarms_of(chains, "", 7.0))
    out = io.StringIO()
    Console(file=out, width=width).print(rendered(Status(1, "http://x", "", chains, alarms)))
    return out.getvalue()


def test_it_fits_80_columns_without_colour() -> None:
    """An operator over ssh sees every figure whole, and a mark beside what alarms."""
    found = chain(market(None), market(200.0), market(-45.0), useless=7)
    text = _shown(found, ChainStatus("beta", 2, error="no answer"))
    assert max(map(len, text.splitlines())) <= 80
    for words in ("65,123.40", "! never", "! 3 m 20 s", "! 45 s ahead", "100 updates",
                  "7 for nothing", "-1.0 bps", "lasts 100.0 days",
                  "59,184 gas", "13 s ago by us", "! cannot be read", "0.0050 in 24.0 h",
                  "1.0000 coins", "! beta: cannot be read: no answer"):  # fmt: skip
        assert words in text, words
    assert "nothing alarms" not in text
    assert "nothing alarms" in _shown(chain(market()))


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:8645"), ("10.1.2.3", "http://10.1.2.3:8645")],
)
def test_where_our_api_is(host: str, url: str) -> None:
    """A server that listens everywhere is asked on this machine."""
    sources = [{"source": f"{venue}:X/USD"} for venue in "ab"]
    markets = {"X-USD": {"number": 0, "sources": sources}}
    assert api_url(parse({"api": {"host": host}, "markets": markets})) == url


def test_the_page_has_every_option() -> None:
    """With its default, and the exit code that means an alarm."""
    page = (Path(__file__).parents[3] / "docs/operating-relayers.md").read_text()
    section = page[page.index("## `plumb status`") :]
    options = {o.opts[0] for o in get_command(app).commands["status"].params}
    assert options <= set(re.findall(r"--[a-z-]+", section)) | {"--help"}
    assert f"`{BOUND}`" in section
    assert f"`{EVERY}`" in section
    assert f"| {ALARMED} | something alarms" in section


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no chain any in the configuration; configured: none"),
        (["--chain", "alfa"], "no chain alfa in the configuration; configured: none"),
        (["--timeout", "10"], "--timeout: duration '10' needs a number and a unit"),
        (["--watch", "--every", "1ms"], "--every 1ms is too short"),
    ],
)
def test_what_cannot_be_asked_is_said(tmp_path: Path, options: list[str], said: str) -> None:
    """No chains, another chain's name, a time without a unit, a time that would be a busy loop."""
    sources = "[{source: 'a:X/USD'}, {source: 'b:X/USD'}]"
    file = tmp_path / "config.yaml"
    file.write_text(f"markets: {{X-USD: {{number: 0, sources: {sources}}}}}\n")
    done = CliRunner().invoke(app, ["status", "--config", str(file), *options])
    assert said in str(done.exception)
