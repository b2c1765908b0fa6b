"""The HTTP API: marks with their sources and refusals, signed reports, live events, health.

It only reads. Bind it to loopback or put it behind a proxy: there are no tokens yet, and nothing
here gives an order. `GET /openapi.json` describes it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

from oracle.api import models, problems
from oracle.api.asked import View, known
from oracle.api.fanout import Stream
from oracle.api.past import Past
from oracle.api.past import router as past_router
from oracle.api.problems import ProblemError, documented
from oracle.api.proofs import Lending
from oracle.api.proofs import router as proofs_router
from oracle.api.render import render_control, render_receipt
from oracle.api.view import RECEIPTS_HELD, LatestView
from oracle.report.word import GROUP_SIZE

LIVE_WITHIN_S: Final = 10.0
HEARTBEAT_S: Final = 5.0

router: Final = APIRouter()


def create_app(
    view: LatestView,
    *,
    past: Past | None = None,
    lending: Lending | None = None,
    live_within_s: float = LIVE_WITHIN_S,
    heartbeat_s: float = HEARTBEAT_S,
    registry: CollectorRegistry = REGISTRY,
) -> FastAPI:
    """Return the application over `view`, whose `run` the caller keeps running.

    Without `past` it answers nothing of the archive, without `lending` it gives no copy of it.
    """
    app = FastAPI(
        title="Plumbline",
        version="1",
        description="Mark prices, the signed reports that carry them, and what refused what.",
        docs_url=None,  # those pages load scripts from a third party
        redoc_url=None,
    )
    app.state.view = view
    app.state.past = past
    app.state.lending = lending
    app.state.live_within_s = live_within_s
    app.state.heartbeat_s = heartbeat_s
    app.state.registry = registry
    problems.install(app)
    app.include_router(router)
    app.include_router(past_router)
    app.include_router(proofs_router)
    return app


@router.get("/v1/markets", tags=["marks"], summary="All configured markets")
async def get_markets(view: View) -> models.Markets:
    """List the configured markets by number, with the validity of each now."""
    return models.Markets(
        markets=[
            models.Market(
                market=name,
                number=number,
                group=number // GROUP_SIZE,
                validity=view.mark(view.marks[name]).validity if name in view.marks else None,
            )
            for name, number in view.markets.items()
        ]
    )


@router.get("/v1/marks", tags=["marks"], summary="The latest marks of all markets")
async def get_marks(view: View) -> models.Marks:
    """Return the newest mark of each market, its sources and why any was refused."""
    return models.Marks(
        time_ms=view.clock_ns() // 10**6,
        marks=[view.mark(view.marks[name]) for name in view.markets if name in view.marks],
        missing=[name for name in view.markets if name not in view.marks],
    )


@router.get(
    "/v1/marks/{market:path}",  # a path, so that BTC/USD is answered with the known names
    tags=["marks"],
    summary="The latest mark of one market",
    responses=documented(404, 503),
)
async def get_mark(view: View, market: str) -> models.Mark:
    """Return the newest mark; a mark older than the server allows has validity STALE, no price."""
    mark = view.marks.get(known(view, market))
    if mark is None:
        detail = f"no mark of {market} has been read yet; GET /ready says what is missing"
        raise ProblemError(503, problems.NO_MARK_YET, detail, {"Retry-After": "1"})
    return view.mark(mark)


@router.get(
    "/v1/reports/latest",
    tags=["reports"],
    summary="The latest signed report",
    responses=documented(404),
)
async def get_latest_report(view: View) -> models.Report:
    """Return the newest report, its bytes and parsed. Verify the signatures yourself."""
    if not view.reports:
        detail = "no report has been read since this server started; is a committee signing?"
        raise ProblemError(404, problems.NO_REPORT_YET, detail)
    return view.report(view.reports[-1])


@router.get(
    "/v1/reports/after/{time_ms}",
    tags=["reports"],
    summary="The first report after a time",
    responses=documented(404),
)
async def get_report_after(
    view: View, time_ms: Annotated[int, Path(ge=0, le=2**53, description="unix ms")]
) -> models.Report:
    """Return the report with `0 < prev_ms < time_ms <= time_ms of the report`.

    That is the one a two-step order settles on; the signed `prev_ms` proves that none was before
    it in its epoch. An epoch's first report has `prev_ms` 0 and proves nothing.
    404 `no-report-yet` may be asked again; 404 `not-held` never comes back.
    """
    report = view.first_after(time_ms)
    if report is not None:
        return view.report(report)
    held = view.held()
    if held is None or time_ms > held.newest_ms:
        newest = f"the newest held is of {held.newest_ms}" if held else "none is held yet"
        detail = f"no report at or after {time_ms} yet; {newest}"
        raise ProblemError(404, problems.NO_REPORT_YET, detail)
    detail = (
        f"the first report after {time_ms} is not held here; held are reports of "
        f"{held.oldest_ms} to {held.newest_ms}: ask the archive"
    )
    raise ProblemError(404, problems.NOT_HELD, detail)


@router.get("/v1/receipts", tags=["chains"], summary="The latest receipts of each chain")
async def get_receipts(
    view: View,
    limit: Annotated[int, Query(ge=1, le=RECEIPTS_HELD, description="per chain")] = 10,
) -> models.Receipts:
    """Return what became of the newest transactions, newest first."""
    return models.Receipts(
        chains={
            chain: [render_receipt(receipt) for receipt in list(held)[:limit]]
            for chain, held in sorted(view.receipts.items())
        }
    )


@router.get("/v1/controls", tags=["controls"], summary="The pauses in force")
async def get_controls(view: View) -> models.Controls:
    """Return who paused what, why and until when. Pause with `plumb pause`."""
    now_ns = view.clock_ns()
    return models.Controls(
        time_ms=now_ns // 10**6,
        controls=[render_control(control) for control in view.controls.in_force(now_ns)],
    )


async def _stream(
    view: View,
    market: Annotated[str | None, Query(description="only this market's marks")] = None,
) -> AsyncIterator[Stream]:
    # Opened here and not in the generator below: errors still become a status, and this closes
    # for sure when the reader has left, also while an event waits to be sent.
    stream = view.open_stream(None if market is None else known(view, market))
    try:
        yield stream
    finally:
        view.fanout.close(stream)


@router.get(
    "/v1/stream",
    tags=["marks"],
    summary="Live events",
    response_class=EventSourceResponse,
    responses=documented(404, 503),
)
async def get_stream(
    request: Request, view: View, stream: Annotated[Stream, Depends(_stream)]
) -> AsyncIterator[ServerSentEvent]:
    """Stream `mark`, `report`, `receipt` and `control` events, beginning with what holds now.

    The data of each is the JSON of the same name in this document. `heartbeat` comes when there
    is nothing else; `dropped` says how many events a slow reader lost: the oldest go first.
    """
    heartbeat_s: float = request.app.state.heartbeat_s
    while not stream.ended:
        event = await stream.take(heartbeat_s)
        if dropped := stream.take_dropped():
            yield ServerSentEvent(event="dropped", data=models.Dropped(count=dropped))
        if event is not None:
            yield ServerSentEvent(event=event.kind, raw_data=event.data)
        elif not stream.ended:
            now_ms = view.clock_ns() // 10**6
            yield ServerSentEvent(event="heartbeat", data=models.Heartbeat(time_ms=now_ms))


@router.get("/live", tags=["health"], summary="Whether every loop turns", responses=documented())
async def get_live(request: Request, view: View, response: Response) -> models.Health:
    """Answer 200, or 503 with the loops that have not turned lately: restart the process then."""
    return _health(response, view.progress.late(request.app.state.live_within_s))


@router.get("/ready", tags=["health"], summary="Whether every market has a fresh mark")
async def get_ready(view: View, response: Response) -> models.Health:
    """Answer 200, or 503 with the reasons: send consumers elsewhere then."""
    return _health(response, view.unready())


@router.get("/metrics", tags=["health"], summary="Prometheus metrics", response_class=Response)
async def get_metrics(request: Request) -> Response:
    """Return the metrics of this process."""
    registry: CollectorRegistry = request.app.state.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _health(response: Response, reasons: list[str]) -> models.Health:
    response.status_code = 503 if reasons else 200
    return models.Health(ok=not reasons, reasons=reasons)
