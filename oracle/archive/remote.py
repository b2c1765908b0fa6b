"""The archive of another, over its API: read like a folder, and believed as little as one.

It is a file system of fsspec, so that everything that reads an archive reads this too.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx
import msgspec
from fsspec import AbstractFileSystem

from oracle.archive.layout import MANIFEST

BASE: Final = "/v1/archive"
MOST_BYTES: Final = 256 * 2**20
"""Of one part, ..."""
MANIFEST_BYTES: Final = 16 * 2**10
"""... of one manifest, of which a day has thousands, ..."""
NAMES_BYTES: Final = 16 * 2**20
"""... and of one listing."""
TIMEOUT_S: Final = 30.0
"""Until something comes, ..."""
ANSWER_S: Final = 180.0
"""... and until all of an answer's body is here: it is sent in 120 s or cut."""
AT_ONCE: Final = 4
_MISSING: Final = 404
_SAID_BYTES: Final = 64 * 2**10


class _Problem(msgspec.Struct):
    """What a server says of an error."""

    detail: str


class ServedFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """What a member serves at `url`; its calls block."""

    protocol = "plumbline"
    cachable = False

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__()
        self._client: Final = httpx.Client(
            base_url=url.rstrip("/") + BASE,
            timeout=timeout_s,
            transport=transport,
            headers={"Accept-Encoding": "identity"},  # what is packed may unpack to anything
        )

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """List the folders right below a path."""
        below = path.strip("/")
        names = self._names("/folders", below)
        paths = [f"{below}/{name}" if below else name for name in names]
        entries = [{"name": each, "size": 0, "type": "directory"} for each in paths]
        return entries if detail else paths

    def find(self, path: str, *_: Any, **__: Any) -> list[str]:
        """List every object below a path."""
        try:
            return ["/" + name for name in self._names("/files", path.strip("/"))]
        except FileNotFoundError:
            return []

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        """Return an object."""
        most_bytes = MANIFEST_BYTES if path.endswith(MANIFEST) else MOST_BYTES
        return self._get("/objects/" + path.strip("/"), {}, most_bytes)[start:end]

    def cat(self, path: Any, *_: Any, **__: Any) -> Any:
        """Return objects by path, a few at a time."""
        if isinstance(path, str):
            return self.cat_file(path)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(path, pool.map(self.cat_file, path), strict=True))

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Say that an object is one: what it is comes with its bytes."""
        return {"name": path, "size": len(self.cat_file(path)), "type": "file"}

    def _open(self, path: str, mode: str = "rb", **_: Any) -> io.BytesIO:
        if mode != "rb":
            raise PermissionError("another's archive can only be read")
        return io.BytesIO(self.cat_file(path))

    def _names(self, route: str, path: str) -> list[str]:
        data = self._get(route, {"path": path}, NAMES_BYTES)
        try:
            return msgspec.json.decode(data, type=list[str])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            where = self._client.base_url
            raise ValueError(f"{where} lists no names below {path!r}: {error}") from error

    def _get(self, route: str, parameters: Mapping[str, str], most_bytes: int) -> bytes:
        ends_s = time.monotonic() + ANSWER_S
        with self._client.stream("GET", route, params=parameters) as answer:
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise ValueError(f"{answer.url} answers packed, which was not asked for")
            most_bytes = most_bytes if answer.is_success else _SAID_BYTES
            pieces, size = [], 0
            for piece in answer.iter_bytes():
                size += len(piece)
                if size > most_bytes:
                    raise ValueError(f"{answer.url} answers with more than {most_bytes} bytes")
                if time.monotonic() > ends_s:
                    raise TimeoutError(f"{answer.url} did not end within {ANSWER_S:g} s")
                pieces.append(piece)
            data = b"".join(pieces)
        if answer.status_code == _MISSING:
            raise FileNotFoundError(_said(data, answer))
        if not answer.is_success:
            raise OSError(_said(data, answer))
        return data


def _said(data: bytes, answer: httpx.Response) -> str:
    """Return what a server says of an error, as far as it fits a line."""
    try:
        detail = msgspec.json.decode(data, type=_Problem).detail
    except (msgspec.MsgspecError, UnicodeDecodeError):
        detail = "no reason given; does it serve its archive (archive.serve_for)?"
    shown = "".join(letter if letter.isprintable() else " " for letter in detail[:300])
    return f"{answer.url} answers {answer.status_code}: {shown}"
