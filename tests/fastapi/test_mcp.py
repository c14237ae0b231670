"""The official MCP SDK with our verifier, and mounted behind our middleware."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from apps import bearer, serving
from auth_agent_mcp import AuthAgentError, AuthAgentMiddleware
from auth_agent_mcp.mcp import AccessTokenMiddleware, TokenVerifier
from fake_as import RESOURCE, FakeAs
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from starlette.applications import Starlette

JSON = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


# ---- TokenVerifier ------------------------------------------------------------------------------------------------


async def test_a_good_token_becomes_an_access_token_with_everything_the_sdk_asks_for(server: FakeAs) -> None:
    server.grant("good", exp=4000000000)
    token = await TokenVerifier(**server.options()).verify_token("good")
    assert token is not None
    facts = (token.token, token.client_id, token.scopes, token.expires_at, token.resource, token.subject)
    assert facts == ("good", "cl_0001", ["files:read"], 4000000000, RESOURCE, "usr_0001")
    assert token.claims is not None
    assert token.claims["iss"] == server.issuer


async def test_a_token_is_a_token_and_nothing_that_could_be_more_than_one(server: FakeAs) -> None:
    server.grant("good")
    verifier = TokenVerifier(**server.options())
    for wrong in ("", "good, Bearer good", "good good", "gööd", "good\0", "\ud800", "bad", "x" * 20000):
        assert await verifier.verify_token(wrong) is None, repr(wrong)
    assert await verifier.verify_token("good") is not None


async def test_an_outage_is_no_invalid_token(server: FakeAs) -> None:
    server.grant("good")
    verifier = TokenVerifier(**server.options())
    assert await verifier.verify_token("good") is not None
    server.stop()
    with pytest.raises(AuthAgentError) as caught:
        await verifier.verify_token("new")
    assert caught.value.code.startswith("REMOTE_")
    assert caught.value.status == 503
    assert await verifier.verify_token("good") is not None


def settings(server: FakeAs) -> AuthSettings:
    return AuthSettings(
        issuer_url=server.issuer,
        resource_server_url=RESOURCE,
        required_scopes=["files:read"],
        validate_token_resource=True,
    )


def test_the_sdk_answers_with_it_200_401_403(server: FakeAs) -> None:
    server.grant("good")
    server.grant("poor", scope="other")
    verifier = TokenVerifier(**server.options(required_scopes=None))
    mcp = MCPServer("test", token_verifier=verifier, auth=settings(server), log_level="WARNING")
    with serving(mcp.streamable_http_app(stateless_http=True, json_response=True), lifespan="on") as port:

        def ask(token: str) -> httpx2.Response:
            return httpx2.post(f"http://127.0.0.1:{port}/mcp", json=PING, headers=bearer(token, **JSON))

        assert ask("good").status_code == 200
        assert ask("bad").status_code == 401
        assert ask("poor").status_code == 403


# ---- behind the middleware ----------------------------------------------------------------------------------------


def mounted(server: FakeAs, **more: Any) -> Starlette:
    mcp = MCPServer("test", log_level="WARNING")

    @mcp.tool()
    def who() -> str:
        token = get_access_token()
        return f"{token.subject} {token.token}" if token else "nobody"

    mcp_app = mcp.streamable_http_app(**more)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with mcp.session_manager.run():
            yield

    app = Starlette(lifespan=lifespan)
    app.add_middleware(AuthAgentMiddleware, **server.options())
    app.mount("/", AccessTokenMiddleware(mcp_app))
    return app


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("stateless", [True, False])
async def test_tools_know_who_asks(server: FakeAs, mode: str, stateless: bool) -> None:
    server.grant("good")
    with serving(mounted(server, stateless_http=stateless), lifespan="on") as port:
        async with (
            httpx2.AsyncClient(headers=bearer("good")) as http,
            Client(streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=http), mode=mode) as client,
        ):
            result = await client.call_tool("who", {})
            assert result.content[0].text == "usr_0001 good"  # type: ignore[union-attr]


def test_a_session_belongs_to_the_user_who_opened_it(server: FakeAs) -> None:
    server.grant("ada")
    server.grant("ada-again")
    server.grant("eve", sub="usr_0002", client_id="cl_0002")
    initialize = {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    with serving(mounted(server, json_response=True), lifespan="on") as port:

        def ask(token: str, message: dict[str, Any], **headers: str) -> httpx2.Response:
            url = f"http://127.0.0.1:{port}/mcp"
            return httpx2.post(url, json=message, headers=bearer(token, **JSON, **headers))

        opened = ask("ada", initialize)
        assert opened.status_code == 200
        session = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-06-18"}
        assert ask("ada", PING, **session).status_code == 200
        assert ask("ada-again", PING, **session).status_code == 200
        assert ask("eve", PING, **session).status_code == 404
        assert ask("bad", PING, **session).status_code == 401


async def test_without_the_middleware_nothing_is_let_in(server: FakeAs) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("called")

    scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": []}
    with pytest.raises(AuthAgentError, match="AuthAgentMiddleware"):
        await AccessTokenMiddleware(app)(scope, None, None)  # type: ignore[arg-type]
