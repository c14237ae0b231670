"""What the guard does when everybody asks at once, and when the authorization server dies and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import time
from collections.abc import Iterator

import httpx
import pytest
from browser import Browser, PublicClient
from counting_proxy import CountingProxy
from processes import COMMANDS, EMAIL, PASSWORD, AuthorizationServer, Example, running, running_example

AT_ONCE = 100
RECOVERY_S = 30.0


def new_token(server: AuthorizationServer, example: Example) -> str:
    with contextlib.closing(Browser(EMAIL, PASSWORD)) as browser:
        return PublicClient(server.metadata()).obtain_tokens(browser, example.resource, "files:read")["access_token"]


async def ask_at_once(example: Example, token: str, times: int) -> list[int]:
    """Status codes of that many requests, each on a connection of its own."""
    limits = httpx.Limits(max_connections=times, max_keepalive_connections=0)
    async with httpx.AsyncClient(limits=limits, timeout=30) as client:
        headers = {"Authorization": f"Bearer {token}"}
        answers = await asyncio.gather(*(client.get(f"{example.url}/api/files", headers=headers) for _ in range(times)))
    return [answer.status_code for answer in answers]


def recovers(example: Example, token: str) -> int:
    """The first status that is not 503; asked again and again, as a client would."""
    until = time.monotonic() + RECOVERY_S
    while (status := example.get("/api/files", token).status_code) == 503 and time.monotonic() < until:
        time.sleep(0.2)
    return status


@pytest.fixture(params=list(COMMANDS))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def proxy() -> Iterator[CountingProxy]:
    proxy = CountingProxy()
    yield proxy
    proxy.stop()


def test_a_hundred_requests_at_once_with_one_new_token_make_one_introspection(
    name: str, proxy: CountingProxy, tmp_path: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running(tmp_path_factory.mktemp("server"), issuer=proxy.url) as server:
        proxy.port = server.port
        with running_example(name, server, tmp_path) as example:
            path = httpx.URL(server.metadata()["introspection_endpoint"]).path
            proxy.delays[path] = 0.5
            token = new_token(server, example)
            assert asyncio.run(ask_at_once(example, token, AT_ONCE)) == [200] * AT_ONCE
            assert proxy.counts[path] == 1
            other = new_token(server, example)
            assert example.get("/api/files", other).status_code == 200
            assert proxy.counts[path] == 2


def test_an_authorization_server_that_dies_is_503_for_new_tokens_alone_and_needs_nobody_to_recover(
    name: str, tmp_path: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with (
        running(tmp_path_factory.mktemp("server")) as server,
        running_example(name, server, tmp_path) as example,
    ):
        known, new = new_token(server, example), new_token(server, example)
        assert example.get("/api/files", known).status_code == 200

        server.kill()
        refused = example.get("/api/files", new)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert "www-authenticate" not in refused.headers
        assert example.get("/api/files", known).status_code == 200
        assert example.get("/api/files").status_code == 401
        assert example.get("/.well-known/oauth-protected-resource/mcp").json()["resource"] == example.resource

        server.serve()
        assert recovers(example, new) == 200
        assert example.get("/api/files", known).status_code == 200


def test_an_mcp_server_that_starts_before_its_authorization_server_learns_who_it_is_later(
    name: str, tmp_path: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with (
        running(tmp_path_factory.mktemp("server")) as server,
        running_example(name, server, tmp_path, AUTH_AGENT_TIMEOUT="1") as example,
    ):
        token = new_token(server, example)
        server.kill()
        example.stop()
        example.start()
        assert example.get("/api/files", token).status_code == 503
        server.serve()
        assert recovers(example, token) == 200
