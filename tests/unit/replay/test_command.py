"""`plumb ticks` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from feeds.ticks.importing import FORMATS
from oracle.cli.app import app
from oracle.model.errors import ConfigError


def plumb(*arguments: object) -> str:
    """Run a command that succeeds, and return what it prints."""
    done = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_options_reach_the_format(tmp_path: Path) -> None:
    """Each option is in its own unit, and the answer says what was made."""
    file, out = tmp_path / "c.csv", tmp_path / "out.csv"
    file.write_text("time,close,low\n1700000000,2,1\n1700000060,nan,nan\n")
    options = ("--source", "a:B/C", "--interval", "1m", "--price", "low")
    made = json.loads(
        plumb("ticks", "import", file, "--format", "candles", *options, "--out", out, "--json")
    )
    assert made == {
        "file": str(out),
        "ticks": 1,
        "sources": {"a:B/C": 1},
        "refused": {"a:B/C: not_finite": 1},
        "first_received_ns": 1_700_000_060 * 10**9,
        "last_received_ns": 1_700_000_060 * 10**9,
    }
    shown = plumb("ticks", "import", file, "--format", "candles", *options, "--out", out)
    assert "1 ticks" in shown
    assert "refused a:B/C: not_finite 1" in shown


def test_a_pools_decimals_and_a_snapshots_time_are_read(tmp_path: Path) -> None:
    """Pairs of decimals and UTC times are written as people write them."""
    swaps = tmp_path / "swaps.csv"
    swaps.write_text(
        "block_timestamp,tx_type,amount0,amount1,sqrtPriceX96\n"
        f"2024-01-05 00:00:23,SWAP,-5,5,{1 << 96}\n"
    )
    plumb(
        *("ticks", "import", swaps, "--format", "uniswap-swaps", "--source", "uniswap3:0x1"),
        *("--base", "token0", "--decimals", "6,8", "--out", tmp_path / "out.csv"),
    )
    assert ",,,0.01000" in (tmp_path / "out.csv").read_text()
    snapshot = tmp_path / "snapshot.json"
    snapshot.write_text('{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"midPx":"5"}}}')
    plumb(
        *("ticks", "import", snapshot, "--format", "hyperliquid-ctxs", "--out"),
        *(tmp_path / "out.csv", "--time", "2025-10-10T21:36:00Z"),
    )
    assert (tmp_path / "out.csv").read_text().splitlines()[1].startswith("1760132160000000000,")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--interval", "1", "--interval"),
        ("--decimals", "a", "write whole numbers as 8 or 18,6"),
        ("--time", "noon", "write UTC as 2025-10-10T21:36:00Z"),
    ],
)
def test_a_malformed_option_says_how_to_write_it(option: str, value: str, said: str) -> None:
    """Nothing is opened before the options are understood."""
    arguments = ["ticks", "import", "gone.csv", "--format", "candles", "--out", "o.csv"]
    done = CliRunner().invoke(app, [*arguments, option, value])
    assert isinstance(done.exception, ConfigError)
    assert said in str(done.exception)


def test_the_formats_are_listed_with_their_options() -> None:
    """What may be typed can be looked up, by people and by programs."""
    listed = json.loads(plumb("ticks", "formats", "--json"))["formats"]
    assert listed.keys() == FORMATS.keys()
    assert listed["candles"]["needs"] == ["--source", "--interval"]
    assert listed["candles"]["prices"] == ["close", "high", "low"]
    shown = plumb("ticks", "formats")
    assert all(name in shown for name in FORMATS)
    assert "--source --interval [--price]" in shown
