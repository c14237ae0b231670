"""A running installation moves from SQLite to PostgreSQL and back, and nobody notices: nothing is approved or registered again."""

from __future__ import annotations

import contextlib
import pathlib
import sys
from collections.abc import Iterator

import httpx
import pytest
from browser import Browser, PublicClient
from mcp_program import Program
from processes import EMAIL, PASSWORD, AuthorizationServer, Example, running, running_example

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))

import postgres

RESOURCE = "https://files.example.com/mcp"
SCOPE = "files:read"


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The address of an empty database of a PostgreSQL server."""
    with postgres.running() as place:
        place.create_database("auth_agent")
        yield place.url("auth_agent")


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Iterator[AuthorizationServer]:
    (tmp_path / "server").mkdir()
    with running(tmp_path / "server", AUTH_AGENT_CODE_TTL="10m", AUTH_AGENT_REFRESH_GRACE="1h") as server:
        yield server


def move(server: AuthorizationServer, database: str, export: str) -> None:
    """As an operator would, with the master key of before."""
    issuer = f"--issuer={server.issuer}"
    server.stop()
    server.run("export", export, issuer)
    server.configure(AUTH_AGENT_DATABASE=database, AUTH_AGENT_MASTER_KEY_FILE=str(server.folder / "auth-agent.db.key"))
    assert "Note:" not in server.run("import", export, issuer)
    assert "fail " not in server.run("doctor", issuer)
    assert "up to date" in server.run("migrate", "--status")
    server.run("audit", "verify")
    server.serve()


def is_live(server: AuthorizationServer, access_token: str) -> bool:
    url = server.metadata()["userinfo_endpoint"]
    return httpx.get(url, headers={"Authorization": f"Bearer {access_token}"}).status_code == 200


def expire(program: Program) -> None:
    program.provider.context.token_expiry_time = 1.0  # by its own clock


def check_program(program: Program) -> None:
    """It goes on with the token it has, and refreshes it, without a person."""
    before = program.tokens
    assert program.call("read_file", path="hello.txt") == "hello ž"
    assert program.tokens.access_token == before.access_token
    expire(program)
    assert program.call("read_file", path="hello.txt") == "hello ž"
    assert program.tokens.refresh_token != before.refresh_token
    assert program.browser.visits == [["login", "consent"]]
    assert program.registrations == 1


def test_everything_goes_on_after_a_move_and_a_move_back(
    server: AuthorizationServer, database: str, tmp_path: pathlib.Path
) -> None:
    with (
        running_example("FastAPI", server, tmp_path, AUTH_AGENT_CACHE_TTL="0") as example,
        contextlib.closing(Browser(EMAIL, PASSWORD)) as browser,
        contextlib.closing(Browser(EMAIL, PASSWORD)) as other_browser,
    ):
        program = Program(example, "2026-07-28", browser)
        assert program.call("read_file", path="hello.txt") == "hello ž"
        check_program(program)
        moves(server, database, example, program, other_browser)


def moves(server: AuthorizationServer, database: str, example: Example, program: Program, browser: Browser) -> None:
    server.admin("POST", "/api/servers", {"server_url": RESOURCE, "server_name": "Remote", "scopes": [SCOPE]})
    client = PublicClient(server.metadata())
    first = client.obtain_tokens(browser, RESOURCE, SCOPE)
    second = client.refresh(first["refresh_token"]).json()
    revoked = client.obtain_tokens(browser, RESOURCE, SCOPE)
    server.revoke(revoked["refresh_token"], client.client_id)
    spent = client.obtain_code(browser, RESOURCE, SCOPE)
    of_spent = client.ask(spent).json()
    open_code = client.obtain_code(browser, RESOURCE, SCOPE)
    keys = httpx.get(server.metadata()["jwks_uri"]).json()

    move(server, database, "to-postgresql.jsonl")

    check_program(program)
    assert httpx.get(server.metadata()["jwks_uri"]).json() == keys
    assert client.ask(open_code).status_code == 200  # a code that was on its way
    # The answer to a refresh that got lost on the way is given again, by the other engine.
    assert client.refresh(first["refresh_token"]).json()["refresh_token"] == second["refresh_token"]
    assert is_live(server, second["access_token"])
    assert client.refresh(second["refresh_token"]).status_code == 200
    # What was dead stays dead.
    assert not is_live(server, revoked["access_token"])
    assert client.refresh(revoked["refresh_token"]).status_code == 400
    assert client.ask(spent).status_code == 400
    assert not is_live(server, of_spent["access_token"])
    # The person is still logged in, and the administrator's token is the same.
    steps = len(browser.visits)
    client.obtain_tokens(browser, RESOURCE, SCOPE)
    assert "login" not in browser.visits[steps]
    assert server.admin("GET", "/api/servers")

    move(server, str(server.folder / "back.db"), "back.jsonl")

    check_program(program)
    assert not is_live(server, revoked["access_token"])
    assert example.get("/api/files", program.tokens.access_token).status_code == 200
