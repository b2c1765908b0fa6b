"""Somebody else's archive, behind calls that end in an error of ours whatever is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from oracle.model.errors import PlumblineError
from oracle.verify.evidence import Evidence, Source
from oracle.verify.findings import Unchecked

T = TypeVar("T")


def guarded(source: Source) -> Source:
    """Return an archive whose calls raise only PlumblineError.

    Hostile parts end in all the ways in which parsers fail: wrong types, recursion, no memory.
    """
    return Source(source.name, cast(Evidence, _Guarded(source)))


def tried(make: Callable[[], T]) -> T | PlumblineError:
    """Return what is made of an archive's answers, or why nothing can be."""
    try:
        return make()
    except PlumblineError as error:
        return error
    except Exception as error:  # noqa: BLE001 - see `guarded`; answers fail where they are used too
        return Unchecked(f"the evidence could not be used ({type(error).__name__}: {error!s:.200})")


class _Guarded:
    def __init__(self, source: Source) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._source.evidence, name)

        def call(*given: Any, **named: Any) -> Any:
            try:
                return method(*given, **named)
            except PlumblineError:
                raise
            except Exception as error:
                raise Unchecked(
                    f"{self._source.name}: {name} ended in {type(error).__name__} "
                    f"({error!s:.200}): it is no archive that this release wrote; use another copy"
                ) from error

        return call
