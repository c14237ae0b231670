"""A program with the official Python MCP client in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx2
from browser import REDIRECT_URI, Browser
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from processes import Example

T = TypeVar("T")


class NobodyThereError(Exception):
    """The client wanted a person, and there is none."""


class Program:
    """A program with the client in it, and what the client has it keep."""

    def __init__(self, example: Example, mode: str, browser: Browser, document_url: str | None = None) -> None:
        """`document_url`: where the client publishes its metadata document, if it does."""
        self.example = example
        self.mode = mode
        self.browser: Browser | None = browser
        self.tokens: OAuthToken | None = None
        self.client_info: OAuthClientInformationFull | None = None
        self.registrations = 0
        self.requested = httpx2.URL("")
        self.refusals: list[tuple[int, str]] = []
        self._callback: dict[str, str] = {}
        self.provider = self._make_provider(document_url)

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

    def _make_provider(self, document_url: str | None) -> OAuthClientProvider:
        metadata = OAuthClientMetadata(
            client_name="An e2e client",
            redirect_uris=[REDIRECT_URI],
            grant_types=["authorization_code", "refresh_token"],
            token_endpoint_auth_method="none",
        )
        return OAuthClientProvider(
            self.example.resource,
            metadata,
            self,
            self._redirect,
            self._wait_for_callback,
            client_metadata_url=document_url,
        )

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
