"""A server on localhost answers to no other name, and to no page but local ones: DNS rebinding ends here."""

from __future__ import annotations

import urllib.parse

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_NAMES = {"localhost", "127.0.0.1", "::1"}


def is_local(url: str) -> bool:
    try:
        return urllib.parse.urlsplit(url).hostname in _NAMES
    except ValueError:
        return False


class LocalOnlyMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) == 1 and is_local(f"//{hosts[0]}") and all(is_local(origin) for origin in origins):
            return await self.app(scope, receive, send)
        await JSONResponse({"error": "this server is local"}, 403)(scope, receive, send)
