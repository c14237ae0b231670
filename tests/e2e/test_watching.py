"""What operators see: metrics after a whole path, an audit that shows when it was tampered with, and an orderly end."""

from __future__ import annotations

import contextlib
import hashlib
import json
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest
from browser import Browser, PublicClient
from processes import BINARY, EMAIL, PASSWORD, AuthorizationServer, free_port

RESOURCE = "https://files.example.com/mcp"
GONE_S = 5.0
PATIENCE_S = 20.0
SERIES = re.compile(r"^([a-z_]+(?:\{[^}]*\})?) ([0-9.]+)$", re.M)
TEXTS = ["event", "actor", "user_id", "client_id", "server_id", "grant_id", "address", "request_id", "detail"]


class WatchedServer(AuthorizationServer):
    """With a listener for metrics, and one registered MCP server."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.metrics_port = free_port()
        super().__init__(folder, AUTH_AGENT_METRICS_PORT=str(self.metrics_port))
        self.serve()
        registration = {"server_url": RESOURCE, "server_name": "Files", "scopes": ["files:read"]}
        self.server_id = self.admin("POST", "/api/servers", registration)["server_id"]
        self.key = self.admin("POST", f"/api/servers/{self.server_id}/keys", {"name": "e2e"})["key_secret"]

    def scrape(self) -> dict[str, float]:
        answer = httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return {name: float(value) for name, value in SERIES.findall(answer.text)}

    def introspect(self, token: str) -> bool:
        url = self.metadata()["introspection_endpoint"]
        answer = httpx.post(url, data={"token": token}, headers={"Authorization": f"Bearer {self.key}"})
        return answer.raise_for_status().json()["active"]

    def audit(self) -> list[dict]:
        return [json.loads(line) for line in self.run("audit", "export", "-").splitlines()]

    def verify(self) -> subprocess.CompletedProcess:
        argv = [BINARY, "audit", "verify"]
        return subprocess.run(argv, cwd=self.folder, env=self._env, capture_output=True, text=True, check=False)

    @contextlib.contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self.folder / "auth-agent.db", timeout=PATIENCE_S)) as connection:
            yield connection
            connection.commit()


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Iterator[WatchedServer]:
    server = WatchedServer(tmp_path)
    try:
        yield server
    finally:
        server.process.child.kill()
        server.process.child.wait()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with contextlib.closing(Browser(EMAIL, PASSWORD)) as browser:
        yield browser


def walk(server: WatchedServer, browser: Browser) -> tuple[PublicClient, dict]:
    """Authorization, a refresh, two introspections, a code that comes again."""
    client = PublicClient(server.metadata())
    exchange = client.obtain_code(browser, RESOURCE, "files:read")
    tokens = client.ask(exchange).raise_for_status().json()
    tokens = client.refresh(tokens["refresh_token"]).raise_for_status().json()
    for token, active in ((tokens["access_token"], True), ("unknown", False)):
        assert server.introspect(token) == active
    return client, exchange


# ---- metrics ----


def test_a_whole_path_shows_in_the_metrics(server: WatchedServer, browser: Browser) -> None:
    before = server.scrape()
    walk(server, browser)
    after = server.scrape()
    assert before['auth_agent_tokens_issued_total{grant_type="refresh_token"}'] == 0
    expected = {
        'auth_agent_tokens_issued_total{grant_type="authorization_code"}': 1,
        'auth_agent_tokens_issued_total{grant_type="refresh_token"}': 1,
        'auth_agent_refreshes_total{outcome="rotated"}': 1,
        'auth_agent_introspections_total{outcome="active"}': 1,
        'auth_agent_introspections_total{outcome="inactive"}': 1,
        'auth_agent_logins_total{outcome="success"}': 1,
        'auth_agent_consents_total{answer="allow"}': 1,
        "auth_agent_registrations_total": 1,
        'auth_agent_requests_total{method="POST",route="/token",status="200"}': 2,
        'auth_agent_requests_total{method="POST",route="/introspect",status="200"}': 2,
        'auth_agent_request_duration_seconds_count{method="POST",route="/token"}': 2,
    }
    assert {name: after.get(name) for name in expected} == expected
    for histogram in ('store_duration_seconds_count{operation="write"}', "store_batch_size_count"):
        assert after[f"auth_agent_{histogram}"] > before[f"auth_agent_{histogram}"]


def test_the_sizes_of_tables_are_there_soon_after_a_start(server: WatchedServer) -> None:
    until = time.monotonic() + PATIENCE_S
    while 'auth_agent_table_rows{table="users"}' not in (found := server.scrape()):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert found['auth_agent_table_rows{table="users"}'] == 1


def test_the_public_port_tells_nothing_of_it(server: WatchedServer) -> None:
    assert httpx.get(f"{server.issuer}/metrics").status_code == 404
    assert httpx.get(f"http://127.0.0.1:{server.metrics_port}/healthz").status_code == 404


# ---- the audit ----


def test_the_audit_tells_what_happened_in_its_order_and_holds_no_secret(
    server: WatchedServer, browser: Browser
) -> None:
    client, exchange = walk(server, browser)
    assert client.ask(exchange).status_code == 400
    entries = server.audit()
    events = [entry["event"] for entry in entries]
    wanted = ["login", "consent", "token_issued", "refresh", "code_replayed"]
    assert [event for event in events if event in wanted] == wanted
    assert {"admin_token", "user_added", "signing_key", "server_created", "key_created", "client_registered"} <= set(
        events
    )
    refresh = next(entry for entry in entries if entry["event"] == "refresh")
    assert refresh["actor"] == refresh["client_id"] == client.client_id
    assert refresh["address"] == "127.0.0.1"
    assert re.fullmatch(r"[a-z0-9]{16}", refresh["request_id"])
    assert refresh["detail"]["scope"] == "files:read"
    created = next(entry for entry in entries if entry["event"] == "key_created")
    assert (created["actor"], created["server_id"]) == ("admin", server.server_id)
    text = server.run("audit", "export", "-") + server.run("audit", "tail", "-n", "100")
    for secret in (server.key, server.admin_token, PASSWORD, exchange["code"], exchange["code_verifier"], "rt_", "eyJ"):
        assert secret not in text


def netstring(value: object) -> bytes:
    if value is None:
        return b"-,"
    data = str(value).encode()
    return b"%d:%s," % (len(data), data)


def test_the_chain_is_the_one_that_is_described(server: WatchedServer, browser: Browser) -> None:
    """Worked out here from the description alone (server/src/store/audit.h)."""
    walk(server, browser)
    with server.database() as connection:
        columns = f"chain, sequence, time_ms, {', '.join(TEXTS)}"
        rows = connection.execute(f"SELECT {columns}, prev_hash, hash FROM audit ORDER BY chain, sequence").fetchall()
    before = bytes(32)
    for row in rows:
        assert row[-2] == before
        before = hashlib.sha256(before + b"".join(map(netstring, row[:-2]))).digest()
        assert row[-1] == before
    shown = json.loads(server.run("audit", "verify", "--json"))
    assert [(chain["entries"], chain["head"]) for chain in shown] == [(str(len(rows)), before.hex())]


@pytest.mark.parametrize(
    ("tampering", "what"),
    [
        ("UPDATE audit SET actor = 'somebody-else' WHERE sequence = ?", "it was changed"),
        ("UPDATE audit SET address = NULL WHERE sequence = ?", "it was changed"),
        ("DELETE FROM audit WHERE sequence = ?", "it is missing"),
    ],
)
def test_what_is_tampered_with_shows_at_its_entry(
    server: WatchedServer, browser: Browser, tampering: str, what: str
) -> None:
    walk(server, browser)
    assert server.verify().returncode == 0
    entry = next(entry for entry in server.audit() if entry["event"] == "login")
    with server.database() as connection:
        assert connection.execute(tampering, (entry["sequence"],)).rowcount == 1
    found = server.verify()
    assert (found.returncode, found.stdout) == (1, "")
    assert f"chain 0, entry {entry['sequence']}: {what}" in found.stderr
    assert len(found.stderr.splitlines()) == 1


def test_a_removed_end_shows_too(server: WatchedServer) -> None:
    last = server.audit()[-1]["sequence"]
    with server.database() as connection:
        connection.execute("DELETE FROM audit WHERE sequence = ?", (last,))
    assert f"entry {last}: it is missing" in server.verify().stderr


# ---- the end ----


def wait_for_refusal(server: WatchedServer) -> None:
    """Until it takes no new connections."""
    with contextlib.suppress(httpx.TransportError):
        while httpx.get(f"{server.issuer}/healthz"):
            time.sleep(0.02)


def test_it_ends_in_time_with_idle_connections_and_a_slow_request(server: WatchedServer) -> None:
    """The connections that wait for nothing are closed; the request that runs gets its answer."""
    body = b"grant_type=refresh_token&client_id=cl_none&refresh_token=rt_none"
    head = "POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    with contextlib.ExitStack() as open_ones:
        idle = [open_ones.enter_context(httpx.Client()) for _ in range(8)]
        for client in idle:
            assert client.get(f"{server.issuer}/healthz").status_code == 200
        slow = open_ones.enter_context(socket.create_connection(("127.0.0.1", server.port), PATIENCE_S))
        slow.sendall(head.encode() + body[:10])
        while server.scrape()["auth_agent_requests_running"] < 1:
            time.sleep(0.02)
        server.process.child.send_signal(signal.SIGTERM)
        told = time.monotonic()
        wait_for_refusal(server)
        assert idle[0].get(f"{server.issuer}/readyz").status_code == 503  # on a connection it has
        slow.sendall(body[10:])
        answer = b""
        while part := slow.recv(65536):
            answer += part
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"\r\nconnection: close\r\n" in answer.lower()
        assert server.process.child.wait(2 * GONE_S) == 0, server.process.log.read_text()
        assert time.monotonic() - told < GONE_S
