"""The example server as a process: its files, its REST side and its MCP side with the official client of both eras."""

from __future__ import annotations

import asyncio
import os
import pathlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx
import httpx2
import pytest
from apps import bearer, exchange
from fake_as import API_KEY, SERVER_ID, FakeAs, running
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

SERVER = pathlib.Path(__file__).parents[2] / "examples" / "filesystem-server" / "server.py"


class Example:
    def __init__(self, folder: pathlib.Path, authorization_server: FakeAs) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.server = authorization_server
        environment = {
            "AUTH_AGENT_SERVER_ID": SERVER_ID,
            "AUTH_AGENT_API_KEY": API_KEY,
            "AUTH_AGENT_AUTH_SERVER": authorization_server.issuer,
            "FILES_ROOT": str(self.root),
            "PORT": "0",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", str(SERVER)],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
        )
        assert self.process.stdout
        found = re.search(r"MCP at http://localhost:(\d+)/mcp", self.process.stdout.readline())
        assert found
        self.port = int(found.group(1))
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=20)
        assert self.process.returncode in (0, -signal.SIGTERM)

    def request(self, method: str, path: str, token: str | None = "reader", content: bytes = b"") -> httpx.Response:
        headers = bearer(token) if token else {}
        return httpx.request(method, self.url + path, headers=headers, content=content, timeout=20)

    def get(self, path: str, token: str | None = "reader") -> httpx.Response:
        return self.request("GET", path, token)

    def put(self, path: str, content: bytes, token: str | None = "writer") -> httpx.Response:
        return self.request("PUT", path, token, content)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    folder = tmp_path_factory.mktemp("example")
    root = folder / "root"
    (root / "sub").mkdir(parents=True)
    (root / "hello.txt").write_text("hello ž")
    (root / "sub" / "deep.txt").write_text("deep")
    (folder / "secret.txt").write_text("secret")
    (root / "link.txt").symlink_to(folder / "secret.txt")
    (root / "out").symlink_to(folder)
    (root / "inside").symlink_to(root / "sub")
    os.mkfifo(root / "pipe")
    with running() as server:
        server.grant("reader")
        server.grant("writer", scope="files:read files:write")
        example = Example(folder, server)
        try:
            yield example
        finally:
            example.stop()


# ---- REST ---------------------------------------------------------------------------------------------------------


def test_files_are_listed_for_a_reader_and_nobody_else(example: Example) -> None:
    listed = example.get("/api/files").json()
    assert {"hello.txt", "sub/"} <= set(listed["files"])
    assert not {"link.txt", "out", "out/", "inside", "inside/", "pipe"} & set(listed["files"])
    assert listed["user"] == "ada@example.com"
    assert example.get("/api/files", None).status_code == 401
    assert example.get("/api/files", "bad").status_code == 401


def test_a_file_is_read_and_written_and_writing_needs_files_write(example: Example) -> None:
    assert example.get("/api/files/hello.txt").text == "hello ž"
    assert example.get("/api/files/sub/deep.txt").text == "deep"
    refused = example.put("/api/files/new.txt", b"x", "reader")
    assert refused.status_code == 403
    assert 'scope="files:read files:write"' in refused.headers["www-authenticate"]
    assert example.put("/api/files/new.txt", "neu ž".encode()).json() == {"path": "new.txt", "bytes": 6}
    assert (example.root / "new.txt").read_text() == "neu ž"
    assert example.put("/api/files/new.txt", b"n").status_code == 200
    assert (example.root / "new.txt").read_text() == "n"


def test_what_is_no_file_is_said_to_be_none(example: Example) -> None:
    assert example.get("/api/files/absent.txt").status_code == 404
    assert example.get("/api/files/absent/deep.txt").status_code == 404
    assert example.get("/api/files/hello.txt/x").status_code == 404
    assert example.get("/api/files/sub").status_code == 409
    assert example.get("/api/files/").status_code == 409
    assert example.get("/api/files/pipe").status_code == 409
    assert example.put("/api/files/pipe", b"x").status_code == 409
    assert example.put("/api/files/absent/new.txt", b"x").status_code == 404
    assert example.put("/api/files/sub", b"x").status_code == 409
    assert example.get("/api/files/" + "n" * 300).status_code == 400


def test_files_have_a_largest_size(example: Example) -> None:
    limit = 1024 * 1024
    assert example.put("/api/files/large.txt", b"x" * limit).status_code == 200
    assert example.get("/api/files/large.txt").status_code == 200
    assert example.put("/api/files/large.txt", b"x" * (limit + 1)).status_code == 413
    (example.root / "larger.txt").write_bytes(b"x" * (limit + 1))
    assert example.get("/api/files/larger.txt").status_code == 413


def raw(example: Example, method: str, target: str, token: str, host: str = "localhost") -> tuple[int, str]:
    """What a client would tidy up goes over a bare socket."""
    head = [f"{method} {target} HTTP/1.1", f"host: {host}", f"authorization: Bearer {token}", "content-length: 0"]
    return exchange(example.port, [*head, "connection: close"])


