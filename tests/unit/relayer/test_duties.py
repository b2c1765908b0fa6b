"""Who gets which chain."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayer.duties import (
    Claim,
    Share,
    divide,
    encode,
    own_share,
    owners_of,
    read_share,
    refused_of,
)

ALL = ("alpha", "beta", "gamma")


def test_one_relayer_has_everything() -> None:
    """Whatever it says of itself: somebody has to try."""
    assert owners_of([Claim("a", ALL)]) == dict.fromkeys(ALL, "a")
    assert owners_of([Claim("a", ALL, ailing=ALL)]) == dict.fromkeys(ALL, "a")
    assert owners_of([]) == {}


def test_a_new_relayer_takes_only_what_levels() -> None:
    """What stays was never interrupted."""
    owners = owners_of([Claim("a", ALL, holds=ALL), Claim("b", ALL)])
    assert sorted(owners.values()) == ["a", "a", "b"]
    again = owners_of(
        [
            Claim(name, ALL, holds=tuple(c for c, owner in owners.items() if owner == name))
            for name in ("a", "b")
        ]
    )
    assert again == owners


def test_what_a_dead_relayer_had_goes_to_the_others() -> None:
    """They keep their own."""
    assert owners_of([Claim("b", ALL, holds=("gamma",))]) == dict.fromkeys(ALL, "b")


def test_who_does_not_get_through_gives_way() -> None:
    """To one that may, though it has more already: then it is given another for it."""
    two = ("alpha", "beta")
    a = Claim("a", two, holds=("alpha",), ailing=("alpha",))
    b = Claim("b", two, holds=("beta",))
    assert owners_of([a, b]) == {"alpha": "b", "beta": "a"}
    a = Claim("a", two, holds=("alpha",), ailing=two)
    assert owners_of([a, b]) == {"alpha": "b", "beta": "b"}


def test_nobody_gets_through() -> None:
    """The chain stays where it is: to pass it round would help nobody."""
    a = Claim("a", ("alpha",), ailing=("alpha",))
    b = Claim("b", ("alpha",), holds=("alpha",), ailing=("alpha",))
    assert owners_of([a, b]) == {"alpha": "b"}


def test_a_chain_goes_only_to_who_serves_it() -> None:
    """Relayers need not have the same chains, however uneven that leaves them."""
    a, b = Claim("a", ALL, holds=ALL), Claim("b", ("delta",))
    assert owners_of([a, b]) == dict.fromkeys(ALL, "a") | {"delta": "b"}


def test_two_that_both_think_they_hold_a_chain() -> None:
    """One of them was away: exactly one goes on."""
    both = [Claim("a", ("alpha",), holds=("alpha",)), Claim("b", ("alpha",), holds=("alpha",))]
    assert owners_of(both) == {"alpha": "a"}


def test_what_does_not_decode_gets_nothing_and_spoils_nothing() -> None:
    """A relayer of another version in the group leaves the others their work."""
    shares = divide({"m1": encode(Claim("a", ("alpha",))), "m2": b"\xff\x00", "m3": b""})
    assert own_share(read_share(shares["m1"]), "a") == {"alpha"}
    assert read_share(shares["m2"]).heard is None
    assert read_share(b"\xff") == read_share(b"") == Share()


def test_one_name_counts_once() -> None:
    """Two members by one name and wallet refuse each other nothing: one is not heard."""
    claim = encode(Claim("a", ("alpha",), wallets={"alpha": "0xAA"}))
    shares = divide({"m1": claim, "m2": claim, "m3": encode(Claim("b", ("beta",)))})
    assert read_share(shares["m1"]).owners == {"alpha": "a", "beta": "b"}
    assert read_share(shares["m1"]).refused == {}
    assert read_share(shares["m2"]).heard is None


def test_a_relayer_hears_what_was_known_of_it() -> None:
    """So that it can tell whether a division was by what it says now."""
    claim = Claim("a", ("alpha",), turn=3)
    share = read_share(divide({"m": encode(claim)})["m"])
    assert share.heard == claim
    assert share.owners == {"alpha": "a"}


def test_a_wallet_is_of_one_relayer_on_a_chain() -> None:
    """Of who holds the chain, else of the first by name; on other chains both are as good."""
    wallets = {"alpha": "0xAA", "beta": "0xBB"}
    two = ("alpha", "beta")
    a, b = Claim("a", two, wallets=wallets), Claim("b", two, wallets=wallets | {"beta": "0xCC"})
    assert refused_of([b, a]) == {"b": {"alpha": "a"}}
    assert owners_of([a, b]) == {"alpha": "a", "beta": "b"}
    holder = Claim("b", two, holds=("alpha",), wallets=b.wallets)
    assert refused_of([a, holder]) == {"a": {"alpha": "b"}}
    shares = divide({"m1": encode(a), "m2": encode(holder)})
    assert read_share(shares["m1"]).refused == {"alpha": "b"}
    assert read_share(shares["m2"]).refused == {}


def test_a_wallet_on_another_chain_is_another_wallet() -> None:
    """Nonces are counted by chain; a claim without wallets (an earlier version's) clashes not."""
    a = Claim("a", ALL, wallets={"alpha": "0xAA"})
    assert refused_of([a, Claim("b", ALL, wallets={"beta": "0xAA"}), Claim("c", ALL)]) == {}


_chains = st.sets(st.sampled_from("pqrstuvw")).map(tuple)


_wallets = st.dictionaries(st.sampled_from("pqrstuvw"), st.sampled_from(["0x1", "0x2"]))


@st.composite
def _claim_lists(draw: st.DrawFn) -> list[Claim]:
    names = draw(st.lists(st.sampled_from("abcde"), unique=True, max_size=5))
    return [
        Claim(name, draw(_chains), draw(_chains), draw(_chains), draw(_wallets)) for name in names
    ]


@given(_claim_lists(), st.randoms())
def test_every_chain_has_exactly_one_owner_that_serves_it(claims, random) -> None:
    """Whatever is claimed, in whatever order, and never an ailing one while another is well."""
    owners, refused = owners_of(claims), refused_of(claims)
    by_name = {claim.relayer: claim for claim in claims}
    assert owners.keys() == {chain for claim in claims for chain in claim.serves}
    for chain, owner in owners.items():
        assert chain in by_name[owner].serves
        assert chain not in refused.get(owner, {})
        able = [c for c in claims if chain in c.serves and chain not in refused.get(c.relayer, {})]
        well = {c.relayer for c in able if chain not in c.ailing}
        assert owner in well or not well
    shuffled = list(claims)
    random.shuffle(shuffled)
    assert owners_of(shuffled) == owners


def _settled(claims: list[Claim]) -> list[Claim]:
    """Return what the same relayers claim after a division."""
    owners = owners_of(claims)
    return [
        msgspec.structs.replace(
            c, holds=tuple(chain for chain, owner in owners.items() if owner == c.relayer)
        )
        for c in claims
    ]


@given(_claim_lists())
def test_a_division_is_at_rest(claims) -> None:
    """Divided again by its own outcome, nothing moves; where wallets are shared, the second time:
    whose a wallet is may change once, when neither of the two has the chain."""
    settled = _settled(claims)
    if refused_of(claims):
        settled = _settled(settled)
    assert owners_of(_settled(settled)) == owners_of(settled)


@pytest.mark.parametrize("count", [1, 2, 5, 7])
def test_equals_share_equally(count: int) -> None:
    """Nobody has two more than another where all serve all."""
    chains = tuple(f"c{n}" for n in range(23))
    owners = owners_of([Claim(f"r{n}", chains) for n in range(count)])
    loads = [list(owners.values()).count(f"r{n}") for n in range(count)]
    assert max(loads) - min(loads) <= 1
