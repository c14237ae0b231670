"""The middleware behind uvicorn, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import websockets
from apps import app_of, bearer, exchange, raw_get, serving
from auth_agent_mcp import AuthAgentMiddleware, User, auth
from fake_as import FakeAs
from fastapi import FastAPI, Request, Security, WebSocket
from fastapi.responses import Response, StreamingResponse
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.asyncio.client import connect


def with_secret(server: FakeAs) -> FastAPI:
    app = app_of(server, public_paths=["/health"])
    app.get("/health")(lambda: "open")
    app.get("/{rest:path}")(lambda rest: "secret")
    return app


@pytest.mark.parametrize("http", [H11Protocol, HttpToolsProtocol])
def test_no_spelling_of_a_path_is_public_but_the_one_that_was_listed(server: FakeAs, http: Any) -> None:
    with serving(with_secret(server), http=http) as port:
        assert raw_get(port, "/health")[0] == 200
        targets = [
            "//health",
            "/health/",
            "/%2fhealth",
            "/health%2f",
            "/./x/../secret",
            "/health/../secret",
            "/health/%2e%2e/secret",
            "/health%00",
            "/health;/secret",
            "/secret?/health",
            "/%68ealth%2f..",
            "/health%23",
            "/%ff%fe",
            "/%c3%28",
            "/%ed%a0%80",
        ]
        for target in targets:
            status, text = raw_get(port, target)
            assert status in (400, 401), (target, status)
            assert "secret" not in text.split("\r\n\r\n")[1], target
        for host in ("x/health", "health", "localhost/health?", "localhost#/health"):
            status, text = exchange(port, ["GET /secret HTTP/1.1", f"host: {host}", "connection: close"])
            assert status in (400, 401), host
        absolute = exchange(port, ["GET http://localhost/health/../secret HTTP/1.1", "host: x", "connection: close"])
        assert absolute[0] in (400, 401)


@pytest.mark.parametrize("http", [H11Protocol, HttpToolsProtocol])
def test_two_authorization_headers_are_refused(server: FakeAs, http: Any) -> None:
    server.grant("good")
    with serving(app_of(server), http=http) as port:
        one = "authorization: Bearer good"
        assert raw_get(port, "/who", one, "Authorization: Bearer good")[0] == 400
        assert raw_get(port, "/who", one, "authorization: Basic eDp5")[0] == 400
        assert raw_get(port, "/who", one)[0] == 200


def test_refusals_are_whole_answers_and_the_connection_goes_on(server: FakeAs) -> None:
    server.grant("good")
    with serving(app_of(server)) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(3):
            refused = client.get("/who")
            assert (refused.status_code, refused.headers["content-length"]) == (401, str(len(refused.content)))
            assert "transfer-encoding" not in refused.headers
            assert client.head("/who").status_code == 401
            assert client.get("/who", headers=bearer("good")).json() == {"email": "ada@example.com"}
            assert client.get("/.well-known/oauth-protected-resource").status_code == 200


def test_bodies_are_judged_and_replayed(server: FakeAs) -> None:
    server.grant("reader")
    app = app_of(server, tools={"write_file": ["files:write"]}, max_body=400_000)

    @app.post("/mcp")
    async def echo(request: Request) -> Response:
        return Response(await request.body())

    def call(name: str) -> str:
        params = {"name": name, "arguments": {"text": "x" * 300_000}}
        return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})

    json_headers = bearer("reader", **{"content-type": "application/json"})
    with serving(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        refused = client.post("/mcp", content=call("write_file"), headers=json_headers)
        assert refused.status_code == 403
        assert "insufficient_scope" in refused.headers["www-authenticate"]
        assert client.post("/mcp", content=call("read_file"), headers=json_headers).text == call("read_file")
        head = ["POST /mcp HTTP/1.1", "host: localhost", "authorization: Bearer reader", "connection: close"]
        assert exchange(port, [*head, "content-length: 400001"])[0] == 413
        chunked = b"61a80\r\n" + b"x" * 400_000 + b"\r\n1\r\nx\r\n0\r\n\r\n"
        assert exchange(port, [*head, "transfer-encoding: chunked"], chunked)[0] == 413
        assert client.get("/who", headers=bearer("reader")).status_code == 200


def test_events_reach_the_client_while_the_handler_is_still_at_work(server: FakeAs) -> None:
    server.grant("good")
    gate = threading.Event()
    app = app_of(server)

    @app.get("/events")
    async def events() -> Response:
        async def parts() -> AsyncIterator[str]:
            yield "data: first\n\n"
            await asyncio.to_thread(gate.wait, 10)
            yield "data: last\n\n"

        return StreamingResponse(parts(), media_type="text/event-stream")

    with (
        serving(app) as port,
        httpx.stream("GET", f"http://127.0.0.1:{port}/events", headers=bearer("good"), timeout=10) as response,
    ):
        lines = response.iter_lines()
        assert next(lines) == "data: first"
        assert not gate.is_set()
        gate.set()
        assert "data: last" in list(lines)


def test_a_client_that_leaves_a_stream_is_noticed_by_the_handler(server: FakeAs) -> None:
    server.grant("good")
    gone = threading.Event()
    app = app_of(server)

    @app.get("/events")
    async def events(request: Request) -> Response:
        async def parts() -> AsyncIterator[str]:
            try:
                while True:
                    yield "data: again\n\n"
                    await asyncio.sleep(0.01)
            finally:
                gone.set()

        return StreamingResponse(parts())

    with serving(app) as port:
        with httpx.stream("GET", f"http://127.0.0.1:{port}/events", headers=bearer("good")) as response:
            next(response.iter_bytes())
        assert gone.wait(10)


def test_a_client_that_leaves_while_its_token_is_being_asked_about_disturbs_nobody(server: FakeAs) -> None:
    server.grant("good")
    server.delay_s = 0.2
    with serving(app_of(server)) as port:
        with socket.create_connection(("127.0.0.1", port)) as leaver:
            leaver.sendall(b"GET /who HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\n\r\n")
            time.sleep(0.05)
        assert raw_get(port, "/who", "authorization: Bearer good")[0] == 200
        assert server.introspections == 1


def test_a_wrong_option_keeps_the_server_from_letting_anybody_in(
    server: FakeAs, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.suppress(AssertionError), serving(app_of(server, cache_ttl=-1)) as port:
        assert raw_get(port, "/who", "authorization: Bearer good")[0] == 500
    assert "cache_ttl" in caplog.text


# ---- WebSockets ---------------------------------------------------------------------------------------------------


def with_socket(server: FakeAs) -> FastAPI:
    app = FastAPI()
    app.add_middleware(AuthAgentMiddleware, **server.options())

    @app.websocket("/socket")
    async def greet(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(socket.state.user.email)
        await socket.send_text(await socket.receive_text())

    @app.websocket("/writers")
    async def writers(socket: WebSocket, user: User = Security(auth, scopes=["files:write"])) -> None:  # noqa: B008
        await socket.accept()
        await socket.send_text(user.email or "")

    return app


async def dial(port: int, token: str | None, path: str = "/socket") -> Any:
    headers = bearer(token) if token else {}
    return await connect(f"ws://127.0.0.1:{port}{path}", additional_headers=headers, proxy=None)


async def test_a_websocket_is_let_in_with_a_good_token_and_refused_with_the_whole_answer(server: FakeAs) -> None:
    server.grant("good")
    with serving(with_socket(server)) as port:
        async with await dial(port, "good") as connection:
            await connection.send("hello")
            assert [await connection.recv(), await connection.recv()] == ["ada@example.com", "hello"]
        for token, error in ((None, None), ("bad", "invalid_token")):
            with pytest.raises(websockets.InvalidStatus) as caught:
                await dial(port, token)
            response = caught.value.response
            assert response.status_code == 401
            challenge = response.headers["www-authenticate"]
            assert challenge.startswith(f'Bearer error="{error}"' if error else "Bearer scope=")
            assert json.loads(response.body)["error"] == "invalid_token"


async def test_a_websockets_own_demands_are_refused_with_the_whole_answer_too(server: FakeAs) -> None:
    server.grant("reader")
    server.grant("writer", scope="files:read files:write")
    with serving(with_socket(server)) as port:
        async with await dial(port, "writer", "/writers") as connection:
            assert await connection.recv() == "ada@example.com"
        with pytest.raises(websockets.InvalidStatus) as caught:
            await dial(port, "reader", "/writers")
        assert caught.value.response.status_code == 403
        assert "insufficient_scope" in caught.value.response.headers["www-authenticate"]


async def test_where_the_server_knows_no_other_way_the_websocket_is_closed_before_it_is_open(server: FakeAs) -> None:
    server.grant("good")
    called: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        called.append(scope["path"])

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    guarded = AuthAgentMiddleware(app, **server.options())
    scope: dict[str, Any] = {"type": "websocket", "path": "/socket", "headers": []}
    await guarded(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert called == []
    await guarded({**scope, "headers": [(b"authorization", b"Bearer good")]}, receive, send)
    assert called == ["/socket"]
