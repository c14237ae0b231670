"""A disk that is full, a file that may not grow, a file that may only be read: clear errors, and nothing that was answered is lost."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import resource
import subprocess
from collections.abc import Callable, Iterator

import pytest
from load import Client, introspect
from processes import BINARY, PASSWORD
from servers import PEOPLE, Server, serving
from verify import Verification
from wire import Unavailable, Wire

DISK = "64m"
FILLED = 3
REFUSALS = 3 * PEOPLE  # every client has had its share
STOP_S = 10.0
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]


class FullDisk:
    """A file system of a few megabytes, and a file that fills it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def __str__(self) -> str:
        return f"a file system of {DISK} filled"

    def fill(self, _server: Server) -> None:
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass

    def empty(self, _server: Server) -> None:
        self._filler.unlink()


class FileSizeLimit:
    """No file of the server's may grow (`ulimit -f`)."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return "files not allowed to grow"

    def fill(self, server: Server) -> None:
        self._limit(server, max(file.stat().st_size for file in self.folder.glob("auth-agent.db*")))

    def empty(self, server: Server) -> None:
        self._limit(server, resource.RLIM_INFINITY)

    def _limit(self, server: Server, size: int) -> None:
        resource.prlimit(server.process.child.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextlib.contextmanager
def mounted(folder: pathlib.Path) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(params=[FullDisk, FileSizeLimit])
def disk(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[FullDisk | FileSizeLimit]:
    if request.param is FullDisk and os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted(folder) if request.param is FullDisk else contextlib.nullcontext():
        yield request.param(folder)


@pytest.fixture
def server(disk: FullDisk | FileSizeLimit, tmp_path: pathlib.Path) -> Iterator[Server]:
    with serving(Server(tmp_path, AUTH_AGENT_DATABASE=str(disk.folder / "auth-agent.db"))) as server:
        yield server


def test_a_disk_that_is_full_is_503_until_there_is_room_again_and_costs_nobody_anything(
    server: Server, disk: FullDisk | FileSizeLimit, seed: int, tell: Callable[[str], None]
) -> None:
    tell(f"seed {seed}")
    load = server.load(seed)
    with load.running() as ledger:
        for _ in range(FILLED):
            ledger.wait_for_answers(100)
            disk.fill(server)
            ledger.wait_for_unavailable(REFUSALS)
            disk.empty(server)
        ledger.wait_for_answers(100)
    with Verification(server.address, server.key) as verification:
        verification.check(ledger)
    assert ledger.lost == 0
    assert re.search(r"error \[\w+\] STORE\w*: .*(disk is full|disk I/O error)", server.process.log.read_text())
    tell(f"{disk}, {FILLED} times: {ledger}; verified: {verification}")


def test_what_is_only_read_is_answered_also_when_the_disk_is_full(
    server: Server, disk: FullDisk | FileSizeLimit
) -> None:
    with contextlib.closing(Client(server.load(0), 0)) as client, Wire(server.address) as wire:
        client.register()
        family = client.exchange()
        disk.fill(server)
        with contextlib.suppress(Unavailable):
            while True:  # until there is no room left in what the database has already
                family.add(wire.post("/token", client.refresh_fields(family)).body)
        assert introspect(wire, server.key, family.access[0]).body["active"]
        assert wire.get("/.well-known/jwks.json").status == 200
        disk.empty(server)
        client.refresh(family)


def test_a_server_killed_on_a_full_disk_comes_back_with_all_it_had(tmp_path: pathlib.Path) -> None:
    """Also when there is no room yet: it says so, or serves what can be read."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    with (
        mounted(folder),
        serving(Server(tmp_path, AUTH_AGENT_DATABASE=str(folder / "auth-agent.db"))) as server,
        contextlib.closing(Client(server.load(0), 0)) as client,
    ):
        disk = FullDisk(folder)
        client.register()
        family = client.exchange()
        disk.fill(server)
        server.kill()
        server.serve()
        client.introspect(family)
        disk.empty(server)
        client.refresh(family)
        client.introspect(family)


# ---- a file that may only be read ----


def run_bound_by_modes(server: Server, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """A command that file modes hold for, which they do not for root."""
    argv = [*(AS_ANYBODY if os.geteuid() == 0 else []), BINARY, *words]
    return subprocess.run(argv, env=server.environment, input=text, capture_output=True, text=True, timeout=STOP_S)


def test_a_database_file_that_may_only_be_read_is_told_in_one_line_and_left_as_it_is(
    tmp_path: pathlib.Path,
) -> None:
    with serving(Server(tmp_path)) as server, contextlib.closing(Client(server.load(0), 0)) as client:
        file = server.folder / "auth-agent.db"
        client.register()
        family = client.exchange()
        server.kill()
        file.chmod(0o400)
        start = [f"--port={server.port}", f"--issuer={server.issuer}"]
        for words in (["serve", *start], ["user", "add", "eve@example.com"]):
            done = run_bound_by_modes(server, *words, text=f"{PASSWORD}\n")
            assert done.returncode == 1
            assert re.fullmatch(r"auth-agent-server: .*may only be read\n", done.stderr), done.stderr
        file.chmod(0o600)
        server.serve()
        client.introspect(family)
        client.refresh(family)
        assert "eve@example.com" not in server.run("user", "list")


def test_a_folder_that_may_only_be_read_is_told_in_one_line_and_loses_nothing(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    server = Server(tmp_path, AUTH_AGENT_DATABASE=str(folder / "auth-agent.db"))
    with serving(server), contextlib.closing(Client(server.load(0), 0)) as client:
        client.register()
        family = client.exchange()
        server.stop()  # cleanly: the database is one file now, and the two beside it must be made anew
        folder.chmod(0o500)
        done = run_bound_by_modes(server, "serve", f"--port={server.port}", f"--issuer={server.issuer}")
        assert done.returncode == 1
        assert re.fullmatch(r"auth-agent-server: .*(readonly|may only be read|unable to open).*\n", done.stderr)
        folder.chmod(0o700)
        server.serve()
        client.introspect(family)
        client.refresh(family)
