"""Compile the health kernel, so that no first mark has to: `python -m relayer.keeper`."""

from relayer.keeper.columns import Columns
from relayer.keeper.health import Health, World
from relayer.keeper.params import GlobalRisk

Health(Columns(1)).mark(World({}, {}, GlobalRisk.of([0, 0, 0])), 0.0)
