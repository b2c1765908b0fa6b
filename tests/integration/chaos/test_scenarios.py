"""Each fault of the table: the chain ends right, the fault has a name, nothing dies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.chaos.history import HISTORY
from tests.integration.chaos.lies import LIES
from tests.integration.chaos.pool import POOL
from tests.integration.chaos.scenario import Scenario, Signs
from tests.integration.chaos.transport import ALONE, BESIDE
from tests.integration.chaos.world import World

SCENARIOS = (*ALONE, *BESIDE, *POOL, *HISTORY, *LIES)

pytestmark = pytest.mark.evm


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_ends_right(scenario: Scenario, tmp_path: Path) -> None:
    """After the fault the chain holds the newest mark; metrics and log name what happened."""
    world = World(
        tmp_path,
        endpoints=scenario.endpoints,
        config=scenario.config,
        prepare=scenario.prepare,
    )
    from_the_start = Signs(scenario, world)
    async with world:
        signs = from_the_start if scenario.prepare else Signs(scenario, world)
        try:
            await scenario.strike(world, signs.named)
        except TimeoutError:
            lines = [line for line in world.log if line["event"] != "pushed"]
            pytest.fail(f"not named: {signs.missing()}; the log: {lines[-20:]}")
        world.calm()
        await world.holds_newest()
        assert signs.missing() == []
        await works_on(world)


async def works_on(world: World) -> None:
    """Prices move on and the chain follows; nothing is left waiting, nothing crashed."""
    world.pause()
    turned_at = world.metric("progress_timestamp_seconds")
    await world.publish()
    await world.holds_newest()
    await world.until(lambda: world.metric("progress_timestamp_seconds") > turned_at)
    await world.until_it(lambda: is_idle(world))
    assert [line for line in world.log if line["event"] == "chain_crashed"] == []


async def is_idle(world: World) -> bool:
    """Tell whether no transaction of the wallet waits."""
    latest, pending = await world.counts()
    return latest == pending and not await world.pool()
