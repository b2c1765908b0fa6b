"""`plumb keeper` as an operator runs it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
import yaml

from deploy.sandbox.keys import make_keys
from tests.integration.keeper.site import CHAIN_ID, World
from tests.integration.keeper.test_keeper import open_position

pytestmark = pytest.mark.evm


def configuration(world: World, folder: Path, **keeper: object) -> Path:
    """Write a configuration with one chain and one keeper."""
    keys = [make_keys(folder / name, 1)[0] for name in ("pushes", "keeps")]
    pushes, keeps = (
        {"keystore": str(key.keystore), "password_file": str(key.password_file)} for key in keys
    )
    names = ("engine", "vault", "orders", "liquidator", "risk")
    market = {"sources": [{"source": "kraken:ETH/USD"}], "min_sources": 1, "min_origins": 1}
    file = folder / "config.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "markets": {"ETH-USD": market | {"number": 0}},
                "chains": [
                    {
                        "name": "home",
                        "chain_id": CHAIN_ID,
                        "rpc": [world.node.rpc_url],
                        "oracle": world.address("oracle"),
                        "key": pushes,
                    }
                ],
                "keepers": [
                    {"chain": "home", "key": keeps, "profit": 0, "coins_per_day": 1}
                    | {name: world.address(name) for name in names}
                    | keeper
                ],
            }
        )
    )
    return file


async def plumb(*arguments: str) -> tuple[int, str, str]:
    """Run the command; return its exit code and what it said."""
    code = "from oracle.cli import main; main()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_exposure_is_printed_from_the_chain(world: World, tmp_path: Path) -> None:
    """Without a cluster it reads the contracts; what a hedge costs is not known then."""
    world.run(await world.keeper("one"))
    await open_position(world, 1_000, 1.0)
    file = configuration(world, tmp_path)
    code, out, err = await plumb("keeper", "-c", str(file), "--exposure", "--json")
    assert code == 0, err
    (said,) = json.loads(out)["exposures"]
    assert (said["market"], said["net"], said["hedge"]) == ("ETH-USD", "-1", "1")
    assert said["cost"] is None
    assert said["why_unknown"] == "no perp venue quotes now"
    code, out, _ = await plumb("keeper", "-c", str(file), "--exposure")
    assert code == 0
    assert "ETH-USD" in out


@pytest.mark.parametrize(
    ("keeper", "said"),
    [
        ({"chain": "away"}, "is none of chains"),
        ({"profit": 2}, "takes coin_market"),
        ({"unpaid_coins_per_day": 2}, "more than coins_per_day"),
        ({"webhook": {"url": "http://example.org/x", "secret_env": "S"}}, "use https"),
        ({"webhook": {"url": "https://example.org/x"}}, "exactly one of secret_file"),
    ],
)
async def test_a_wrong_configuration_is_one_clear_line(
    world: World, tmp_path: Path, keeper: dict[str, object], said: str
) -> None:
    """Each mistake by its place, before anything is asked or sent."""
    file = configuration(world, tmp_path, **keeper)
    code, _, err = await plumb("keeper", "-c", str(file), "--exposure")
    assert code == 1
    assert said in " ".join(err.split())
