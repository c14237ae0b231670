"""Protected apps, and the requests that tests send them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import uvicorn
from auth_agent_mcp import AuthAgentMiddleware
from fake_as import FakeAs
from fastapi import FastAPI, Request


def app_of(server: FakeAs, **more: Any) -> FastAPI:
    """A protected app; its one route of its own says who asks."""
    app = FastAPI()
    app.add_middleware(AuthAgentMiddleware, **server.options(**more))

    @app.get("/who")
    async def who(request: Request) -> dict[str, Any]:
        user = request.state.user
        return {"email": user and user.email}

    return app


def client_of(app: Any, **more: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, **more), base_url="http://localhost")


def bearer(token: str, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", **more}


async def get(app: Any, path: str = "/who", token: str | None = None, **headers: str) -> httpx.Response:
    async with client_of(app) as client:
        return await client.get(path, headers=bearer(token, **headers) if token else headers)


@contextlib.contextmanager
def serving(app: Any, **options: Any) -> Iterator[int]:
    """The app behind uvicorn, on a real socket; its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", ws="websockets-sansio", timeout_graceful_shutdown=1, **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    until = time.monotonic() + 10
    while not server.started:
        assert thread.is_alive(), "uvicorn did not start"
        assert time.monotonic() < until, "uvicorn does not start"
        time.sleep(0.005)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def exchange(port: int, lines: list[str], body: bytes = b"") -> tuple[int, str]:
    """Sends bytes as they are; the status and everything that came back."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    text = received.decode("latin-1")
    return int(text.split(" ")[1]), text


def raw_get(port: int, target: str, *headers: str) -> tuple[int, str]:
    return exchange(port, [f"GET {target} HTTP/1.1", "host: localhost", "connection: close", *headers])
