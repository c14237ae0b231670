"""The official Python MCP client against both examples, over real sockets, with nothing preset."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from browser import Browser
from mcp import Client
from mcp_program import Program
from processes import EMAIL, PASSWORD, AuthorizationServer, Example


@pytest.fixture(scope="module", params=["legacy", "2026-07-28"])
def program(request: pytest.FixtureRequest, example: Example) -> Iterator[Program]:
    """One program's life: the tests below are its steps, in order."""
    with contextlib.closing(Browser(EMAIL, PASSWORD)) as browser:
        yield Program(example, request.param, browser)


def test_it_is_refused_and_finds_registers_and_a_person_logs_in_and_approves(
    program: Program, server: AuthorizationServer
) -> None:
    async def list_tools(client: Client) -> list[str]:
        return sorted(tool.name for tool in (await client.list_tools()).tools)

    assert program.run(list_tools) == ["list_files", "read_file", "write_file"]
    metadata = f"{program.example.url}/.well-known/oauth-protected-resource/mcp"
    assert program.refusals[0] == (401, f'Bearer scope="files:read", resource_metadata="{metadata}"')
    assert program.registrations == 1
    assert program.browser.visits == [["login", "consent"]]
    assert program.client_info.issuer == server.issuer


def test_it_asked_for_this_server_alone_and_for_no_more_than_the_challenge_named(program: Program) -> None:
    asked = program.requested.params
    assert asked["resource"] == program.example.resource
    assert asked["scope"] == "files:read"
    assert asked["code_challenge_method"] == "S256"
    assert program.tokens.scope == "files:read"


def test_the_page_of_consent_named_the_client_where_it_is_called_back_and_what_it_reaches(program: Program) -> None:
    for part in ("An e2e client", "127.0.0.1", f"Files ({program.example.name})"):
        assert part in program.browser.consent_page


def test_it_calls_a_tool(program: Program) -> None:
    assert program.call("read_file", path="hello.txt") == "hello ž"
    assert len(program.browser.visits) == 1


def test_the_server_knows_who_is_asking(program: Program) -> None:
    response = program.example.get("/api/files", program.tokens.access_token)
    assert response.status_code == 200
    assert EMAIL in response.text


def test_an_access_token_that_has_expired_is_refreshed_without_a_person(program: Program) -> None:
    first = program.tokens
    program.provider.context.token_expiry_time = 1.0  # its own clock is past it
    assert program.call("read_file", path="hello.txt") == "hello ž"
    assert program.tokens.access_token != first.access_token
    assert program.tokens.refresh_token != first.refresh_token
    assert len(program.browser.visits) == 1


def test_a_call_that_needs_more_is_authorized_for_it_and_succeeds(program: Program) -> None:
    program.refusals.clear()
    program.call("write_file", path="written.txt", content=program.mode)
    status, challenge = program.refusals[0]
    assert status == 403
    assert challenge.startswith(
        'Bearer error="insufficient_scope", scope="files:read files:write", resource_metadata="'
    )
    assert (program.example.files / "written.txt").read_text() == program.mode
    assert sorted(program.tokens.scope.split()) == ["files:read", "files:write"]
    assert program.registrations == 1
    assert program.browser.visits == [["login", "consent"], ["consent"]]


def test_after_revocation_it_is_refused_and_only_a_person_could_help_it(
    program: Program, server: AuthorizationServer
) -> None:
    token = program.tokens.access_token
    assert program.example.get("/api/files", token).status_code == 200
    server.revoke(program.tokens.refresh_token, program.client_info.client_id)
    refused = program.example.get("/api/files", token)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
    program.browser = None
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - the client wraps it in groups of its own
        program.call("read_file", path="hello.txt")
    assert "NobodyThereError" in flatten(caught.value)


def flatten(error: BaseException) -> list[str]:
    """The names of an error, of those inside it when it is a group, and of its causes."""
    inner = list(getattr(error, "exceptions", ())) + [cause for cause in (error.__cause__, error.__context__) if cause]
    return [type(error).__name__, *(name for part in inner for name in flatten(part))]
