"""The middleware: ask the guard, answer or let through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auth_agent_core import Answer, Guard, GuardOptions, Principal
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from ._error import AuthAgentError, Refused
from ._options import make_guard
from ._request import Body, answer_headers, check, describe, judge_with_body
from ._user import NOBODY, User, introduction_of, to_user

if TYPE_CHECKING:
    from typing_extensions import Unpack

_KEY = "auth_agent_mcp"  # in the scope: the guard, and the principal if there is one
_HANDLERS = "starlette.exception_handlers"
_POLICY_VIOLATION = 1008  # RFC 6455 §7.4.1


class AuthAgentMiddleware:
    """Lets a request pass only with a good access token (RFC 6750), serves this server's RFC 9728 metadata, and answers everything else the way
    MCP clients need it. When the authorization server cannot be reached the answer is 503, never 401.

    Plain ASGI: responses are not touched, the app's exceptions stay its own, and no body is read unless ``tools`` need it. Options are those of
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
            verdict = check(guard, request) or await guard.authorize(**request)
        if isinstance(verdict, Answer):
            return await send_answer(verdict, scope, send)
        if verdict is None:
            return
        introduce(guard, verdict if isinstance(verdict, Principal) else None, scope)
        try:
            await self.app(scope, receive, send)
        except Refused as refused:  # ours, from an app that has no handlers of exceptions
            await send_answer(refused.answer, scope, send)


def introduce(guard: Guard, principal: Principal | None, scope: Scope) -> None:
    """Tells the app who is asking: in request.state, and where Starlette's own request.user and request.auth look."""
    introduction = NOBODY if principal is None else introduction_of(principal)
    scope[_KEY] = (guard, principal)
    scope["user"] = introduction.user
    scope["auth"] = introduction.credentials
    scope.setdefault("state", {}).update(introduction.state)


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


# ---- demands of single routes -------------------------------------------------------------------------------------


def known_of(connection: HTTPConnection) -> tuple[Guard, Principal | None]:
    """What the middleware found out about this request."""
    known: tuple[Guard, Principal | None] | None = connection.scope.get(_KEY)
    if known is None:
        raise AuthAgentError("MIDDLEWARE_MISSING", "AuthAgentMiddleware must be added to the app that this runs in")
    return known


def require_scopes(connection: HTTPConnection, *scopes: str) -> User:
    """The user, if the token has these scopes too; otherwise :class:`Refused`, which is answered with a challenge that names all the operation
    needs, so that clients step up. Without scopes it asks for a user alone.

    >>> async def save(request: Request) -> Response:
    ...     user = require_scopes(request, "files:write")
    """
    guard, principal = known_of(connection)
    verdict = guard.check_scopes(principal, " ".join(scopes))
    if isinstance(verdict, Principal):
        return to_user(verdict)
    if verdict.code == "OPTION_INVALID":
        raise AuthAgentError("OPTION_INVALID", "require_scopes() takes scopes (RFC 6749 section 3.3)")
    handle_refusals(connection.scope)
    raise Refused(verdict)


class Reply:
    """A refusal as a response of Starlette's."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await send_answer(self._answer, scope, send)


async def reply(_connection: HTTPConnection, error: Refused) -> Reply:
    return Reply(error.answer)


def handle_refusals(scope: Scope) -> None:
    """The innermost app answers: what is mounted below the middleware has an error page of its own, which would make 500 of an exception it does
    not know. A handler of the app's own for Refused comes first.
    """
    if _HANDLERS in scope:
        by_class, _by_status = scope[_HANDLERS]
        by_class.setdefault(Refused, reply)
