"""The server's binary under a load: one process, or two behind a load balancer; started quickly, killed, started again."""

from __future__ import annotations

import contextlib
import http.client
import pathlib
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from typing import TypeVar

from load import RESOURCE, SCOPE, Load
from processes import BINARY, PASSWORD, START_S, AuthorizationServer, Process, free_port

BALANCER = pathlib.Path(__file__).with_name("round_robin.py")
LOOK_AGAIN_S = 0.005
PEOPLE = 6
FLAGS = [
    "--refresh-grace=1h",  # a client that comes back late in a slow run is still inside it
    "--trusted-proxies=127.0.0.1",  # which each client claims to be: none shares another's address, nor its limits
]


class Server(AuthorizationServer):
    """An authorization server with people enough for a load, and one MCP server registered at it."""

    def __init__(self, folder: pathlib.Path, *flags: str, **more: str) -> None:
        super().__init__(folder, **more)
        self._flags = flags
        self.people = [(f"person{number}@example.com", PASSWORD) for number in range(PEOPLE)]
        for email, password in self.people:
            self.run("user", "add", email, "--name", "A person", text=f"{password}\n")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return self._env

    def start(self, port: int, log: str) -> Process:
        argv = [BINARY, "serve", f"--port={port}", f"--issuer={self.issuer}", *FLAGS, *self._flags]
        return Process(argv, self.folder, self._env, log)

    def serve(self) -> None:
        self.process = self.start(self.port, "serve.log")
        wait_until_answered(self.process, self.port)

    def register(self) -> None:
        """The MCP server that tokens are for; `key` is what it introspects with."""
        registration = {"server_url": RESOURCE, "server_name": "Files", "scopes": [SCOPE]}
        self.server_id = self.admin("POST", "/api/servers", registration)["server_id"]
        self.key = self.new_key()["key_secret"]

    def new_key(self) -> dict:
        return self.admin("POST", f"/api/servers/{self.server_id}/keys", {"name": "crash"})

    def load(self, seed: int) -> Load:
        return Load(self.issuer, self.key, self.people, seed)

    def restart(self, _turn: int) -> None:
        self.kill()
        self.serve()

    def abandon(self) -> None:
        """Whatever came of the test, nothing is left running."""
        self.process.child.kill()
        self.process.child.wait()


class Pair(Server):
    """Two processes on one database; `port` is the load balancer's."""

    def __init__(self, folder: pathlib.Path, *flags: str, **more: str) -> None:
        super().__init__(folder, *flags, **more)
        self.ports = [free_port(), free_port()]
        self._processes: list[Process] = []
        self._balancer: Process | None = None

    @property
    def addresses(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    def serve(self) -> None:
        self._processes = [self.start(port, f"serve-{port}.log") for port in self.ports]
        for process, port in zip(self._processes, self.ports, strict=True):
            wait_until_answered(process, port)
        argv = [sys.executable, str(BALANCER), str(self.port), *map(str, self.ports)]
        self._balancer = Process(argv, self.folder, self._env, "balancer.log")
        wait_until_answered(self._balancer, self.port)

    def restart(self, turn: int) -> None:
        """One of them, by turns; the other goes on."""
        which = turn % 2
        self._processes[which].end(signal.SIGKILL)
        self._processes[which] = self.start(self.ports[which], f"serve-{self.ports[which]}.log")
        wait_until_answered(self._processes[which], self.ports[which])

    def stop(self) -> None:
        for process in self._all():
            assert process.end() == 0, process.log.read_text()

    def abandon(self) -> None:
        for process in self._all():
            process.child.kill()
            process.child.wait()

    def _all(self) -> list[Process]:
        return [*([self._balancer] if self._balancer else []), *self._processes]


def wait_until_answered(process: Process, port: int) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.child.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            connection.close()
            return
        time.sleep(LOOK_AGAIN_S)
    process.child.kill()
    raise AssertionError(f"{process.child.args} does not answer:\n{process.log.read_text()}")


S = TypeVar("S", bound=Server)


@contextlib.contextmanager
def serving(server: S) -> Iterator[S]:
    """Runs it for the length of a block, with the MCP server registered; it must stop as it should."""
    try:
        server.serve()
        server.register()
        yield server
        server.stop()
    finally:
        server.abandon()
        shutil.rmtree(server.folder, ignore_errors=True)


def kill_at_random(server: Server, load: Load, times: int, pause_s: float) -> None:
    """By turns at any moment of the next `pause_s`, and as soon as a client has its answer: what was told too early is lost then."""
    moments = random.Random(load.seed)
    for turn in range(times):
        load.ledger.wait_for_answers(len(load.people))
        time.sleep(moments.uniform(0, pause_s))
        if moments.random() < 0.5:
            load.ledger.wait_for_answers(1)
        server.restart(turn)
    load.ledger.wait_for_answers(len(load.people))
