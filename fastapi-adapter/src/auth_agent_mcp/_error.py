"""Exceptions of this package."""

from __future__ import annotations

import json

from auth_agent_core import Answer
from starlette.exceptions import HTTPException


class AuthAgentError(Exception):
    """A mistake of the application, or trouble that is nobody's request's fault.

    ``code`` says what is wrong: ``OPTION_UNKNOWN``, ``OPTION_INVALID``, ``OPTION_MISSING`` when a middleware is made, ``MIDDLEWARE_MISSING`` when
    a dependency stands alone, ``REMOTE_…`` from a token verifier that cannot ask. ``status`` is the HTTP status for it.

    >>> try:
    ...     AuthAgentMiddleware(app, server_id="")
    ... except AuthAgentError as error:
    ...     print(error.code)
    OPTION_INVALID
    """

    def __init__(self, code: str, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Refused(HTTPException):
    """A dependency's refusal (RFC 6750 §3). The middleware sends ``answer`` in place of what the app's handlers make of this exception."""

    def __init__(self, answer: Answer) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}
        super().__init__(answer.status, describe(answer), headers)
        self.answer = answer
        self.code = answer.code
        self.status = answer.status


def describe(answer: Answer) -> str:
    """The wording of a refusal stands in the core's JSON body."""
    body = json.loads(answer.body or b"{}")
    text = body.get("error_description") if isinstance(body, dict) else None
    return text if isinstance(text, str) else "The access token is not accepted"
