"""Names for what a guard gives."""

from __future__ import annotations

from typing import TypedDict, Union

from ._core import Answer, Pass, Principal

Verdict = Union[Principal, Answer, Pass]  # noqa: UP007 - evaluated at run time, also on Python 3.10


class Stats(TypedDict):
    """Counters since the guard was made."""

    hits: int
    misses: int
    introspections: int
    joined: int
    refused: int
    remote_errors: int
    breaker_opened: int
    dropped: int
    entries: int
    negative_entries: int
