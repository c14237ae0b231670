"""What was answered is on disk: the authorization server is killed, comes back, and is joined by a second process."""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Iterator

import httpx
import pytest
from browser import Browser, PublicClient
from processes import EMAIL, PASSWORD, AuthorizationServer, running

RESOURCE = "https://files.example.com/mcp"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthorizationServer]:
    with running(tmp_path_factory.mktemp("authorization-server")) as server:
        server.admin("POST", "/api/servers", {"server_url": RESOURCE, "server_name": "Files", "scopes": ["files:read"]})
        yield server


@pytest.fixture
def browser() -> Iterator[Browser]:
    with contextlib.closing(Browser(EMAIL, PASSWORD)) as browser:
        yield browser


@pytest.fixture
def client(server: AuthorizationServer) -> PublicClient:
    return PublicClient(server.metadata())


def restart(server: AuthorizationServer) -> None:
    server.kill()
    server.serve()


def is_live(server: AuthorizationServer, access_token: str) -> bool:
    url = server.metadata()["userinfo_endpoint"]
    return httpx.get(url, headers={"Authorization": f"Bearer {access_token}"}).status_code == 200


def test_clients_tokens_and_logins_outlive_a_killed_server(
    server: AuthorizationServer, client: PublicClient, browser: Browser
) -> None:
    tokens = client.obtain_tokens(browser, RESOURCE, "files:read")
    restart(server)
    assert is_live(server, tokens["access_token"])
    assert client.refresh(tokens["refresh_token"]).status_code == 200
    client.obtain_tokens(browser, RESOURCE, "files:read")
    assert browser.visits == [["login", "consent"], ["consent"]]


def test_a_refresh_token_gives_the_same_successor_after_a_restart(
    server: AuthorizationServer, client: PublicClient, browser: Browser
) -> None:
    first = client.obtain_tokens(browser, RESOURCE, "files:read")["refresh_token"]
    second = client.refresh(first).json()["refresh_token"]
    restart(server)
    assert client.refresh(first).json()["refresh_token"] == second
    assert client.refresh(second).status_code == 200


def test_a_code_stays_spent_over_a_restart_and_its_replay_still_revokes(
    server: AuthorizationServer, client: PublicClient, browser: Browser
) -> None:
    exchange = client.obtain_code(browser, RESOURCE, "files:read")
    tokens = client.ask(exchange).json()
    restart(server)
    assert is_live(server, tokens["access_token"])
    replayed = client.ask(exchange)
    assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_grant")
    assert not is_live(server, tokens["access_token"])


def test_a_page_of_consent_that_was_open_during_a_restart_still_works(
    server: AuthorizationServer, client: PublicClient, browser: Browser
) -> None:
    browser.before_consent = lambda: restart(server)
    assert client.obtain_tokens(browser, RESOURCE, "files:read")["scope"] == "files:read"


def test_two_processes_on_one_database_give_one_code_away_once(
    server: AuthorizationServer, client: PublicClient, browser: Browser
) -> None:
    path = httpx.URL(server.metadata()["token_endpoint"]).path
    exchange = client.obtain_code(browser, RESOURCE, "files:read")
    with server.second_process() as second, concurrent.futures.ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(client.ask, exchange, f"{url}{path}") for url in [server.issuer, second] * 8]
        statuses = sorted(answer.result().status_code for answer in asked)
    assert statuses == [200] + [400] * 15


def test_two_processes_on_one_database_give_a_refresh_token_one_successor(
    server: AuthorizationServer, client: PublicClient, browser: Browser
) -> None:
    path = httpx.URL(server.metadata()["token_endpoint"]).path
    token = client.obtain_tokens(browser, RESOURCE, "files:read")["refresh_token"]
    with server.second_process() as second, concurrent.futures.ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(client.refresh, token, f"{url}{path}") for url in [server.issuer, second] * 8]
        answers = [answer.result() for answer in asked]
        assert [answer.status_code for answer in answers] == [200] * 16
        successors = {answer.json()["refresh_token"] for answer in answers}
        assert len(successors) == 1
        assert client.refresh(successors.pop(), f"{second}{path}").status_code == 200
