"""A PostgreSQL server of a test's own, on a socket in a folder of its own, and PgBouncer before it when wanted.

As a program it starts both, makes a database for each of the programs named, runs them, and stops everything:

    python tests/support/postgres.py [--pooled] [--quick] PROGRAM…

A program finds its database in AUTH_AGENT_TEST_DATABASE, and in AUTH_AGENT_TEST_POSTGRES a command that takes `stop`, `crash`, `start`,
`freeze` or `thaw` and does that to the server.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import pwd
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "120",
    "fsync": "on",
    "logging_collector": "off",
    "log_min_messages": "warning",
    "deadlock_timeout": "200ms",
}
BOUNCER = """\
[databases]
* = host={folder} user={owner}

[pgbouncer]
pool_mode = transaction
unix_socket_dir = {folder}
listen_port = 6432
auth_type = any
default_pool_size = 6
max_client_conn = 500
server_login_retry = 1
query_wait_timeout = 4
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""


def find_binary(name: str) -> str:
    """Debian keeps the server's programs out of PATH."""
    found = sorted(
        pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4].split(".")[0])
    )
    path = str(found[-1]) if found else shutil.which(name)
    if not path:
        raise FileNotFoundError(f"{name} is not installed")
    return path


def account() -> dict[str, object]:
    """PostgreSQL and PgBouncer refuse to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("there is no unprivileged account to run PostgreSQL as")


class Postgres:
    """A server whose whole state is in one folder. Start it with start(); it is stopped and removed with remove()."""

    owner = "postgres"

    def __init__(self, folder: pathlib.Path, quick: bool = False) -> None:
        self.folder = folder
        self.settings = SETTINGS | ({"fsync": "off"} if quick else {})
        self.data = folder / "data"

    @classmethod
    def create(cls, quick: bool = False) -> Postgres:
        """`quick` does without what outlives a power cut, for tests that are not about that."""
        folder = pathlib.Path(
            tempfile.mkdtemp(prefix="aa-pg-", dir="/tmp")
        )  # short: the path of a socket has 107 bytes
        if "user" in account():
            os.chown(folder, account()["user"], account()["group"])
        server = cls(folder, quick)
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", f"--username={cls.owner}"]
        server._run(find_binary("initdb"), "-D", str(server.data), *options)
        return server

    def _run(self, *argv: str) -> None:
        done = subprocess.run(
            argv,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **account(),
        )
        if done.returncode:
            raise RuntimeError(f"{argv[0]} failed: {done.stdout}")

    def start(self) -> None:
        settings = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in self.settings.items())
        argv = [find_binary("pg_ctl"), "-D", str(self.data), "-w", "-t", "60", "-l", str(self.folder / "log")]
        argv += ["-o", f"-k {self.folder} {settings}", "start"]
        # It leaves the server behind, which would hold a pipe of ours open for ever.
        nowhere = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if subprocess.run(argv, cwd=self.folder, **nowhere, **account()).returncode:
            raise RuntimeError(f"PostgreSQL does not start: {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self, mode: str = "fast") -> None:
        self._run(find_binary("pg_ctl"), "-D", str(self.data), "-w", "-t", "60", "-m", mode, "stop")

    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def crash(self) -> None:
        """Kills every process of it at once, as a power cut would."""
        postmaster = self.pid()
        children = pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        os.kill(postmaster, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self._wait_gone([postmaster, *map(int, children)])
        # Nobody may have reaped the postmaster yet, and its number would seem to be that of a living one.
        for lock in (self.data / "postmaster.pid", *self.folder.glob(".s.PGSQL.*.lock")):
            lock.unlink(missing_ok=True)

    @staticmethod
    def _wait_gone(pids: list[int]) -> None:
        until = time.monotonic() + 10
        while any(is_running(pid) for pid in pids) and time.monotonic() < until:
            time.sleep(0.01)

    def freeze(self, frozen: bool = True) -> None:
        """Stops every process of it without ending it: connections stay open and nobody answers."""
        postmaster = self.pid()
        children = pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in (postmaster, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP if frozen else signal.SIGCONT)

    def create_database(self, name: str) -> None:
        self._run(find_binary("createdb"), "-h", str(self.folder), "-U", self.owner, name)

    def url(self, database: str, port: int = 5432) -> str:
        return f"postgresql:///{database}?host={self.folder}&port={port}&user={self.owner}"

    def remove(self) -> None:
        with contextlib.suppress(Exception):
            self.freeze(False)
        with contextlib.suppress(Exception):
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)


def is_running(pid: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class PgBouncer:
    """Transaction pooling before a server: each transaction may get another connection."""

    port = 6432

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        file = self.server.folder / "pgbouncer.ini"
        file.write_text(BOUNCER.format(folder=self.server.folder, owner=self.server.owner))
        binary = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
        self.process = subprocess.Popen(
            [binary, "-q", str(file)],
            cwd=self.server.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            **account(),
        )
        until = time.monotonic() + 20
        socket = self.server.folder / f".s.PGSQL.{self.port}"
        while not socket.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("PgBouncer does not start")
            time.sleep(0.02)

    def url(self, database: str) -> str:
        return self.server.url(database, self.port)

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def running(pooled: bool = False, quick: bool = False) -> Iterator[Postgres | PgBouncer]:
    """A running server, or PgBouncer before one. `url(database)` of either names a database; `.server` of the latter makes one."""
    server = Postgres.create(quick)
    bouncer = PgBouncer(server) if pooled else None
    try:
        server.start()
        if bouncer:
            bouncer.start()
        yield bouncer or server
    finally:
        if bouncer:
            bouncer.stop()
        server.remove()


def run_programs(programs: list[str], pooled: bool, quick: bool) -> int:
    failed = 0
    with running(pooled, quick) as place:
        server = place.server if isinstance(place, PgBouncer) else place
        control = server.folder / "control"
        control.write_text(
            f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(__file__)} --folder {server.folder} --do "$1"\n'
        )
        control.chmod(0o755)
        for number, program in enumerate(programs):
            name = f"test_{number}"
            server.create_database(name)
            environment = os.environ | {
                "AUTH_AGENT_TEST_DATABASE": place.url(name),
                "AUTH_AGENT_TEST_POSTGRES": str(control),
                **({"AUTH_AGENT_TEST_POOLED": "1"} if pooled else {}),
            }
            print(f"$ {program}", flush=True)
            failed += subprocess.run([program], env=environment).returncode != 0
    return 1 if failed else 0


def do(folder: str, what: str) -> int:
    server = Postgres(pathlib.Path(folder))
    actions = {
        "stop": server.stop,
        "crash": server.crash,
        "start": server.start,
        "freeze": server.freeze,
        "thaw": lambda: server.freeze(False),
    }
    actions[what]()
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pooled", action="store_true", help="through PgBouncer in transaction mode")
    parser.add_argument("--quick", action="store_true", help="without fsync: for tests that are not about power cuts")
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--do", help=argparse.SUPPRESS)
    parser.add_argument("programs", nargs="*", metavar="PROGRAM")
    arguments = parser.parse_args()
    if arguments.do:
        return do(arguments.folder, arguments.do)
    return run_programs(arguments.programs, arguments.pooled, arguments.quick)


if __name__ == "__main__":
    sys.exit(main())
