"""What is said of writes that fail."""

from __future__ import annotations

import socket

from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from oracle.bus.kafka_faults import WriteFaults
from oracle.model.errors import Retryable


def _failure(cause: type[Exception]) -> Retryable:
    error = Retryable("publish to t")
    error.__cause__ = cause()
    return error


def _counted(name: str, fault: str) -> float:
    labels = {"topic": name, "fault": fault}
    return REGISTRY.get_sample_value("plumbline_bus_writes_failed_total", labels) or 0.0


async def test_a_topic_that_cannot_be_written_is_a_line_a_fault_and_counted_each_time() -> None:
    """Ten thousand failed writes are a few lines, which name what is wrong and how often."""
    with socket.create_server(("127.0.0.1", 0)) as up, capture_logs() as said:
        faults = WriteFaults(f"127.0.0.1:{up.getsockname()[1]}")
        for _ in range(3):
            await faults.told("line.t", _failure(TimeoutError))
        await faults.told("line.u", _failure(TimeoutError))
        for cause in (RuntimeError, TimeoutError, RuntimeError):
            await faults.told("line.t", _failure(cause))
        for _ in range(2):
            faults.worked("line.t")
    lines = [(line["event"], line["topic"], line.get("fault"), line["failed"]) for line in said]
    assert lines == [
        ("bus_write_failed", "line.t", "no_answer", 1),
        ("bus_write_failed", "line.u", "no_answer", 1),
        ("bus_write_failed", "line.t", "other", 4),
        ("bus_writes_again", "line.t", None, 6),
    ]
    assert (_counted("line.t", "no_answer"), _counted("line.t", "other")) == (4, 2)


async def test_the_error_names_the_brokers_that_take_no_connection() -> None:
    """A person sees which of several to look at; of one alone there is nothing to choose."""
    with socket.create_server(("127.0.0.1", 0)) as up, socket.create_server(("127.0.0.1", 0)) as no:
        here, gone = (f"127.0.0.1:{one.getsockname()[1]}" for one in (up, no))
        no.close()
        told = await WriteFaults(f"{here},{gone}").told("x", _failure(TimeoutError))
        assert str(told) == f"publish to t; 1 of 2 brokers take no connection: {gone}"
        alone = await WriteFaults(gone).told("x", _failure(TimeoutError))
        assert str(alone) == "publish to t"
