"""The official Python MCP client against both examples, over real sockets, with nothing preset."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import httpx2
import pytest
from browser import REDIRECT_URI, Browser
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from processes import EMAIL, PASSWORD, AuthorizationServer, Example

T = TypeVar("T")


class NobodyThereError(Exception):
    """The client wanted a person, and there is none."""


class Program:
    """A program with the client in it, and what the client has it keep."""

    def __init__(self, example: Example, mode: str, browser: Browser) -> None:
        self.example = example
        self.mode = mode
        self.browser: Browser | None = browser
        self.tokens: OAuthToken | None = None
        self.client_info: OAuthClientInformationFull | None = None
        self.registrations = 0
        self.requested = httpx2.URL("")
        self.refusals: list[tuple[int, str]] = []
        self._callback: dict[str, str] = {}
        self.provider = self._make_provider()

    # What OAuthClientProvider calls a TokenStorage.

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client_info

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.registrations += 1
        self.client_info = client_info

    async def _redirect(self, url: str) -> None:
        self.requested = httpx2.URL(url)
        if self.browser is None:
            raise NobodyThereError
        self._callback = await asyncio.to_thread(self.browser.authorize, url, REDIRECT_URI)

    async def _wait_for_callback(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(
            code=self._callback["code"], state=self._callback["state"], iss=self._callback.get("iss")
        )

    async def _note(self, response: httpx2.Response) -> None:
        if response.status_code >= 400:
            self.refusals.append((response.status_code, response.headers.get("www-authenticate", "")))

    def _make_provider(self) -> OAuthClientProvider:
        metadata = OAuthClientMetadata(
            client_name="An e2e client",
            redirect_uris=[REDIRECT_URI],
            grant_types=["authorization_code", "refresh_token"],
            token_endpoint_auth_method="none",
        )
        return OAuthClientProvider(self.example.resource, metadata, self, self._redirect, self._wait_for_callback)

    async def _run(self, work: Callable[[Client], Awaitable[T]]) -> T:
        hooks = {"response": [self._note]}
        async with (
            httpx2.AsyncClient(auth=self.provider, event_hooks=hooks, timeout=20) as http,
            Client(streamable_http_client(self.example.resource, http_client=http), mode=self.mode) as client,
        ):
            return await work(client)

    def run(self, work: Callable[[Client], Awaitable[T]]) -> T:
        """One connection, and what is done with it."""
        return asyncio.run(self._run(work))

    def call(self, name: str, **arguments: str) -> str:
        async def work(client: Client) -> str:
            result = await client.call_tool(name, arguments)
            assert not result.is_error, result
            return "".join(part.text for part in result.content)

        return self.run(work)


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
