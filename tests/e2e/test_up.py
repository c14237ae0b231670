"""What `./dev up` ends in: everything runs, what was made is kept, and when it stops nothing of it stays."""

from __future__ import annotations

import contextlib
import pathlib
import signal
import socket
from collections.abc import Iterator

import httpx
import pytest
from processes import BINARY, ROOT, Process, environment, free_port

PROTECTED = "/.well-known/oauth-protected-resource/mcp"


class Up:
    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.var = folder / "var"
        self.ports = {name: free_port() for name in ("UP_PORT", "UP_FASTAPI_PORT", "UP_HONO_PORT")}

    def start(self) -> Process:
        settings = {name: str(port) for name, port in self.ports.items()}
        # A shell cannot trap what was ignored when it began, as SIGINT is in the background of another shell.
        argv = ["env", "--default-signal=INT,HUP", "sh", str(ROOT / "examples" / "up.sh"), BINARY]
        self.process = Process(argv, self.folder, environment(UP_VAR=str(self.var), **settings), "up.log")
        self.process.wait_for(f"http://localhost:{self.ports['UP_HONO_PORT']}/mcp")
        return self.process

    def resource(self, port: str) -> dict:
        return httpx.get(f"http://localhost:{self.ports[port]}{PROTECTED}").json()

    def are_free(self) -> bool:
        """Nobody listens any more."""
        for port in self.ports.values():
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("localhost", port)):
                return False
        return True

    def kept(self) -> dict[str, str]:
        return {
            name: (self.var / name).read_text() for name in ("admin-token", "demo-password", "fastapi.env", "hono.env")
        }


@pytest.fixture
def up(tmp_path: pathlib.Path) -> Iterator[Up]:
    up = Up(tmp_path)
    yield up
    if up.process.child.poll() is None:
        up.process.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_it_alone_stops_everything_it_started(up: Up, number: signal.Signals) -> None:
    process = up.start()
    assert not up.are_free()
    assert process.end(number) == 0, process.log.read_text()
    assert up.are_free()


def test_the_second_start_keeps_the_data(up: Up) -> None:
    up.start().end()
    kept = up.kept()
    up.start()
    assert up.kept() == kept
    assert up.resource("UP_FASTAPI_PORT")["authorization_servers"] == [f"http://localhost:{up.ports['UP_PORT']}"]


def test_an_example_on_another_port_is_another_resource(up: Up) -> None:
    up.start().end()
    up.ports["UP_FASTAPI_PORT"] = free_port()
    up.start()
    assert up.resource("UP_FASTAPI_PORT")["resource"] == f"http://localhost:{up.ports['UP_FASTAPI_PORT']}/mcp"
    assert up.resource("UP_HONO_PORT")["resource"] == f"http://localhost:{up.ports['UP_HONO_PORT']}/mcp"
