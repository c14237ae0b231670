"""Exceptions of this package."""

from __future__ import annotations

from auth_agent_core import Answer


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


class Refused(Exception):
    """A demand of a single route was not met (RFC 6750 §3). Unless the app handles it, ``answer`` is sent as the core made it.

    It is no HTTPException: an app's handlers of those usually keep no headers, and without the challenge no MCP client can ask for more scopes.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer
        self.code = answer.code
        self.status = answer.status
