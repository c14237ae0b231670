"""The one exception of this package."""

from __future__ import annotations


class GuardError(Exception):
    """What a guard cannot do.

    ``code`` says why: ``OPTION_UNKNOWN``, ``OPTION_INVALID`` or ``OPTION_MISSING`` when a guard is made, ``CLOSED`` after ``close()``.
    ``status`` is the HTTP status of an application that can do nothing about it: 500 for a mistake, 503 for trouble that passes.

    >>> try:
    ...     Guard(server_id="")
    ... except GuardError as error:
    ...     print(error.code)
    OPTION_INVALID
    """

    def __init__(self, code: str, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
