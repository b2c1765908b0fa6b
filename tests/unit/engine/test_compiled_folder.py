"""Where machine code is kept: always under the digest of the code it was made of."""

from __future__ import annotations

from pathlib import Path

from oracle.engine import compiled


def test_the_folder_is_named_by_the_sources():
    """A change of any source of the engine is another folder, beside the sources by default."""
    folder = compiled._folder("")
    assert folder.name == compiled._digest()
    assert folder.parent == Path(compiled.__file__).parent / "__pycache__"


def test_a_given_folder_has_the_digest_too(tmp_path):
    """NUMBA_CACHE_DIR must not bring an old release's code back."""
    assert compiled._folder(str(tmp_path)) == tmp_path / compiled._digest()


def test_where_nothing_can_be_written_it_is_kept_for_the_process(tmp_path):
    """A system install without a home still starts: it compiles every time."""
    (tmp_path / "file").write_text("")
    assert compiled._folder(str(tmp_path / "file")).name.startswith("plumbline-")


def test_an_installation_that_cannot_be_written_does_not_compile_again(tmp_path, monkeypatch):
    """What was compiled when an image was built is what its processes run."""
    (tmp_path / "file").write_text("")
    built = tmp_path / compiled._digest()
    built.mkdir()
    (built / "step.nbc").write_bytes(b"machine code")
    monkeypatch.setattr(compiled, "_bases", lambda: iter([tmp_path]))
    folder = compiled._folder(str(tmp_path / "file"))
    assert folder != built
    assert (folder / "step.nbc").read_bytes() == b"machine code"
