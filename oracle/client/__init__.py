"""What a consumer imports: the API's client, and the check that needs to trust no server.

Nothing here reads the bus or the configuration, or imports the server.
"""

from oracle.client.asynchronous import AsyncPlumblineClient
from oracle.client.freshness import require_fresh
from oracle.client.quotes import (
    CandleQuote,
    ControlQuote,
    Dropped,
    HistoryPage,
    MarkQuote,
    PastMarkQuote,
    ReceiptQuote,
    ReportQuote,
    SourceQuote,
    StreamEvent,
)
from oracle.client.synchronous import PlumblineClient
from oracle.client.verification import VerifiedPrice, VerifiedReport, verify_report
from oracle.model.errors import PlumblineError, Rejected, Retryable
from oracle.model.validity import BreakerState, Validity

__all__ = [
    "AsyncPlumblineClient",
    "BreakerState",
    "CandleQuote",
    "ControlQuote",
    "Dropped",
    "HistoryPage",
    "MarkQuote",
    "PastMarkQuote",
    "PlumblineClient",
    "PlumblineError",
    "ReceiptQuote",
    "Rejected",
    "ReportQuote",
    "Retryable",
    "SourceQuote",
    "StreamEvent",
    "Validity",
    "VerifiedPrice",
    "VerifiedReport",
    "require_fresh",
    "verify_report",
]
