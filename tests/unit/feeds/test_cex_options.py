"""What a CEX feed refuses to be built with, in the configuration and in the adapter."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from feeds.cex.ccxt_feed import CcxtFeed
from feeds.metrics import FeedMetrics
from oracle.config.deployment import CcxtFeedConfig
from oracle.model.errors import ConfigError


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"symbols": []}, "name at least one"),
        ({"mode": "fix"}, "use ws or rest"),
        ({"mode": "rest", "trades": True}, "trades come with mode ws only"),
        ({"venue": "mtgox"}, "is not known; use one of"),
    ],
)
def test_an_option_that_cannot_be_says_what_can(options: dict[str, object], says: str) -> None:
    """A wrong option ends the start, not the first connection."""
    given: dict[str, object] = {"venue": "okx", "symbols": ["BTC/USDT"], **options}
    with pytest.raises(ConfigError, match=says):
        CcxtFeed(now_ns=lambda: 1, metrics=FeedMetrics(CollectorRegistry()), **given)  # type: ignore[arg-type]  # cases of all kinds


def test_trades_are_refused_for_polling_when_the_file_is_read() -> None:
    """`plumb config check` says so, not the first connection."""
    with pytest.raises(ValidationError, match="trades come with mode: ws only"):
        CcxtFeedConfig(kind="ccxt", venue="okx", symbols=["BTC/USDT"], mode="rest", trades=True)
