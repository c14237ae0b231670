"""The authorization server of the release build: introspections/s beside a constant answer from the same listener, durable refreshes/s of 64
callers, start, idle memory.

Introspection: one event thread each, the server on one processor and wrk on the other where there are two. Rounds alternate; the median counts.
Where other programs want the processors too, the server's own processor time for a request says more than requests/s.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from typing import NamedTuple

from flow import Client

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("AUTH_AGENT_BUILD", ROOT / "build" / "release"))
SERVER = BUILD / "server" / "auth-agent-server"
PASSWORD = "correct horse battery staple"
RESOURCE = "http://127.0.0.1:9/mcp"
INTROSPECTION_GOAL, REFRESH_GOAL = 0.6, 4000
CALLERS = 64
REFRESH_TOKENS = 128  # more than there are callers, and few enough that one address may ask for them in every round


class Load(NamedTuple):
    rate: float  # requests/s
    cpu_us: float  # of the server, for a request


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(processor: int) -> list[str]:
    return ["taskset", "-c", str(processor)] if (os.cpu_count() or 1) > 1 else []


def run(*argv: str, stdin: str = "", **environment: str) -> str:
    result = subprocess.run(
        argv, env=os.environ | environment, input=stdin, capture_output=True, text=True, timeout=60, check=True
    )
    return result.stdout


class Server:
    """A running server on a fresh database, with one person and one registered MCP server."""

    def __init__(self, folder: str, *, pin: bool = True) -> None:
        self.prefix = pinned(0) if pin else []
        self.port = free_port()
        self.environment = {
            "AUTH_AGENT_DATABASE": f"{folder}/bench.db",
            "AUTH_AGENT_ISSUER": f"http://127.0.0.1:{self.port}",
            "AUTH_AGENT_PORT": str(self.port),
            "AUTH_AGENT_THREADS": "1",
        }
        self.admin_token = re.search(r"adm_\w+", run(str(SERVER), "init", **self.environment)).group(0)
        run(
            str(SERVER),
            "user",
            "add",
            "bench@example.com",
            "--password-stdin",
            stdin=PASSWORD + "\n",
            **self.environment,
        )
        self.process: subprocess.Popen | None = None

    def start(self) -> float:
        """Starts it; milliseconds until the metadata answers 200."""
        started = time.perf_counter()
        self.process = subprocess.Popen(
            [*self.prefix, str(SERVER), "serve"],
            env=os.environ | self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        request = (
            b"GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                    connection.sendall(request)
                    if b" 200 " in connection.recv(64):
                        return (time.perf_counter() - started) * 1e3
            except ConnectionRefusedError:
                time.sleep(0.0002)
            if time.perf_counter() - started > 20:
                raise RuntimeError("the server did not start")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)

    def resident_mb(self) -> float:
        pid = self.process.pid
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024

    def api(self, path: str, body: dict) -> dict:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.admin_token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def register(self) -> tuple[str, str]:
        """A registered MCP server: its id, and the Authorization with which it introspects."""
        registration = {"server_url": RESOURCE, "server_name": "bench", "scopes": ["files:read", "files:write"]}
        server_id = self.api("/api/servers", registration)["server_id"]
        key = self.api(f"/api/servers/{server_id}/keys", {"name": "bench"})["key_secret"]
        return server_id, "Basic " + base64.b64encode(f"{server_id}:{key}".encode()).decode()


def mint_tokens(server: Server, count: int) -> list[str]:
    client = Client(server.port)
    tokens = client.authorize("bench@example.com", PASSWORD, RESOURCE, "files:read files:write")
    minted = [tokens["access_token"]]
    while len(minted) < count:
        tokens = client.refresh(tokens["refresh_token"])
        minted.append(tokens["access_token"])
    return minted


def cpu_seconds(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wrk(script: str, port: int, seconds: int, prefix: list[str], **environment: str) -> list[float]:
    """What the script printed as its RESULT; its second number counts answers that were wrong."""
    argv = [*prefix, "wrk", "-t1", f"-c{CALLERS}", f"-d{seconds}s", "-s", str(ROOT / "bench" / script)]
    output = run(*argv, f"http://127.0.0.1:{port}", **environment)
    result = [float(number) for number in re.search(r"RESULT (.*)", output).group(1).split()]
    if result[1]:
        raise RuntimeError(f"{result[1]:.0f} requests were not answered as they should")
    return result


def introspect(port: int, pid: int, seconds: int, tokens: pathlib.Path, authorization: str) -> Load:
    before = cpu_seconds(pid)
    rate = wrk("introspect.lua", port, seconds, pinned(1), TOKENS=str(tokens), AUTHORIZATION=authorization)[0]
    return Load(rate, (cpu_seconds(pid) - before) * 1e6 / (rate * seconds))


def measure_introspection(server: Server, authorization: str, folder: str, rounds: int, seconds: int) -> None:
    tokens = pathlib.Path(folder) / "tokens"
    tokens.write_text("\n".join(mint_tokens(server, 200)) + "\n")
    floor = subprocess.Popen(
        [*pinned(0), str(BUILD / "bench" / "constant_server"), "0", "1"], stdout=subprocess.PIPE, text=True
    )
    constant: list[Load] = []
    introspection: list[Load] = []
    try:
        floor_port = int(floor.stdout.readline())
        for _ in range(rounds):
            constant.append(introspect(floor_port, floor.pid, seconds, tokens, authorization))
            introspection.append(introspect(server.port, server.process.pid, seconds, tokens, authorization))
    finally:
        floor.terminate()
        floor.wait(timeout=10)
    for name, loads in (
        ("constant answer, same listener", constant),
        ("introspection, 200 live tokens", introspection),
    ):
        rate, cpu_us = (statistics.median(values) for values in zip(*loads, strict=True))
        print(f"{name}  {rate:10.0f} requests/s   {cpu_us:5.1f} µs of processor time each")
    pairs = list(zip(constant, introspection, strict=True))
    ratio = statistics.median(ours.rate / floor.rate for floor, ours in pairs)
    cpu_ratio = statistics.median(floor.cpu_us / ours.cpu_us for floor, ours in pairs)
    goal = f"goal ≥ {INTROSPECTION_GOAL}: {verdict(ratio >= INTROSPECTION_GOAL)}"
    print(f"introspection / constant = {ratio:.2f} by requests/s, {cpu_ratio:.2f} by processor time  {goal}")


def measure_refresh(folder: str, rounds: int, seconds: int) -> None:
    """All processors for all: the server's threads and wrk share them."""
    tokens = pathlib.Path(folder) / "refresh_tokens"
    results = []
    server = Server(folder, pin=False)
    server.start()
    try:
        server.register()
        client = Client(server.port)
        for _ in range(rounds):
            grants = (
                client.authorize("bench@example.com", PASSWORD, RESOURCE, "files:read files:write")
                for _ in range(REFRESH_TOKENS)
            )
            tokens.write_text("".join(grant["refresh_token"] + "\n" for grant in grants))
            before = cpu_seconds(server.process.pid)
            rate, _, *quantiles = wrk(
                "refresh.lua", server.port, seconds, [], REFRESH_TOKENS=str(tokens), CLIENT_ID=client.client_id
            )
            cpu_us = (cpu_seconds(server.process.pid) - before) * 1e6 / (rate * seconds)
            results.append((rate, *quantiles, cpu_us))
    finally:
        server.stop()
    rate, p50_ms, p99_ms, cpu_us = (statistics.median(values) for values in zip(*results, strict=True))
    print(
        f"durable refreshes, {CALLERS} callers   {rate:10.0f} requests/s   p50 {p50_ms:.1f} ms, p99 {p99_ms:.1f} ms, {cpu_us:.0f} µs each"
    )
    print(f"  goal ≥ {REFRESH_GOAL}: {verdict(rate >= REFRESH_GOAL)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--folder", help="where the database of the refreshes is made (default: a temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        starts = []
        for _ in range(9):
            starts.append(server.start())
            server.stop()
        server.start()
        try:
            time.sleep(1)
            start, resident = statistics.median(starts), server.resident_mb()
            print(f"start to first 200              {start:10.1f} ms           goal < 20: {verdict(start < 20)}")
            print(f"idle resident memory            {resident:10.1f} MB           goal < 12: {verdict(resident < 12)}")
            authorization = server.register()[1]
            measure_introspection(server, authorization, folder, arguments.rounds, arguments.seconds)
            print(f"resident after the load         {server.resident_mb():10.1f} MB")
        finally:
            server.stop()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        measure_refresh(folder, arguments.rounds, arguments.seconds)


if __name__ == "__main__":
    main()
