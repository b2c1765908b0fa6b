"""What every path asks of the application: its view, and whether it knows a market."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from oracle.api import problems
from oracle.api.problems import ProblemError
from oracle.api.view import LatestView


def _view(request: Request) -> LatestView:
    view: LatestView = request.app.state.view
    return view


View = Annotated[LatestView, Depends(_view)]


def known(view: LatestView, market: str) -> str:
    """Return the market's name.

    Raises:
        ProblemError: it is not configured.
    """
    if market not in view.markets:
        names = ", ".join(view.markets)
        detail = f"no market {market!r} is configured; known: {names}"
        raise ProblemError(404, problems.UNKNOWN_MARKET, detail)
    return market
