"""The tree over a report's leaves, and the walk that proves any subset of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eth_hash.auto import keccak

from oracle.model.errors import Rejected


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root of leaf hashes; a last node without a partner goes up unchanged."""
    layer = list(hashes)
    while len(layer) > 1:
        layer = _up(layer)
    return layer[0]


def siblings_of(hashes: Sequence[bytes], carried: Sequence[int]) -> list[bytes]:
    """Return the nodes that let a verifier of `carried` (rising leaf numbers) reach the root."""
    siblings: list[bytes] = []
    layer, known = list(hashes), list(carried)
    while len(layer) > 1:
        partners = {at ^ 1 for at in known} - set(known)
        siblings += [layer[at] for at in sorted(partners) if at < len(layer)]
        layer, known = _up(layer), sorted({at >> 1 for at in known})
    return siblings


def root_from(known: Mapping[int, bytes], leaves: int, siblings: Sequence[bytes]) -> bytes:
    """Return the root that `known` leaf hashes and `siblings` lead to, in a tree of `leaves`.

    Raises:
        Rejected: too few or too many siblings.
    """
    layer, width, rest = dict(sorted(known.items())), leaves, list(reversed(siblings))
    try:
        while width > 1:
            above: dict[int, bytes] = {}
            for at, node in layer.items():
                if at ^ 1 >= width:
                    above[at >> 1] = node
                elif at & 1:
                    if at - 1 not in layer:
                        above[at >> 1] = keccak(rest.pop() + node)
                else:
                    above[at >> 1] = keccak(node + (layer.get(at + 1) or rest.pop()))
            layer, width = above, (width + 1) >> 1
    except IndexError:
        raise Rejected(f"{len(siblings)} siblings are too few for leaves {sorted(known)}") from None
    if rest:
        raise Rejected(f"{len(rest)} siblings too many for leaves {sorted(known)}")
    return layer[0]


def sibling_count(carried: Sequence[int], leaves: int) -> int:
    """Return how many siblings a body with `carried` leaves of `leaves` must hold."""
    count, width, known = 0, leaves, sorted(carried)
    while width > 1:
        count += len({at ^ 1 for at in known if at ^ 1 < width} - set(known))
        width, known = (width + 1) >> 1, sorted({at >> 1 for at in known})
    return count


def _up(layer: Sequence[bytes]) -> list[bytes]:
    above = [keccak(layer[at] + layer[at + 1]) for at in range(0, len(layer) - 1, 2)]
    return [*above, layer[-1]] if len(layer) % 2 else above
