"""Pausing and resuming: what is refused, what is in force, what is audited."""

from __future__ import annotations

import re
from typing import Any

import pytest

from oracle.bus.interface import Start
from oracle.bus.memory import MemoryBus
from oracle.config.load import parse
from oracle.engine.controls import ControlBook
from oracle.model.errors import ConfigError, Retryable
from oracle.model.messages import Control
from oracle.model.topics import Topic
from oracle.node import controls
from oracle.node.audit import AuditWriter
from oracle.node.controls import KnownSubjects

NOW_NS = 1_790_000_000 * 10**9
MINUTE_NS = 60 * 10**9
KNOWN = KnownSubjects(
    frozenset({"binance:BTC/USDT", "coinbase:BTC/USD"}), frozenset({"BTC-USD", "ETH-USD.twap"})
)


def pause(**changed: Any) -> Control:
    """Build a pause with some arguments changed."""
    given = {"kind": "source", "subject": "binance:BTC/USDT", "reason": "wicks", "who": "ana"}
    return controls.pause(**{"now_ns": NOW_NS, "known": KNOWN, **given, **changed})


def test_a_pause_lasts_half_an_hour_unless_said_otherwise() -> None:
    """A pause ends by itself, by default after 30 minutes."""
    control = pause()
    assert control.until_ns == NOW_NS + 30 * MINUTE_NS
    assert control.paused
    assert pause(duration="90s").until_ns == NOW_NS + 90 * 10**9


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"kind": "venue"}, "cannot pause a 'venue'; pause one of: source, market"),
        ({"subject": "binance:BTC/USD"}, "did you mean binance:BTC/USDT"),
        ({"kind": "market", "subject": "btc-usd"}, "did you mean BTC-USD"),
        ({"subject": "zzz"}, "known: binance:BTC/USDT, coinbase:BTC/USD"),
        ({"kind": "market"}, "no market 'binance:BTC/USDT'"),
        ({"reason": "  "}, "reason is empty"),
        ({"reason": "x" * 501}, "501 characters"),
        ({"reason": "fine\nroot resumed"}, "control characters"),
        ({"who": ""}, "give a name with --who"),
        ({"duration": "0s"}, "longer than 0 and at most 30d"),
        ({"duration": "721h"}, "longer than 0 and at most 30d"),
        ({"duration": "30"}, "needs a number and a unit"),
        ({"duration": "-5m"}, "needs a number and a unit"),
    ],
)
def test_a_bad_pause_is_refused_with_what_to_do(changed: dict[str, Any], text: str) -> None:
    """Each mistake is named, with what is allowed."""
    with pytest.raises(ConfigError, match=re.escape(text)):
        pause(**changed)


def test_thirty_days_is_the_longest_pause() -> None:
    """The bound itself is allowed."""
    assert pause(duration="30d").until_ns == NOW_NS + 30 * 86_400 * 10**9


@pytest.mark.parametrize(
    "changed",
    [
        {"issued_ns": NOW_NS - 61 * 10**9},
        {"until_ns": NOW_NS},
        {"until_ns": 2**80},
        {"paused": False},
        {"paused": False, "until_ns": 2**80},
    ],
)
def test_a_control_made_elsewhere_is_checked_too(changed: dict[str, Any]) -> None:
    """Times that no command would write are refused where a control comes in."""
    fields = {name: getattr(pause(), name) for name in Control.__struct_fields__}
    with pytest.raises(ConfigError):
        controls.check(Control(**{**fields, **changed}), KNOWN, NOW_NS)


def test_a_pause_is_in_force_until_it_ends() -> None:
    """The pause holds to its last nanosecond, for its own kind and subject only."""
    state = ControlBook()
    control = pause()
    state.apply([control])
    for now_ns, source_paused in (
        (NOW_NS, True),
        (control.until_ns - 1, True),
        (control.until_ns, False),
    ):
        assert ("binance:BTC/USDT" in state.paused("source", now_ns)) == source_paused
    assert state.paused("market", NOW_NS) == {}


def test_a_resume_ends_a_pause_at_once() -> None:
    """The last order in the log counts, whatever its issuer's clock said."""
    later_ns = NOW_NS + 1
    resumed = controls.resume(
        "source", "binance:BTC/USDT", reason="calm", who="ana", now_ns=later_ns, known=KNOWN
    )
    state = ControlBook()
    state.apply([pause(), resumed])
    assert state.in_force(later_ns) == []
    state.apply([pause()])
    assert state.in_force(later_ns) == [pause()]


def test_in_force_lists_what_ends_first_in_front() -> None:
    """An operator sees what will come back next."""
    state = ControlBook()
    long, short = pause(duration="2h"), pause(kind="market", subject="BTC-USD", duration="1m")
    state.apply([long, short])
    assert state.in_force(NOW_NS) == [short, long]
    assert state.in_force(NOW_NS + MINUTE_NS) == [long]


async def test_issue_publishes_the_control_and_audits_it() -> None:
    """Who, why and until when are on the audit topic; the control is on its own."""
    async with MemoryBus() as bus:
        control = pause()
        await controls.issue(bus, control, AuditWriter(bus, "cli"))
        async with bus.subscribe(Topic.CONTROLS, Topic.AUDIT, start=Start.EARLIEST) as reader:
            records = await reader.take()
    by_topic = {record.topic: record for record in records}
    assert by_topic[Topic.CONTROLS].message == control
    assert by_topic[Topic.CONTROLS].key == "source|binance:BTC/USDT"
    entry: Any = by_topic[Topic.AUDIT].message
    assert (entry.action, entry.subject, entry.who) == ("pause", control.key, "ana")
    assert (entry.reason, entry.until_ns) == ("wicks", control.until_ns)


class AuditLost(MemoryBus):
    """A bus that takes everything but audit entries."""

    async def publish(self, topic: Topic, messages: Any) -> None:
        if topic is Topic.AUDIT:
            raise Retryable("broker gone")
        await super().publish(topic, messages)


async def test_a_pause_holds_although_its_audit_failed() -> None:
    """The operator is told that the pause is in force and what is missing."""
    bus = AuditLost()
    with pytest.raises(Retryable, match="is in force, but its audit entry is not written"):
        await controls.issue(bus, pause(), AuditWriter(bus, "cli"))
    async with bus.subscribe(Topic.CONTROLS, start=Start.EARLIEST) as reader:
        assert [record.message for record in await reader.take()] == [pause()]


def test_known_subjects_are_those_of_the_configuration() -> None:
    """Spot sources, perps and markets can be paused."""
    config = parse(
        {
            "markets": {
                "BTC-USD": {
                    "number": 0,
                    "min_sources": 1,
                    "min_origins": 1,
                    "sources": [{"source": "coinbase:BTC/USD"}],
                    "perps": [{"source": "kraken:BTC/USD"}],
                }
            }
        }
    )
    known = controls.known_subjects(config)
    assert known.source == {"coinbase:BTC/USD", "kraken:BTC/USD"}
    assert known.market == {"BTC-USD"}


def test_a_given_name_does_not_hide_the_os_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit shows the account behind a name that anybody can type."""
    monkeypatch.setenv("LOGNAME", "deploy")
    assert controls.operator() == "deploy"
    assert controls.operator("ana") == "ana (as deploy)"
