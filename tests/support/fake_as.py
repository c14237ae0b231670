"""A fake authorization server for the tests of the Python side: RFC 8414 metadata, introspection, GET /api/servers/{id}. It listens on a free port
of the loopback interface, counts what it is asked, and does what a test told it to. The sibling of fake_as.mjs."""

from __future__ import annotations

import base64
import collections
import contextlib
import http.server
import json
import socket
import socketserver
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

SERVER_ID = "srv_testserver000000"
API_KEY = "sk_testkey0000000000testsecret"
RESOURCE = "https://files.example.com/mcp"
METADATA_URL = "https://files.example.com/.well-known/oauth-protected-resource/mcp"

_BASIC = "Basic " + base64.b64encode(f"{SERVER_ID}:{API_KEY}".encode()).decode()

Handler = http.server.BaseHTTPRequestHandler


class FakeAs:
    def __init__(self) -> None:
        self.tokens: dict[str, dict[str, Any]] = {}
        """Answers of the introspection endpoint, by token."""
        self.count: collections.Counter[str] = collections.Counter()
        """Requests seen, by path without query."""
        self.delay_s = 0.0
        """How long every introspection takes."""
        self.misbehave: Callable[[Handler, str], None] | None = None
        """When set, answers every introspection: (handler, body)."""
        self.record: dict[str, Any] = {
            "server_id": SERVER_ID,
            "server_url": RESOURCE,
            "server_name": "Files",
            "scopes": ["files:read", "files:write"],
        }
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listen(0)
        self.port = self._server.server_address[1]
        self.issuer = f"http://127.0.0.1:{self.port}"

    def _listen(self, port: int) -> None:
        self._server = _Server(("127.0.0.1", port), _handler_for(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.listening = True

    def stop(self) -> None:
        """Gone, as far as anybody can tell: nothing listens, and every connection is cut."""
        if not self.listening:
            return
        self.listening = False
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        with self._lock:
            sockets = list(self._sockets)
        for connection in sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def restart(self) -> None:
        self._listen(self.port)

    def grant(self, token: str, **members: Any) -> str:
        """Makes `token` a good one; members override the answer, None takes one away."""
        answer = {
            "active": True,
            "sub": "usr_0001",
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "client_id": "cl_0001",
            "scope": "files:read",
            "aud": RESOURCE,
            "iss": self.issuer,
            "exp": int(time.time()) + 3600,
        }
        merged = answer | members
        self.tokens[token] = {name: value for name, value in merged.items() if value is not None}
        return token

    @property
    def introspections(self) -> int:
        return self.count["/introspect"]

    def options(self, **more: Any) -> dict[str, Any]:
        """Options of a guard that talks to this server."""
        return {
            "server_id": SERVER_ID,
            "api_key": API_KEY,
            "auth_server": self.issuer,
            "required_scopes": ["files:read"],
            **more,
        }

    # ---- answering ----

    def handle(self, handler: Handler, body: str) -> None:
        path = urllib.parse.urlsplit(handler.path).path
        with self._lock:
            self.count[path] += 1
        if path == "/.well-known/oauth-authorization-server":
            send(handler, 200, self.metadata())
        elif path == f"/api/servers/{SERVER_ID}":
            authorized = self._is_authorized(handler)
            send(handler, 200 if authorized else 401, self.record if authorized else {"error": "invalid_client"})
        elif path == "/introspect":
            self._introspect(handler, body)
        else:
            send(handler, 404, {"error": "not_found"})

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "introspection_endpoint": f"{self.issuer}/introspect",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
        }

    def _is_authorized(self, handler: Handler) -> bool:
        """Basic with id and key, or the key as a Bearer token."""
        return handler.headers.get("authorization") in (_BASIC, f"Bearer {API_KEY}")

    def _introspect(self, handler: Handler, body: str) -> None:
        if self.delay_s:
            time.sleep(self.delay_s)
        if self.misbehave:
            return self.misbehave(handler, body)
        if not self._is_authorized(handler):
            return send(handler, 401, {"error": "invalid_client"})
        token = urllib.parse.parse_qs(body, keep_blank_values=True).get("token", [""])[0]
        send(handler, 200, self.tokens.get(token, {"active": False}))


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # without HTTPServer's reverse look-up of our own name
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that went away in the middle is what some tests are about."""


def _handler_for(fake: FakeAs) -> type[Handler]:
    class _Handler(Handler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            with fake._lock:
                fake._sockets.add(self.connection)

        def finish(self) -> None:
            with fake._lock:
                fake._sockets.discard(self.connection)
            super().finish()

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            fake.handle(self, body)

        do_POST = do_GET

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    return _Handler


def send(
    handler: Handler, status: int, document: object, content_type: str = "application/json", **headers: str
) -> None:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    handler.send_response(status)
    for name, value in {"content-type": content_type, "content-length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@contextlib.contextmanager
def running() -> Iterator[FakeAs]:
    fake = FakeAs()
    try:
        yield fake
    finally:
        fake.stop()
