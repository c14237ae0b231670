"""For servers on the official MCP SDK (``mcp``, 1.x and 2.x).

:class:`TokenVerifier` is for those that use the SDK's own bearer middleware; :class:`AccessTokenMiddleware` tells an MCP app that is mounted
behind :class:`AuthAgentMiddleware` who is asking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auth_agent_core import Answer, GuardOptions, Principal
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from ._error import AuthAgentError
from ._middleware import known_of
from ._options import make_guard
from ._request import judge

if TYPE_CHECKING:
    from typing_extensions import Unpack


def to_access_token(token: str, principal: Principal) -> AccessToken:
    facts = {
        "token": token,
        "client_id": principal.client_id or "",
        "scopes": list(principal.scopes),
        "expires_at": principal.expires_at,
        "resource": principal.resource,
        # Members of mcp 2.x; 1.x leaves out what it does not know.
        "subject": principal.id,
        "claims": dict(principal.claims),
    }
    return AccessToken.model_validate(facts)


class TokenVerifier:
    """What the SDK's ``token_verifier=`` takes, with the same cache, single flight and audience check as the middleware.

    Trouble with the authorization server is an :class:`AuthAgentError`, never "invalid token": the SDK answers 500. Answers of 503, challenges
    per tool and RFC 9728 metadata need :class:`AuthAgentMiddleware`.

    >>> verifier = TokenVerifier(server_id="srv_…", api_key="sk_…")
    >>> mcp = MCPServer("files", token_verifier=verifier, auth=AuthSettings(…))
    """

    def __init__(self, **options: Unpack[GuardOptions]) -> None:
        self._guard = make_guard(**options)

    async def verify_token(self, token: str) -> AccessToken | None:
        """The token's facts; None when it is not good here. Scopes are the SDK's to check (``AuthSettings.required_scopes``)."""
        verdict = await judge(self._guard, {"method": "GET", "path": "", "authorization": f"Bearer {token}"})
        if isinstance(verdict, Principal):
            return to_access_token(token, verdict)
        if isinstance(verdict, Answer) and verdict.status < 500:
            return None
        code = verdict.code if isinstance(verdict, Answer) else "OPTION_INVALID"
        raise AuthAgentError(code, "The authorization server cannot be asked", 503)


class AccessTokenMiddleware:
    """Goes around an MCP app that is mounted behind :class:`AuthAgentMiddleware`: the SDK's ``get_access_token()`` works in its tools, and a
    session belongs to the user who opened it.

    >>> app.mount("/", AccessTokenMiddleware(mcp.streamable_http_app()))
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = AuthContextMiddleware(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            connection = HTTPConnection(scope)
            _guard, principal = known_of(connection)
            if principal is not None:
                _scheme, _, token = connection.headers["authorization"].partition(" ")
                scope = {**scope, "user": AuthenticatedUser(to_access_token(token.strip(), principal))}
        await self.app(scope, receive, send)
