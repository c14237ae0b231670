"""The real parts of the whole path as processes: the authorization server's binary, and the two example MCP servers."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("AUTH_AGENT_SERVER_BINARY", str(ROOT / "build" / "asan" / "server" / "auth-agent-server"))
EMAIL = "ada@example.com"
PASSWORD = "correct horse battery staple"
SCOPES = ["files:read", "files:write"]
START_S = 30.0
STOP_S = 10.0
PAUSE_S = 0.05
COMMANDS = {
    "FastAPI": [sys.executable, str(ROOT / "examples" / "filesystem-server" / "server.py")],
    "Hono": ["node", str(ROOT / "examples" / "typescript-server" / "dist" / "server.js")],
}


def environment(**more: str) -> dict[str, str]:
    """The environment without what would configure the programs behind a test's back."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AUTH_AGENT_") or name == "AUTH_AGENT_MCP_NATIVE"
    }
    return kept | more


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


class Process:
    """A child whose output goes to a file, for the message of a failing test."""

    def __init__(self, argv: list[str], folder: pathlib.Path, env: dict[str, str], log: str) -> None:
        self.log = folder / log
        with self.log.open("ab") as out:
            self.child = subprocess.Popen(
                argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )

    def wait_for(self, url: str) -> None:
        """Waits until `url` is answered at all."""
        until = time.monotonic() + START_S
        while time.monotonic() < until and self.child.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(url)
                return
            time.sleep(PAUSE_S)
        self.child.kill()
        raise AssertionError(f"{self.child.args} does not answer:\n{self.log.read_text()}")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.child.send_signal(number)
        try:
            return self.child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            raise AssertionError(f"{self.child.args} did not stop:\n{self.log.read_text()}") from None


class AuthorizationServer:
    """The authorization server, with a person who can log in and an administrator's token.

    `issuer` names it to the world; it differs from where it listens when something stands between. `more` is its configuration.
    """

    def __init__(self, folder: pathlib.Path, issuer: str | None = None, **more: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.issuer = issuer or f"http://localhost:{self.port}"
        self._env = environment(**({"AUTH_AGENT_DATABASE": str(folder / "auth-agent.db")} | more))
        self.admin_token = json.loads(self.run("init", "--json"))["admin_token"]
        self.run("user", "add", EMAIL, "--name", "Ada Lovelace", text=f"{PASSWORD}\n")

    def configure(self, **more: str) -> None:
        """Other settings for what is run from now on."""
        self._env |= more

    def run(self, *words: str, text: str = "") -> str:
        """One command of the command line; what it prints."""
        done = subprocess.run(
            [BINARY, *words], cwd=self.folder, env=self._env, input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"auth-agent-server {' '.join(words)}: {done.stderr}"
        return done.stdout

    def serve(self) -> None:
        argv = [BINARY, "serve", f"--port={self.port}", f"--issuer={self.issuer}"]
        self.process = Process(argv, self.folder, self._env, "serve.log")
        self.process.wait_for(f"http://localhost:{self.port}/.well-known/oauth-authorization-server")

    @contextlib.contextmanager
    def second_process(self) -> Iterator[str]:
        """One more process on the same database, as behind a load balancer: where it listens."""
        port = free_port()
        argv = [BINARY, "serve", f"--port={port}", f"--issuer={self.issuer}"]
        process = Process(argv, self.folder, self._env, "second.log")
        try:
            process.wait_for(f"http://localhost:{port}/.well-known/oauth-authorization-server")
            yield f"http://localhost:{port}"
            assert process.end() == 0, process.log.read_text()
        finally:
            process.child.kill()

    def kill(self) -> None:
        self.process.end(signal.SIGKILL)

    def stop(self) -> None:
        code = self.process.end()
        assert code == 0, f"the authorization server ended with {code}:\n{self.process.log.read_text()}"

    def admin(self, method: str, path: str, body: dict | None = None) -> dict:
        """The administrator's API."""
        headers = {"Authorization": f"Bearer {self.admin_token}"}
        response = httpx.request(method, f"http://localhost:{self.port}{path}", headers=headers, json=body)
        response.raise_for_status()
        return response.json() if response.content else {}

    def metadata(self) -> dict:
        return httpx.get(f"{self.issuer}/.well-known/oauth-authorization-server").json()

    def revoke(self, token: str, client_id: str) -> None:
        """RFC 7009, as the client that holds the token."""
        url = self.metadata()["revocation_endpoint"]
        assert httpx.post(url, data={"token": token, "client_id": client_id}).status_code == 200


class Example:
    """An example MCP server, registered at `server`."""

    def __init__(self, name: str, server: AuthorizationServer, folder: pathlib.Path, **more: str) -> None:
        port = free_port()
        self.name = name
        self.url = f"http://localhost:{port}"
        self.resource = f"{self.url}/mcp"
        self.files = folder / f"files-{port}"
        self.files.mkdir()
        (self.files / "hello.txt").write_text("hello ž")
        registration = {"server_url": self.resource, "server_name": f"Files ({name})", "scopes": SCOPES}
        server_id = server.admin("POST", "/api/servers", registration)["server_id"]
        key = server.admin("POST", f"/api/servers/{server_id}/keys", {"name": "e2e"})
        self._folder = folder
        self._env = environment(
            AUTH_AGENT_SERVER_ID=server_id,
            AUTH_AGENT_API_KEY=key["key_secret"],
            AUTH_AGENT_AUTH_SERVER=server.issuer,
            FILES_ROOT=str(self.files),
            PORT=str(port),
            **more,
        )

    def start(self) -> None:
        self.process = Process(COMMANDS[self.name], self._folder, self._env, f"{self.name}.log")
        self.process.wait_for(f"{self.url}/api/files")

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        """A plain request, past the MCP clients."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=20)

    def stop(self) -> None:
        code = self.process.end()
        assert code in (0, -signal.SIGTERM), f"{self.name} ended with {code}:\n{self.process.log.read_text()}"


@contextlib.contextmanager
def running(folder: pathlib.Path, issuer: str | None = None, **more: str) -> Iterator[AuthorizationServer]:
    """An authorization server for the length of a block."""
    server = AuthorizationServer(folder, issuer, **more)
    server.serve()
    try:
        yield server
        server.stop()
    finally:
        server.process.child.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running_example(name: str, server: AuthorizationServer, folder: pathlib.Path, **more: str) -> Iterator[Example]:
    example = Example(name, server, folder, **more)
    example.start()
    try:
        yield example
        example.stop()
    finally:
        example.process.child.kill()
