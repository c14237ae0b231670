"""Bodies: read only for a tool policy, then bounded, and given to the app as they were sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from apps import app_of, bearer, client_of
from auth_agent_mcp import AuthAgentMiddleware
from fake_as import FakeAs
from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

TOOLS: dict[str, Any] = {"tools": {"write_file": ["files:write"]}}
JSON = {"content-type": "application/json"}


def call(name: str, **more: Any) -> bytes:
    params = {"name": name, "arguments": {"text": "ž🦊"}}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params} | more).encode()


def echo_of(server: FakeAs, **more: Any) -> FastAPI:
    app = app_of(server, **more)

    @app.post("/mcp")
    async def echo(request: Request) -> Response:
        return Response(await request.body())

    return app


async def post(app: Any, token: str | None, body: Any, **headers: str) -> Any:
    async with client_of(app) as client:
        return await client.post("/mcp", content=body, headers={**JSON, **(bearer(token) if token else {}), **headers})


class Chunks:
    """A `receive` that counts how much of the body was taken, and what came after it."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = list(messages)
        self.taken = 0

    async def receive(self) -> dict[str, Any]:
        if self.taken == len(self.messages):
            await asyncio.Event().wait()
        self.taken += 1
        return self.messages[self.taken - 1]


def chunk(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def run(app: Any, chunks: Chunks, token: str | None = "reader", **headers: str) -> list[dict[str, Any]]:
    """What the app sent."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    pairs = {**JSON, **(bearer(token) if token else {}), **headers}
    raw = [(name.encode(), value.encode()) for name, value in pairs.items()]
    scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": raw, "query_string": b""}
    await asyncio.wait_for(app(scope, chunks.receive, send), 10)
    return sent


# ---- the policy ---------------------------------------------------------------------------------------------------


async def test_a_tool_that_needs_more_scopes_is_a_real_403(server: FakeAs) -> None:
    server.grant("reader")
    server.grant("writer", scope="files:read files:write")
    app = echo_of(server, **TOOLS)
    refused = await post(app, "reader", call("write_file"))
    assert refused.status_code == 403
    start = 'Bearer error="insufficient_scope", scope="files:read files:write", '
    assert refused.headers["www-authenticate"].startswith(start)
    assert (await post(app, "reader", call("read_file"))).status_code == 200
    assert (await post(app, "writer", call("write_file"))).status_code == 200


async def test_a_batch_needs_what_all_of_its_members_need(server: FakeAs) -> None:
    server.grant("reader")
    app = echo_of(server, **TOOLS)
    batch = b"[" + call("read_file") + b"," + call("write_file") + b"]"
    assert (await post(app, "reader", batch)).status_code == 403
    assert (await post(app, "reader", b"[" + call("read_file") + b"]")).status_code == 200


async def test_no_spelling_of_a_body_hides_a_tool_from_the_policy(server: FakeAs) -> None:
    server.grant("reader")
    app = echo_of(server, **TOOLS)
    text = call("write_file").decode()
    tricks = {
        "escapes": text.replace("write_file", "\\u0077rite_file").encode(),
        "a duplicate key": text.replace('"method"', '"method": "ping", "method"').encode(),
        "UTF-16": text.encode("utf-16"),
        "UTF-16 without a mark": text.encode("utf-16-le"),
        "a byte order mark": text.encode("utf-8-sig"),
        "white space": b"\n\t " + text.encode(),
        "NaN": text.replace("}", ', "x": NaN}', 1).encode(),
    }
    for name, body in tricks.items():
        for content_type in ("application/json", "text/plain", "application/json; charset=utf-16", ""):
            response = await post(app, "reader", body, **{"content-type": content_type})
            assert response.status_code in (400, 403), (name, content_type, response.text)
    assert (await post(app, "reader", call("read_file"))).status_code == 200


async def test_mcp_name_that_differs_from_the_body_is_refused(server: FakeAs) -> None:
    server.grant("reader")
    app = echo_of(server, **TOOLS)

    def headers(name: str) -> dict[str, str]:
        return {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": name}

    lie = await post(app, "reader", call("write_file"), **headers("read_file"))
    assert lie.status_code == 400
    assert (await post(app, "reader", call("read_file"), **headers("read_file"))).status_code == 200


# ---- replay -------------------------------------------------------------------------------------------------------


async def test_the_handler_finds_the_body_as_it_was_sent_whichever_way_it_reads_it(server: FakeAs) -> None:
    server.grant("reader")
    body = call("read_file")

    async def streamed(request: Request) -> bytes:
        return b"".join([part async for part in request.stream()])

    async def as_json(request: Request) -> bytes:
        return json.dumps(await request.json()).encode()

    async def whole(request: Request) -> bytes:
        return await request.body()

    for read in (streamed, as_json, whole):

        async def handler(request: Request, read: Any = read) -> Response:
            return Response(await read(request))

        app = Starlette(routes=[Route("/mcp", handler, methods=["POST"])])
        app.add_middleware(AuthAgentMiddleware, **server.options(**TOOLS))
        assert (await post(app, "reader", body)).content == body


async def test_binary_bodies_in_many_parts_are_replayed_byte_for_byte(server: FakeAs) -> None:
    server.grant("reader")
    body = bytes(range(256)) * 300

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    response = await post(echo_of(server, **TOOLS), "reader", parts(), **{"content-type": "application/octet-stream"})
    assert response.content == body


async def test_an_empty_body_is_an_empty_body(server: FakeAs) -> None:
    server.grant("reader")
    response = await post(echo_of(server, **TOOLS), "reader", b"")
    assert (response.status_code, response.content) == (200, b"")


async def test_after_the_body_a_disconnect_reaches_the_app(server: FakeAs) -> None:
    server.grant("reader")
    seen: list[Any] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        seen.extend([await receive(), await receive()])

    app = AuthAgentMiddleware(inner, **server.options(**TOOLS))
    await run(app, Chunks(chunk(call("read_file"), False), {"type": "http.disconnect"}))
    assert seen == [chunk(call("read_file"), False), {"type": "http.disconnect"}]


async def test_a_body_that_breaks_off_lets_nobody_in(server: FakeAs) -> None:
    server.grant("reader")

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("called")

    app = AuthAgentMiddleware(inner, **server.options(**TOOLS))
    sent = await run(app, Chunks(chunk(call("read_file")[:10]), {"type": "http.disconnect"}))
    assert sent == []


# ---- limits -------------------------------------------------------------------------------------------------------


async def test_without_a_tool_policy_the_body_is_not_touched(server: FakeAs) -> None:
    server.grant("reader")
    taken: list[int] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        assert receive == chunks.receive
        taken.append(chunks.taken)

    chunks = Chunks(chunk(b"x"), chunk(b"y", False))
    await run(AuthAgentMiddleware(inner, **server.options()), chunks)
    assert taken == [0]


async def test_a_body_is_read_for_nobody_who_shows_no_token(server: FakeAs) -> None:
    chunks = Chunks(chunk(b"x"))
    sent = await run(echo_of(server, **TOOLS), chunks, token=None)
    assert sent[0]["status"] == 401
    assert chunks.taken == 0


async def test_a_body_over_the_limit_is_413_and_read_no_further(server: FakeAs) -> None:
    server.grant("reader")
    body = call("read_file")
    app = echo_of(server, **TOOLS, max_body=len(body))
    assert (await post(app, "reader", body)).status_code == 200
    assert (await post(app, "reader", body + b" ")).status_code == 413
    chunks = Chunks(*[chunk(b"x" * 40) for _ in range(100)])
    sent = await run(app, chunks)
    assert sent[0]["status"] == 413
    assert chunks.taken <= len(body) // 40 + 2
    for length in ("1000000", "9" * 5000):
        declared = Chunks(chunk(b"x"))
        assert (await run(app, declared, **{"content-length": length}))[0]["status"] == 413
        assert declared.taken == 0
    nonsense = Chunks(chunk(body, False))
    assert (await run(app, nonsense, **{"content-length": "-5"}))[0]["status"] == 200
