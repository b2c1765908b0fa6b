"""What a member says of itself, and how it accounts for slots."""

from __future__ import annotations

from types import SimpleNamespace

from prometheus_client import CollectorRegistry

from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.clocks import PeerClocks
from oracle.committee.rounds.rules import AcceptedConfig, Rules
from oracle.committee.running.health import HealthWatch
from oracle.report.committee import Committee
from tests.unit.committee_node.links import MEMBERS, SALT

RULES = Rules(Committee(SALT, 1, 5, MEMBERS), (AcceptedConfig(bytes(32)),), 500, 250)
T0 = 1_790_000_000_000


class World:
    """What health looks at, each part as a test wants it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.certified: set[int] = set()
        self.reports = SimpleNamespace(
            time_ms=T0, waiting_since_ns=None, has=lambda slot: slot in self.certified
        )
        self.peers = SimpleNamespace(reachable=list(range(1, 7)), clocks=PeerClocks())
        keeper = SimpleNamespace(rules=RULES, reports=self.reports)
        metrics = CommitteeMetrics(self.registry)
        self.health = HealthWatch(keeper, self.peers, metrics, T0)  # type: ignore[arg-type]  # by hand
        self.health.stepped(T0)

    def slots(self, outcome: str) -> float:
        """Return how many slots were counted."""
        name, labels = "plumbline_committee_slots_total", {"outcome": outcome}
        return self.registry.get_sample_value(name, labels) or 0.0

    def causes(self, now_ms: int) -> list[str]:
        """Return the causes that are named."""
        return [reason.partition(":")[0] for reason in self.health.reasons(now_ms)]


def test_all_well_says_nothing():
    """With reports, steps, peers and a clock that agrees there is nothing to say."""
    assert World().health.reasons(T0 + 500) == []


def test_late_reports_and_steps_are_named():
    """After four slots, and two seconds, without them."""
    world = World()
    assert world.causes(T0 + 2000) == []
    assert world.causes(T0 + 2001) == ["no report", "no step"]
    world.health.stepped(T0 + 2000)
    assert world.causes(T0 + 2001) == ["no report"]


def test_too_few_peers_are_named():
    """With four of six out of reach nobody can sign."""
    world = World()
    world.peers.reachable = [1, 2, 3, 4]
    assert world.causes(T0) == []
    world.peers.reachable = [1, 2, 3]
    assert world.causes(T0) == ["too few peers"]


def test_a_bus_that_takes_no_reports_is_named():
    """The committee is well, and this member's consumers see none of it."""
    world = World()
    world.reports.waiting_since_ns = T0 * 10**6
    world.reports.time_ms = T0 + 2000
    world.health.stepped(T0 + 2000)
    assert world.causes(T0 + 2000) == []
    assert world.causes(T0 + 2001) == ["own bus"]


def test_our_own_clock_is_named_when_the_others_agree():
    """The median decides whose clock is off: one peer's is not ours."""
    world = World()
    world.peers.clocks.add(1, 0, 900_000_000, 0)
    assert world.causes(T0) == []
    for member in range(2, 7):
        world.peers.clocks.add(member, 0, 900_000_000, 0)
    assert world.causes(T0) == ["our clock"]


def test_every_slot_is_counted_once():
    """The slot in which it started is nobody's; the others are certified or missed."""
    world = World()
    world.certified = {T0 + 500, T0 + 1500}
    for now_ms in range(T0, T0 + 3001, 250):
        world.health.look(now_ms)
    assert (world.slots("certified"), world.slots("missed")) == (2, 2)


def test_a_long_sleep_is_counted_in_bounded_time():
    """A clock that jumps by a year does not hold the loop up."""
    world = World()
    world.health.look(T0 + 366 * 86_400_000)
    assert world.slots("missed") == 1000
