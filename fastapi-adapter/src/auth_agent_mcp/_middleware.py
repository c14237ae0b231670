"""The middleware: ask the guard, answer or let through."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from auth_agent_core import Answer, Guard, GuardOptions, Principal
from starlette.authentication import AuthCredentials, UnauthenticatedUser
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ._error import AuthAgentError, Refused
from ._options import make_guard
from ._request import Body, answer_headers, describe, judge_with_body
from ._user import User, to_user

if TYPE_CHECKING:
    from typing_extensions import Unpack

_KEY = "auth_agent_mcp"
_STARTS = ("http.response.start", "websocket.http.response.start")
_POLICY_VIOLATION = 1008  # RFC 6455 §7.4.1

# On a public path nobody is known. The older names stand beside `user`.
_NOBODY: Mapping[str, object] = MappingProxyType(
    {"user": None, "user_email": None, "scopes": (), "client_id": None, "audience": None}
)


class Known:
    """What the middleware found out about one request: scope["auth_agent_mcp"]."""

    __slots__ = ("guard", "principal", "refusal")

    def __init__(self, guard: Guard, principal: Principal | None) -> None:
        self.guard = guard
        self.principal = principal
        self.refusal: Answer | None = None


class AuthAgentMiddleware:
    """Lets a request pass only with a good access token (RFC 6750), serves this server's RFC 9728 metadata, and answers everything else the way
    MCP clients need it. When the authorization server cannot be reached the answer is 503, never 401.

    Plain ASGI: responses stream, the app's exceptions stay its own, and no body is read unless ``tools`` need it. Options are those of
    :class:`auth_agent_core.GuardOptions`, each also from ``AUTH_AGENT_<NAME>``; a wrong one raises :class:`AuthAgentError`.

    >>> app.add_middleware(AuthAgentMiddleware, server_id="srv_…", api_key="sk_…", required_scopes=["files:read"])
    """

    def __init__(self, app: ASGIApp, **options: Unpack[GuardOptions]) -> None:
        self.app = app
        self._guard = make_guard(**options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" and scope["type"] != "websocket":
            return await self.app(scope, receive, send)
        guard = self._guard
        request = describe(scope)
        # Nobody unknown makes us buffer: a request without credentials is answered without a look at its body.
        if "authorization" in request and guard.wants_body(request["method"]):
            body = Body(receive)
            receive = body.replay
            verdict = await judge_with_body(guard, scope, request, body)
        else:
            verdict = guard.check(**request) or await guard.authorize(**request)
        if isinstance(verdict, Answer):
            await send_answer(verdict, scope, send)
        elif verdict is not None:
            known = Known(guard, verdict if isinstance(verdict, Principal) else None)
            introduce(known, scope)
            await self.app(scope, receive, sender(known, scope, send))


def introduce(known: Known, scope: Scope) -> None:
    """Tells the app who is asking, in each of the ways it may look: request.state, and Starlette's own request.user and request.auth."""
    scope[_KEY] = known
    state = scope.setdefault("state", {})
    if known.principal is None:
        scope["user"] = UnauthenticatedUser()
        scope["auth"] = AuthCredentials()
        state.update(_NOBODY)
        return
    user = to_user(known.principal)
    scope["user"] = state["user"] = user
    scope["auth"] = AuthCredentials(user.scopes)
    state["user_email"] = user.email
    state["scopes"] = user.scopes
    state["client_id"] = user.client_id
    state["audience"] = user.resource


def sender(known: Known, scope: Scope, send: Send) -> Send:
    """The app's `send`. A dependency's refusal goes out as the core made it: an app's own exception handlers usually keep no headers, and without
    the challenge no MCP client can ask for more scopes. An app that makes something else of the exception, with another status, has its way.
    """
    replaced = False

    async def send_on(message: Message) -> None:
        nonlocal replaced
        if known.refusal is None:
            await send(message)
        elif not replaced:
            replaced = message["type"] in _STARTS and message["status"] == known.refusal.status
            if replaced:
                await send_answer(known.refusal, scope, send)
            else:
                known.refusal = None
                await send(message)

    return send_on


async def send_answer(answer: Answer, scope: Scope, send: Send) -> None:
    """The core's answer, byte for byte. A WebSocket that the server can refuse no other way is closed before it is open: HTTP 403."""
    prefix = ""
    if scope["type"] == "websocket":
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            return await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        prefix = "websocket."
    start = {"type": f"{prefix}http.response.start", "status": answer.status, "headers": answer_headers(answer, scope)}
    await send(start)
    await send({"type": f"{prefix}http.response.body", "body": answer.body})


def known_of(connection: HTTPConnection) -> Known:
    known = connection.scope.get(_KEY)
    if not isinstance(known, Known):
        raise AuthAgentError("MIDDLEWARE_MISSING", "AuthAgentMiddleware must be added to the app that this runs in")
    return known


def require_scopes(connection: HTTPConnection, *scopes: str) -> User:
    """The user, if the token has these scopes too; otherwise :class:`Refused`, which is answered with a challenge that names all the operation
    needs, so that clients step up. Without scopes it asks for a user alone.

    >>> async def save(request: Request) -> Response:
    ...     user = require_scopes(request, "files:write")
    """
    known = known_of(connection)
    verdict = known.guard.check_scopes(known.principal, " ".join(scopes))
    if isinstance(verdict, Principal):
        return to_user(verdict)
    if verdict.code == "OPTION_INVALID":
        raise AuthAgentError("OPTION_INVALID", "require_scopes() takes scopes (RFC 6749 section 3.3)")
    known.refusal = verdict
    raise Refused(verdict)
