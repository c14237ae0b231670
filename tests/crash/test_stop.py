"""SIGTERM: what runs is finished, nothing new is begun, and the server is gone within 5 s with code 0."""

from __future__ import annotations

import concurrent.futures
import contextlib
import pathlib
import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from engines import frozen
from load import Client
from postgres import Postgres
from processes import free_port
from servers import Server, serving
from verify import Verification
from wire import Absent, Answer, Lost, Unavailable, Wire

GONE_S = 5.0
AT_ONCE = 8
PATIENCE_S = 30.0


class WatchedServer(Server):
    def __init__(self, folder: pathlib.Path, **more: str) -> None:
        self._metrics_port = free_port()
        super().__init__(folder, f"--metrics-port={self._metrics_port}", **more)

    def running(self) -> int:
        """Requests that were begun and not yet answered."""
        text = httpx.get(f"http://127.0.0.1:{self._metrics_port}/metrics").text
        return int(re.search(r"^auth_agent_requests_running (\d+)$", text, re.M)[1])

    def wait_until_running(self, count: int) -> None:
        until = time.monotonic() + PATIENCE_S
        while (running := self.running()) < count:
            assert time.monotonic() < until, f"{running} requests are running, not {count}"
            time.sleep(0.02)

    @contextlib.contextmanager
    def writes_held_up(self) -> Iterator[None]:
        """As by a command that is busy with the same file."""
        with contextlib.closing(sqlite3.connect(self.folder / "auth-agent.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")

    def wait_for_refusal(self) -> None:
        """Until it takes no new connections."""
        until = time.monotonic() + PATIENCE_S
        with contextlib.suppress(Absent, Lost):
            while time.monotonic() < until:
                with Wire(self.address) as wire:
                    wire.get("/healthz")
            raise AssertionError("a server that was told to stop goes on")

    def told_to_stop(self) -> float:
        self.process.child.send_signal(signal.SIGTERM)
        return time.monotonic()

    def check_gone(self, told: float) -> None:
        code = self.process.child.wait(2 * GONE_S)
        took = time.monotonic() - told
        assert code == 0, self.process.log.read_text()
        assert took < GONE_S, f"gone after {took:.1f} s"


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Iterator[WatchedServer]:
    with serving(WatchedServer(tmp_path)) as server:
        yield server
        if server.process.child.poll() is not None:
            server.serve()  # so that its end is looked at once more, and leaks with it


def refresh(server: Server, fields: dict[str, str]) -> Answer | None:
    """None for 503, and for a connection that ended without an answer."""
    with Wire(server.address) as wire, contextlib.suppress(Unavailable, Lost):
        return wire.post("/token", fields)
    return None


def test_requests_that_run_when_the_server_is_told_to_stop_are_answered(server: WatchedServer) -> None:
    with contextlib.closing(Client(server.load(0), 0)) as client:
        client.register()
        families = [client.exchange() for _ in range(AT_ONCE)]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            with server.writes_held_up():
                asked = [pool.submit(refresh, server, client.refresh_fields(family)) for family in families]
                server.wait_until_running(AT_ONCE)
                told = server.told_to_stop()
                server.wait_for_refusal()
            answers = [answer.result() for answer in asked]
        server.check_gone(told)
        assert [answer and answer.status for answer in answers] == [200] * AT_ONCE

        server.serve()
        for family, answer in zip(families, answers, strict=True):
            family.add(answer.body)
            client.refresh(family)
            client.introspect(family)


def test_a_database_that_is_held_up_does_not_hold_up_the_end(server: WatchedServer) -> None:
    with contextlib.closing(Client(server.load(0), 0)) as client:
        client.register()
        families = [client.exchange() for _ in range(AT_ONCE)]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool, server.writes_held_up():
            asked = [pool.submit(refresh, server, client.refresh_fields(family)) for family in families]
            server.wait_until_running(AT_ONCE)
            server.check_gone(server.told_to_stop())
            assert [answer.result() for answer in asked] == [None] * AT_ONCE
        # Nobody was told anything, and each can ask again.
        server.serve()
        for family in families:
            client.refresh(family)


def test_a_postgresql_that_is_frozen_does_not_hold_up_the_end(
    postgres: Postgres, postgres_database: dict[str, str], tmp_path: pathlib.Path
) -> None:
    with (
        serving(WatchedServer(tmp_path, **postgres_database)) as server,
        contextlib.closing(Client(server.load(0), 0)) as client,
    ):
        client.register()
        families = [client.exchange() for _ in range(AT_ONCE)]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            with frozen(postgres):
                asked = [pool.submit(refresh, server, client.refresh_fields(family)) for family in families]
                server.wait_until_running(AT_ONCE)
                server.check_gone(server.told_to_stop())
            assert [answer.result() for answer in asked] == [None] * AT_ONCE
        server.serve()
        for family in families:
            client.refresh(family)


def test_a_server_that_is_told_to_stop_under_load_loses_nothing(
    server: WatchedServer, seed: int, tell: Callable[[str], None]
) -> None:
    tell(f"seed {seed}")
    load = server.load(seed)
    with load.running() as ledger:
        for _ in range(3):
            ledger.wait_for_answers(100)
            server.check_gone(server.told_to_stop())
            server.serve()
        ledger.wait_for_answers(100)
    with Verification(server.address, server.key) as verification:
        verification.check(ledger)
    tell(f"stopped 3 times: {ledger}; verified: {verification}")
