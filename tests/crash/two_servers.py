#!/usr/bin/env python3
"""Stands where auth-agent-server is expected, and is two of them on one database behind a load balancer.

    CRASH_SERVER_BINARY=…/auth-agent-server [CRASH_POSTGRES=FOLDER] AUTH_AGENT_SERVER_BINARY=tests/crash/two_servers.py …

so that every test of one server is a test of two. `serve` starts both on ports of their own and passes requests on by turns; any other
command is the binary's own. With CRASH_POSTGRES, the folder of a running Postgres (tests/support/postgres.py), a database there takes the
place of each SQLite file.
"""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import os
import pathlib
import re
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from postgres import Postgres  # noqa: E402 (found by the line above)
from round_robin import pass_on_until_told  # noqa: E402

BINARY = os.environ["CRASH_SERVER_BINARY"]
SERVERS = 2
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Whoever kills this program has killed the servers."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def database_environment() -> dict[str, str]:
    """For each SQLite file that would be, a PostgreSQL database of a name made from its path."""
    postgres = os.environ.get("CRASH_POSTGRES")
    if not postgres:
        return {}
    file = pathlib.Path(os.environ.get("AUTH_AGENT_DATABASE", "auth-agent.db")).resolve()
    server = Postgres(pathlib.Path(postgres))
    name = f"two_{hashlib.sha256(str(file).encode()).hexdigest()[:16]}"
    if not file.exists():
        server.create_database(name)
        file.touch()  # a note that it was made
    return {"AUTH_AGENT_DATABASE_URL": server.url(name), "AUTH_AGENT_MASTER_KEY_FILE": f"{file}.key"}


def start(argv: list[str], environment: dict[str, str]) -> tuple[subprocess.Popen[bytes], int, bytes]:
    """One server, the port it took, and the line that says that it is ready."""
    child = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
    line = child.stdout.readline()
    found = re.search(rb"listening on [^ ]*:(\d+)[,)]", line)
    assert found, f"not ready: {line!r}"
    return child, int(found[1]), line


def listening_port(words: list[str]) -> int:
    return next(int(word.partition("=")[2]) for word in words if word.startswith("--port="))


def serve(words: list[str], environment: dict[str, str]) -> int:
    argv = [BINARY, *(word for word in words if not word.startswith("--port=")), "--port=0"]
    children, ports, lines = zip(*(start(argv, environment) for _ in range(SERVERS)), strict=True)
    asyncio.run(pass_on_until_told(listening_port(words), list(ports), lines[0]))
    for child in children:
        child.send_signal(signal.SIGTERM)
    return max(abs(child.wait()) for child in children)


def main() -> int:
    words = sys.argv[1:]
    environment = os.environ | database_environment()
    if words[:1] != ["serve"]:
        os.execve(BINARY, [BINARY, *words], environment)
    return serve(words, environment)


if __name__ == "__main__":
    sys.exit(main())
