"""Who pushes to which chain, when several relayers share them: pure.

Each relayer claims the chains that it serves, holds, and would rather not have. One of them
divides; all hear the whole table. A chain stays where it is unless its relayer is gone, gives way,
or has two more than another that could take it. Nobody gets a chain where another has its wallet.
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
    wallets: dict[str, str] = {}
    """Its wallet on each chain that it serves."""
    turn: int = 0
    """Differs in each statement: Kafka divides anew only for a claim that has changed."""


class Share(msgspec.Struct, frozen=True):
    """What a relayer hears of a division."""

    owners: dict[str, str] = {}
    heard: Claim | None = None
    """Its own claim, as it was known to the one who divided."""
    refused: dict[str, str] = {}
    """Chains that it may not have, as this other relayer has its wallet there."""


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

    A claim that does not decode (another version's) is of somebody who gets nothing; so is one
    by the name of another member.
    """
    read: dict[str, Claim] = {}
    for member, said in claims.items():
        try:
            claim = _claims.decode(said)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        if claim.relayer not in {other.relayer for other in read.values()}:
            read[member] = claim
    owners, refused = owners_of(list(read.values())), refused_of(list(read.values()))
    shares = {
        member: Share(owners, claim, refused.get(claim.relayer, {}))
        for member, claim in read.items()
    }
    return {member: encode(shares.get(member, Share(owners))) for member in claims}


def owners_of(claims: list[Claim]) -> dict[str, str]:
    """Return who gets which chain: every chain that anybody serves, to exactly one.

    No two claims are by one relayer.
    """
    claims = sorted(claims, key=lambda claim: claim.relayer)
    refused = refused_of(claims)
    able = {chain: _able(chain, claims, refused) for claim in claims for chain in claim.serves}
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


def refused_of(claims: list[Claim]) -> dict[str, dict[str, str]]:
    """Return, by relayer, the chains where its wallet is another's too, and whose.

    Two would spend each other's nonces. Who holds the chain keeps it, else the first by name.
    """
    users: dict[tuple[str, str], list[Claim]] = {}
    for claim in sorted(claims, key=lambda claim: claim.relayer):
        for chain in set(claim.serves) & claim.wallets.keys():
            users.setdefault((chain, claim.wallets[chain].lower()), []).append(claim)
    refused: dict[str, dict[str, str]] = {}
    for (chain, _), same in users.items():
        keeper, *others = sorted(same, key=lambda claim: chain not in claim.holds)
        for other in others:
            refused.setdefault(other.relayer, {})[chain] = keeper.relayer
    return refused


def _able(chain: str, claims: list[Claim], refused: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return who may have a chain: all that serve it when none of them gets through."""
    serving = [c for c in claims if chain in c.serves and chain not in refused.get(c.relayer, ())]
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
