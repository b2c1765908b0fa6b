"""The outermost layer: what a person sees when a part is not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml


def test_a_missing_extra_is_named(tmp_path: Path):
    """Without ccxt, a ccxt feed says what to install, in one line."""
    sources = [{"source": "binance:X/USD"}, {"source": "okx:X/USD"}]
    data = {
        "feeds": [{"kind": "ccxt", "venue": "binance", "symbols": ["X/USD"]}],
        "markets": {"X-USD": {"number": 0, "sources": sources}},
    }
    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump(data))
    code = (
        "import sys; sys.modules['ccxt'] = None\n"
        f"sys.argv = ['plumb', 'config', 'check', {str(file)!r}]\n"
        "from oracle.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == "plumb: this needs ccxt: install 'plumbline-oracle[cex]'"
