"""What a process says of itself: alive while its loop turns, ready while its services run."""

from __future__ import annotations

import asyncio
import socket
import threading

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from oracle.cli.health import LIVE_WITHIN_S, Health, serve_health
from oracle.cli.supervise import Supervisor
from oracle.model.errors import ConfigError, Retryable


@pytest.fixture
def served():
    """Serve health over a clock and a set of failed services that the test sets."""
    world = {"now_s": 0.0, "waiting": set()}
    registry = CollectorRegistry()
    Counter("seen", "One figure", registry=registry).inc()
    health = Health(lambda: world["waiting"], lambda: world["now_s"])
    server = serve_health("127.0.0.1", 0, registry, health)
    with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", trust_env=False) as client:
        yield world, client
    server.shutdown()
    server.server_close()


def test_a_fresh_process_is_alive_and_ready(served):
    """Both answer 200, and every other path has the metrics."""
    _, client = served
    assert client.get("/live").status_code == client.get("/ready").status_code == 200
    assert "seen_total 1.0" in client.get("/metrics").text
    assert "seen_total 1.0" in client.get("/").text


def test_a_lost_broker_makes_unready_and_not_dead(served):
    """A failed service is named by /ready; killing the process would mend nothing."""
    world, client = served
    world["waiting"].add("engines")
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["engines failed and waits to start again"]
    assert client.get("/live").status_code == 200
    world["waiting"].clear()
    assert client.get("/ready").status_code == 200


def test_a_stuck_loop_is_dead(served):
    """Threads still answer, and say for how long the loop has not turned."""
    world, client = served
    world["now_s"] = LIVE_WITHIN_S
    assert client.get("/live").status_code == 200
    world["now_s"] = LIVE_WITHIN_S + 1
    answer = client.get("/live")
    assert answer.status_code == 503
    assert answer.json() == {"ok": False, "reasons": ["the loop has not turned for 31 s"]}
    assert client.get("/ready").status_code == 503


async def test_a_bus_that_does_not_answer_makes_unready_and_not_dead():
    """What it said is the reason, until it answers again."""
    answers = iter([Retryable("no Kafka broker at b:1"), ConfigError("refused"), None])
    health, seen = Health(set), []

    async def answer():
        seen.append((health.unready(), health.dead()))
        said = next(answers, asyncio.CancelledError())
        if said is not None:
            raise said

    with pytest.raises(asyncio.CancelledError):
        await health.ask(answer, every_s=0)
    assert [unready for unready, _ in seen] == [[], ["no Kafka broker at b:1"], ["refused"], []]
    assert all(dead == [] for _, dead in seen)


async def test_the_loop_says_that_it_turns():
    """While it turns the process is alive, however long it has run."""
    moments = iter([0.0, 100.0, 101.0])
    turned = asyncio.create_task((health := Health(set, lambda: next(moments))).turn())
    await asyncio.sleep(0)
    assert health.dead() == []
    turned.cancel()


def test_a_port_in_use_is_said():
    """The message names the address and both options."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}.*--metrics-host"):
            serve_health("127.0.0.1", port, CollectorRegistry(), Health(set))
    assert "health" not in {thread.name for thread in threading.enumerate()}


async def test_the_supervisor_names_what_waits():
    """A service that failed is waiting until it is started again."""
    supervisor, failed, mended = Supervisor(CollectorRegistry(), first_pause_s=0.001), 0, False

    async def shaky() -> None:
        nonlocal failed, mended
        if failed:
            mended = supervisor.waiting == set()
            return
        failed += 1
        raise Retryable("no broker")

    running = asyncio.create_task(supervisor.run({"shaky": shaky}))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert supervisor.waiting == {"shaky"}
    await asyncio.wait_for(running, 10)
    assert mended
