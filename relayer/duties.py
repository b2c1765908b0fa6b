"""Who pushes to which chain, when several relayers share them: pure.

Each relayer claims the chains that it serves, holds, and would rather not have. One of them
divides; all hear the whole table. A chain stays where it is unless its relayer is gone, gives way,
or has two more than another that could take it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

Owners = Mapping[str, str]
"""Chain to the relayer that has it."""


class Claim(msgspec.Struct, frozen=True):
    """What one relayer says of itself."""

    relayer: str
    serves: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    ailing: tuple[str, ...] = ()
    """Chains that it serves but does not get through to: another that serves them is preferred."""
    turn: int = 0
    """Differs in each statement: Kafka divides anew only for a claim that has changed."""


class Share(msgspec.Struct, frozen=True):
    """What a relayer hears of a division."""

    owners: dict[str, str] = {}
    heard: Claim | None = None
    """Its own claim, as it was known to the one who divided."""


def own_share(share: Share, relayer: str) -> frozenset[str]:
    """Return the chains that a relayer has."""
    return frozenset(chain for chain, owner in share.owners.items() if owner == relayer)


def encode(message: Claim | Share) -> bytes:
    """Encode as JSON: what `kafka-consumer-groups` and a log can show."""
    return msgspec.json.encode(message)


def read_share(data: bytes) -> Share:
    """Decode a share; one that does not decode is an empty one, so that nothing is pushed on it."""
    try:
        return _shares.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Share()


def divide(claims: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return each member's share, given each member's claim.

    A claim that does not decode (another version's) is of somebody who gets nothing.
    """
    read: dict[str, Claim] = {}
    for member, claim in claims.items():
        try:
            read[member] = _claims.decode(claim)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    owners = owners_of(list(read.values()))
    return {member: encode(Share(owners, read.get(member))) for member in claims}


def owners_of(claims: list[Claim]) -> dict[str, str]:
    """Return who gets which chain: every chain that anybody serves, to exactly one."""
    claims = sorted(claims, key=lambda claim: claim.relayer)
    able = {chain: _able(chain, claims) for claim in claims for chain in claim.serves}
    load = {claim.relayer: 0 for claim in claims}
    owners: dict[str, str] = {}
    for claim in claims:
        for chain in sorted(claim.holds):
            if chain not in owners and claim.relayer in able.get(chain, ()):
                owners[chain] = claim.relayer
                load[claim.relayer] += 1
    for chain in sorted(able.keys() - owners.keys()):
        owners[chain] = min(able[chain], key=load.__getitem__)
        load[owners[chain]] += 1
    _level(owners, able, load)
    return owners


def _able(chain: str, claims: list[Claim]) -> list[str]:
    """Return who may have a chain: all that serve it when none of them gets through."""
    serving = [claim for claim in claims if chain in claim.serves]
    well = [claim for claim in serving if chain not in claim.ailing]
    return [claim.relayer for claim in well or serving]


def _level(owners: dict[str, str], able: Mapping[str, list[str]], load: dict[str, int]) -> None:
    """Move chains one by one from who has two more than another that may have them."""
    moved = True
    while moved:
        moved = False
        for chain, owner in sorted(owners.items()):
            other = min(able[chain], key=load.__getitem__)
            if load[owner] - load[other] >= 2:
                owners[chain] = other
                load[owner] -= 1
                load[other] += 1
                moved = True


_claims: Final = msgspec.json.Decoder(Claim)
_shares: Final = msgspec.json.Decoder(Share)
