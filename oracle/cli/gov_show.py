"""A proposal's votes and whom it touches, as text and rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oracle.cli.gov_accounts import Affected
    from oracle.cli.gov_chain import Voting

E18 = 10**18


def votes_text(voting: Voting | None) -> str:
    """Return how a vote stands, in a line."""
    if voting is None:
        return "Not proposed to the governor: nobody votes on it."
    quorum = "not known yet" if voting.quorum is None else _votes(voting.quorum)
    text = (
        f"State: {voting.state}. Votes: {_votes(voting.in_favour)} for, {_votes(voting.against)} "
        f"against, {_votes(voting.abstaining)} abstain; quorum {quorum}. Voting from "
        f"{_time(voting.starts_s)} to {_time(voting.ends_s)}."
    )
    return f"{text} Executable from {_time(voting.eta_s)}." if voting.eta_s else text


def standing_rows(affected: Affected) -> list[list[str]]:
    """Return rows: below initial and below maintenance margin, now and then."""
    data = affected_data(affected)
    rows = [["known", *([f"{affected.accounts:,}"] * 2), ""]]
    for name in ("below_initial", "below_maintenance"):
        one = data[name]
        then, newly = ("?", "?") if one["then"] is None else (one["then"], len(one["newly"]))
        rows.append([f"{name.replace('_', ' ')} margin", str(one["now"]), str(then), str(newly)])
    return rows


def affected_data(affected: Affected) -> dict[str, Any]:
    """Return the same for programs, with the accounts that are newly below."""
    data: dict[str, Any] = {"accounts": affected.accounts, "refused": affected.refused}
    for name in ("below_initial", "below_maintenance"):
        now = getattr(affected.now, name)
        then = None if affected.then is None else getattr(affected.then, name)
        data[name] = {
            "now": len(now),
            "then": None if then is None else len(then),
            "newly": [] if then is None else [hex(one) for one in sorted(then - now)],
        }
    return data


def _votes(wei: int) -> str:
    return f"{wei / E18:,.0f}"


def _time(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
