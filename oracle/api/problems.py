"""Errors as RFC 9457 problem documents, with a type that programs can tell apart."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from oracle.api.models import Problem
from oracle.model.errors import Retryable

UNKNOWN_MARKET: Final = "unknown-market"
NO_MARK_YET: Final = "no-mark-yet"
NO_REPORT_YET: Final = "no-report-yet"
NOT_HELD: Final = "not-held"
NO_ARCHIVE: Final = "no-archive"
NOT_SERVED: Final = "not-served"
TOO_MUCH: Final = "too-much"
DAMAGED: Final = "archive-damaged"
BUSY: Final = "busy"
BAD_REQUEST: Final = "bad-request"

_TITLES: Final = {
    UNKNOWN_MARKET: "The market is not configured",
    NO_MARK_YET: "The market has no mark yet",
    NO_REPORT_YET: "There is no such report yet",
    NOT_HELD: "The report is not held here",
    NO_ARCHIVE: "This server has no archive",
    NOT_SERVED: "That is not served",
    TOO_MUCH: "More was asked for than one answer holds",
    DAMAGED: "A part of the archive is damaged",
    BUSY: "The server is busy",
    BAD_REQUEST: "The request is malformed",
}


class ProblemError(HTTPException):
    """An error that a handler answers with."""

    def __init__(
        self, status: int, kind: str, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, headers)
        self.kind: Final = kind


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI entries of the problems that a path may answer with."""
    return {
        status: {"model": Problem, "content": {"application/problem+json": {}}}
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        if isinstance(error, ProblemError):
            return _answer(error.status_code, error.kind, str(error.detail), error.headers)
        return _answer(error.status_code, None, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def _malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        detail = f"{place}: {first['msg']} (given {str(first.get('input'))[:80]!r})"
        return _answer(422, BAD_REQUEST, detail)

    @app.exception_handler(Retryable)
    async def _busy(_: Request, error: Retryable) -> JSONResponse:
        return _answer(503, BUSY, str(error), {"Retry-After": "1"})


def _answer(status: int, kind: str | None, detail: str, headers: Any = None) -> JSONResponse:
    problem = Problem(
        type=f"urn:plumbline:{kind}" if kind else "about:blank",
        title=_TITLES[kind] if kind else detail,
        status=status,
        detail=detail,
    )
    return JSONResponse(
        problem.model_dump(), status, headers, media_type="application/problem+json"
    )
