"""A store of which nothing is fetched twice, within a bound."""

from __future__ import annotations

from pathlib import Path

from oracle.verify.once import StoreOnce


def test_nothing_is_read_or_listed_twice(tmp_path: Path):
    """What was read stays as it was, though the folder changes."""
    store = StoreOnce(str(tmp_path))
    store.put("a/one", b"1")
    first = store.get("a/one"), store.files("a"), store.folders("")
    assert first[:2] == (b"1", ["a/one"])
    (tmp_path / "a" / "one").write_bytes(b"2")
    (tmp_path / "a" / "two").write_bytes(b"3")
    (tmp_path / "b").mkdir()
    assert (store.get("a/one"), store.files("a"), store.folders("")) == first


def test_what_is_kept_is_bounded(tmp_path: Path):
    """The object used least lately is read again."""
    store = StoreOnce(str(tmp_path), most_bytes=10)
    for name in ("x", "y", "z"):
        store.put(name, name.encode() * 4)
    store.get("x")
    store.get("y")
    store.get("x")
    store.get("z")
    for name in ("x", "y"):
        (tmp_path / name).write_bytes(b"new")
    assert store.get("x") == b"xxxx"
    assert store.get("y") == b"new"


def test_one_object_beyond_the_bound_is_given(tmp_path: Path):
    """It is kept alone."""
    store = StoreOnce(str(tmp_path), most_bytes=1)
    store.put("x", b"12345")
    assert store.get("x") == b"12345"
