"""The official Python MCP client where it is known by the URL of its metadata document: nothing is registered."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import httpx
import pytest
from browser import Browser
from client_site import ClientSite, running_site
from mcp_program import Program
from processes import EMAIL, PASSWORD, AuthorizationServer, Example, running, running_example

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientSite]:
    with running_site(tmp_path_factory.mktemp("client-site")) as site:
        yield site


@pytest.fixture(scope="module")
def server(site: ClientSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthorizationServer]:
    folder = tmp_path_factory.mktemp("authorization-server")
    with running(folder, AUTH_AGENT_CA_FILE=str(site.certificate), AUTH_AGENT_REGISTRATION="off") as server:
        yield server


@pytest.fixture(scope="module")
def example(server: AuthorizationServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    with running_example("FastAPI", server, tmp_path_factory.mktemp("example"), AUTH_AGENT_CACHE_TTL="0") as example:
        yield example


@pytest.fixture(scope="module")
def program(example: Example, site: ClientSite) -> Iterator[Program]:
    """One program's life: the tests below are its steps, in order."""
    with contextlib.closing(Browser(EMAIL, PASSWORD)) as browser:
        yield Program(example, "2026-07-28", browser, site.client_id)


def test_it_names_itself_by_its_document_and_calls_a_tool(program: Program, site: ClientSite) -> None:
    assert program.call("read_file", path="hello.txt") == "hello ž"
    assert program.requested.params["client_id"] == site.client_id
    assert program.browser.visits == [["login", "consent"]]
    assert f">{site.host}<" in program.browser.consent_page


def test_it_refreshes_and_is_authorized_for_more_and_its_site_was_asked_once(
    program: Program, site: ClientSite
) -> None:
    program.provider.context.token_expiry_time = 1.0  # its own clock is past it
    assert program.call("read_file", path="hello.txt") == "hello ž"
    program.call("write_file", path="written.txt", content="by a client with a document")
    assert sorted(program.tokens.scope.split()) == ["files:read", "files:write"]
    assert program.browser.visits == [["login", "consent"], ["consent"]]
    assert site.visits == 1


def test_the_operator_sees_it_among_the_clients_and_in_the_audit(server: AuthorizationServer, site: ClientSite) -> None:
    assert site.client_id in server.run("client", "list")
    events = [json.loads(line) for line in server.run("audit", "tail", "--json").splitlines()]
    assert {event["event"] for event in events if event.get("client_id") == site.client_id} >= {
        "client_registered", "consent", "token_issued", "refresh"
    }  # fmt: skip


def test_one_that_its_site_does_not_know_is_told_on_a_page(
    server: AuthorizationServer, example: Example, site: ClientSite
) -> None:
    site.status = 404
    parameters = {
        "response_type": "code",
        "client_id": site.client_id.replace("client.json", "other.json"),
        "redirect_uri": "http://127.0.0.1:4711/callback",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "resource": example.resource,
    }
    answer = httpx.get(f"{server.issuer}/authorize", params=parameters)
    assert answer.status_code == 400
    assert "there is no metadata document at client_id" in answer.text
