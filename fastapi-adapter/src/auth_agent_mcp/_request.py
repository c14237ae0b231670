"""What the guard wants to know of an ASGI request, its body included when a tool policy must see it."""

from __future__ import annotations

from typing import Any

from auth_agent_core import Answer, Guard, Verdict
from starlette.types import Message, Receive, Scope

_FIELDS = {
    b"authorization": "authorization",
    b"origin": "origin",
    b"access-control-request-method": "preflight_method",
    b"content-type": "content_type",
    b"mcp-protocol-version": "mcp_protocol_version",
    b"mcp-method": "mcp_method",
    b"mcp-name": "mcp_name",
}

_DIGITS = 18  # of a number that is larger than any limit


def route_path(scope: Scope) -> str:
    """The path that Starlette's router matches, by its own rule: no Host, mount or encoding can make the two differ."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if not root or not path.startswith(root):
        return path
    rest = path[len(root) :]
    return rest if not rest or rest[0] == "/" else path


def describe(scope: Scope) -> dict[str, Any]:
    """The guard's arguments. A header that was sent twice is both values: what that means the core knows."""
    path = route_path(scope) if scope.get("root_path") else scope["path"]
    request: dict[str, Any] = {"method": scope.get("method", "GET"), "path": path}
    for name, value in scope["headers"]:
        field = _FIELDS.get(name)
        if field is not None:
            request[field] = value if field not in request else request[field] + b", " + value
    return request


def check(guard: Guard, request: dict[str, Any]) -> Verdict | None:
    """The hot path. Without a body the other headers decide nothing, and arguments by position cost half of those by name."""
    get = request.get
    return guard.check(request["method"], request["path"], get("authorization"), get("origin"), get("preflight_method"))


async def judge(guard: Guard, request: dict[str, Any]) -> Verdict:
    """At once when it is known, else what the authorization server says."""
    return guard.check(**request) or await guard.authorize(**request)


def declared_length(scope: Scope) -> int:
    """0 when the request does not say, or says nonsense: then the bytes are counted as they come."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:_DIGITS])
    return 0


class Body:
    """A request body that was read for the guard, and is given to the app as if it had not been."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._whole: bytes | None = None
        self.disconnected = False

    async def read(self, limit: int) -> bytes | None:
        """At most `limit` bytes; None when there are more, or when the client is gone."""
        chunks: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.disconnected = True
                return None
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                return None
            chunks.append(chunk)
            more = message.get("more_body", False)
        self._whole = b"".join(chunks)
        return self._whole

    async def replay(self) -> Message:
        """The app's `receive`: the body first, then whatever the server has to say."""
        if self._whole is None:
            return await self._receive()
        whole, self._whole = self._whole, None
        return {"type": "http.request", "body": whole, "more_body": False}


async def judge_with_body(guard: Guard, scope: Scope, request: dict[str, Any], body: Body) -> Verdict | None:
    """None when the client left before its body was complete: nobody is there to be answered, and nobody is let in."""
    if declared_length(scope) > guard.max_body:
        return guard.refuse_body()
    request["body"] = await body.read(guard.max_body)
    if body.disconnected:
        return None
    if request["body"] is None:
        return guard.refuse_body()
    return await judge(guard, request)


def answer_headers(answer: Answer, scope: Scope) -> list[tuple[bytes, bytes]]:
    """The core's headers, and the length where one belongs (RFC 9110 §8.6)."""
    headers = list(answer.headers)
    if answer.body or not (answer.status == 204 or scope.get("method") == "HEAD"):
        headers.append((b"content-length", b"%d" % len(answer.body)))
    return headers
