"""A price is of a time: too old and ahead of the clock are both refused."""

from __future__ import annotations

from typing import Final

from oracle.model.errors import Rejected

MAX_FUTURE_MS: Final = 2_000
"""How far a time may be ahead of the consumer's clock."""


def require_fresh(
    what: str, time_ms: int, *, now_ms: int, max_age_ms: int, max_future_ms: int = MAX_FUTURE_MS
) -> None:
    """Refuse a time that is more than `max_age_ms` old, or ahead of the clock.

    Raises:
        Rejected: with the age and what is allowed.
    """
    age_ms = now_ms - time_ms
    if age_ms > max_age_ms:
        raise Rejected(
            f"{what} is stale: {age_ms} ms old, at most {max_age_ms} ms allowed; do not use it"
        )
    if age_ms < -max_future_ms:
        raise Rejected(
            f"{what} is {-age_ms} ms ahead of this clock, at most {max_future_ms} ms allowed; "
            "check this machine's clock first"
        )
