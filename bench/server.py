"""The authorization server of the release build: introspections/s beside a constant answer from the same listener, start, idle memory.

One event thread each, the server on one processor and wrk on the other where there are two. Rounds alternate; the median counts.
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

from flow import Client

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("AUTH_AGENT_BUILD", ROOT / "build" / "release"))
SERVER = BUILD / "server" / "auth-agent-server"
PASSWORD = "correct horse battery staple"
RESOURCE = "http://127.0.0.1:9/mcp"


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

    def __init__(self, folder: str) -> None:
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
            [*pinned(0), str(SERVER), "serve"],
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


def mint_tokens(server: Server, count: int) -> list[str]:
    client = Client(server.port)
    tokens = client.authorize("bench@example.com", PASSWORD, RESOURCE, "files:read files:write")
    minted = [tokens["access_token"]]
    while len(minted) < count:
        tokens = client.refresh(tokens["refresh_token"])
        minted.append(tokens["access_token"])
    return minted


def wrk(port: int, seconds: float, tokens: str, authorization: str) -> float:
    output = run(
        *pinned(1),
        *[
            "wrk",
            "-t1",
            "-c64",
            f"-d{seconds}s",
            "-s",
            str(ROOT / "bench" / "introspect.lua"),
            f"http://127.0.0.1:{port}",
        ],
        TOKENS=tokens,
        AUTHORIZATION=authorization,
    )
    rate, bad = re.search(r"RESULT ([\d.]+) (\d+)", output).groups()
    if int(bad):
        raise RuntimeError(f"{bad} introspections were not answered as they should")
    return float(rate)


def measure_introspection(server: Server, folder: str, rounds: int, seconds: float) -> None:
    registered = server.api(
        "/api/servers", {"server_url": RESOURCE, "server_name": "bench", "scopes": ["files:read", "files:write"]}
    )
    server_id = registered["server_id"]
    key = server.api(f"/api/servers/{server_id}/keys", {"name": "bench"})["key_secret"]
    authorization = "Basic " + base64.b64encode(f"{server_id}:{key}".encode()).decode()
    tokens = pathlib.Path(folder) / "tokens"
    tokens.write_text("\n".join(mint_tokens(server, 200)) + "\n")
    floor = subprocess.Popen(
        [*pinned(0), str(BUILD / "bench" / "constant_server"), "0", "1"], stdout=subprocess.PIPE, text=True
    )
    try:
        floor_port = int(floor.stdout.readline())
        rates: dict[str, list[float]] = {"constant": [], "introspection": []}
        for _ in range(rounds):
            rates["constant"].append(wrk(floor_port, seconds, str(tokens), authorization))
            rates["introspection"].append(wrk(server.port, seconds, str(tokens), authorization))
    finally:
        floor.terminate()
        floor.wait(timeout=10)
    constant, introspection = (statistics.median(rates[name]) for name in ("constant", "introspection"))
    print(f"constant answer, same listener  {constant:10.0f} requests/s")
    print(
        f"introspection, 200 live tokens  {introspection:10.0f} requests/s   {introspection / constant:.2f} of the constant answer"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
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
            resident = server.resident_mb()
            print(f"start to first 200              {statistics.median(starts):10.1f} ms           goal < 20")
            print(f"idle resident memory            {resident:10.1f} MB           goal < 12")
            measure_introspection(server, folder, arguments.rounds, arguments.seconds)
            print(f"resident after the load         {server.resident_mb():10.1f} MB")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