def test_no_path_leads_out_of_the_root(example: Example) -> None:
    paths = [
        "../secret.txt",
        "..%2fsecret.txt",
        "%2e%2e/secret.txt",
        "%2e%2e%2fsecret.txt",
        "sub/../../secret.txt",
        "sub%2f..%2f..%2fsecret.txt",
        "%2Fetc%2Fpasswd",
        "/etc/passwd",
        "link.txt",
        "out/secret.txt",
        "inside/deep.txt",
        "hello.txt%00",
        "..%5csecret.txt",
        "%252e%252e%252fsecret.txt",
        "%ed%a0%80/x",
        "%ff",
    ]
    for path in paths:
        status, text = raw(example, "GET", f"/api/files/{path}", "reader")
        assert status in (400, 404), path
        assert not re.search(r"secret$|root:", text), path
    for path in paths[:-2]:
        status, _ = raw(example, "PUT", f"/api/files/{path}", "writer")
        assert status in (400, 404) or path.startswith("%252e"), path
    assert (example.folder / "secret.txt").read_text() == "secret"
    assert (example.root / "sub" / "deep.txt").read_text() == "deep"
    assert sorted(os.listdir(example.folder)) == ["root", "secret.txt"]
    assert raw(example, "GET", "/api/files/hello.txt", "reader")[0] == 200


def test_another_host_and_a_foreign_origin_are_refused_before_anything_else(example: Example) -> None:
    def status(**headers: str) -> int:
        return httpx.get(f"{example.url}/api/files", headers=bearer("reader", **headers)).status_code

    assert status(origin="https://evil.example.com") == 403
    assert status(origin="null") == 403
    assert status(origin="http://localhost.evil.example.com") == 403
    assert status(origin="http://localhost:6274") == 200
    for host in ("evil.example.com", "localhost.evil.example.com", "localhost@evil.example.com", "[", ""):
        assert raw(example, "GET", "/api/files", "reader", host)[0] in (400, 403), host
    assert raw(example, "GET", "/api/files", "reader", "127.0.0.1:8001")[0] == 200


def test_a_browser_on_localhost_gets_its_preflight_answered_and_can_read_the_challenge(example: Example) -> None:
    origin = {"origin": "http://localhost:6274"}
    asked = {**origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    preflight = httpx.options(f"{example.url}/mcp", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "http://localhost:6274"
    refused = httpx.post(f"{example.url}/mcp", headers=origin)
    assert refused.status_code == 401
    assert "WWW-Authenticate" in refused.headers["access-control-expose-headers"]
    assert refused.headers["www-authenticate"].startswith("Bearer ")


# ---- MCP ----------------------------------------------------------------------------------------------------------


def text(result: object) -> str:
    return "".join(part.text for part in result.content)  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_the_official_client_lists_and_calls_the_tools_and_is_refused_what_its_token_may_not(
    example: Example, mode: str
) -> None:
    def client(http: httpx2.AsyncClient) -> Client:
        return Client(streamable_http_client(f"{example.url}/mcp", http_client=http), mode=mode)

    write = {"path": "mcp.txt", "content": mode}
    async with httpx2.AsyncClient(headers=bearer("reader")) as http, client(http) as reader:
        tools = (await reader.list_tools()).tools
        assert [tool.name for tool in tools] == ["list_files", "read_file", "write_file"]
        assert "hello.txt" in text(await reader.call_tool("list_files", {}))
        assert text(await reader.call_tool("list_files", {"path": "sub"})) == "deep.txt"
        assert text(await reader.call_tool("read_file", {"path": "hello.txt"})) == "hello ž"
        escape = await reader.call_tool("read_file", {"path": "../secret.txt"})
        assert escape.is_error
        assert "that path is not allowed" in text(escape)
        with pytest.raises((MCPError, httpx2.HTTPStatusError)):
            await asyncio.wait_for(reader.call_tool("write_file", write), 10)
    async with httpx2.AsyncClient(headers=bearer("writer")) as http, client(http) as writer:
        assert text(await writer.call_tool("write_file", write)) == f"wrote {len(mode)} bytes to mcp.txt"
    assert (example.root / "mcp.txt").read_text() == mode


def test_a_denied_tool_is_a_real_403_with_a_challenge(example: Example) -> None:
    params = {"name": "write_file", "arguments": {"path": "x", "content": "x"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = bearer("reader", accept="application/json, text/event-stream")
    refused = httpx.post(f"{example.url}/mcp", json=message, headers=headers)
    assert refused.status_code == 403
    assert 'scope="files:read files:write"' in refused.headers["www-authenticate"]
    assert not (example.root / "x").exists()


def test_docs_show_the_lock_of_the_one_route_that_writes(example: Example) -> None:
    document = example.get("/openapi.json").json()
    assert document["paths"]["/api/files/{path}"]["put"]["security"] == [{"AuthAgent": ["files:write"]}]
    assert example.get("/openapi.json", None).status_code == 401
