"""Recorded days as commands: what is imported, under which configuration, what is drawn."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from oracle.cli.replay_said import Replayed, read
from oracle.config.load import load
from oracle.node.compile import engine_spec
from tests.e2e.plumb import plumb
from tests.recorded import recorded

CONFIGS: Final = Path(__file__).parents[1] / "e2e"
SPOT: Final = (("coinbase", "-USD"), ("gemini", "USD"), ("binance-delivery", "USD_PERP"))
OCT10_TRADES: Final = tuple(
    f"multi_venue/oct10_2025/{venue}_trades_2025-10-10_{symbol}.csv.gz"
    for venue, symbol in (
        ("binance", "POLUSDT"),
        ("coinbase", "POL-USD"),
        ("gemini", "POLUSD"),
        *((venue, base + end) for base in ("ATOM", "AVAX", "UNI") for venue, end in SPOT),
        ("binance", "TRXUSDT"),
        ("binance-delivery", "TRXUSD_PERP"),
        ("gemini", "BTCUSD"),
    )
)


@dataclass(frozen=True)
class Import:
    """One `plumb ticks import`: files of one format become one tick file."""

    format: str
    names: tuple[str, ...]
    out: str
    options: tuple[str, ...] = ()

    def command(self, files: list[str], out: str) -> list[str]:
        """Return the arguments."""
        return ["ticks", "import", "--format", self.format, *self.options, *files, "--out", out]


@dataclass(frozen=True)
class Day:
    """A recording that is replayed as a whole."""

    name: str
    imports: tuple[Import, ...]
    config: Path
    worst: str
    """The interval that is told in more detail."""
    plots: Mapping[str, tuple[str, ...]]
    """What is drawn: intervals of time, and the markets shown in each."""

    def tick_files(self, folder: Path) -> list[Path]:
        """Import everything into a folder; return the tick files."""
        made = []
        for each in self.imports:
            files = [str(recorded(name)) for name in each.names]
            made.append(folder / each.out)
            _run(*each.command(files, str(made[-1])), "--json")
        return made

    def replay(self, ticks: list[Path], out: Path, *options: str) -> dict[str, Any]:
        """Replay tick files under the day's configuration; return the summary."""
        done = _run(
            "replay", *ticks, "--config", self.config, "--out", out, "--sources", *options, "--json"
        )
        summary: dict[str, Any] = json.loads(done)
        return summary

    def read(self, out: Path) -> dict[str, Replayed]:
        """Return what a replay has written, by market."""
        markets = engine_spec(load(self.config).markets).markets
        return {m.name: read(out / "sources" / f"{m.name}.parquet", m) for m in markets}


OCT10: Final = Day(
    name="oct10",
    imports=(
        Import("tardis-trades", OCT10_TRADES, "trades.parquet"),
        Import(
            "tardis-options-chain",
            ("multi_venue/oct10_2025/okx_BTC-USD_forward_from_option_chain.csv.zst",),
            "forward.parquet",
        ),
    ),
    config=CONFIGS / "oct10.yaml",
    worst="2025-10-10T21:00/2025-10-10T22:00",
    plots={
        "2025-10-10T21:15/2025-10-10T21:25": ("POL-USD", "ATOM-USD", "AVAX-USD", "UNI-USD"),
        "2025-10-10T20:30/2025-10-11T00:00": (
            "POL-USD",
            "ATOM-USD",
            "AVAX-USD",
            "UNI-USD",
            "TRX-USD",
            "BTC-USD",
        ),
    },
)
DEPEG: Final = Day(
    name="usdc-depeg",
    imports=(
        Import(
            "klines-long",
            ("multi_venue/usdc_depeg_2023-03_1m.csv.zst",),
            "depeg.parquet",
            ("--interval", "1m"),
        ),
    ),
    config=CONFIGS / "usdc-depeg.yaml",
    worst="2023-03-10T12:00/2023-03-14T00:00",
    plots={
        "2023-03-11T02:00/2023-03-11T10:00": ("BTC-USD", "USDC-USD"),
        "2023-03-10T12:00/2023-03-14T00:00": ("BTC-USD", "USDC-USD", "USDT-USD"),
    },
)
DAYS: Final = (OCT10, DEPEG)


def _run(*arguments: object) -> str:
    done = plumb(*arguments, timeout_s=3600)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout
