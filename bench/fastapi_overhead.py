"""Requests per second of a FastAPI app, bare and protected: two processes, wrk against one and the other in turns."""

from __future__ import annotations

import os
import pathlib
import re
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests" / "support"))

from fake_as import FakeAs, running

GOAL = 0.95
ROUNDS = int(os.environ.get("ROUNDS", "9"))
SECONDS = 2
CONNECTIONS = 32
PROGRAM = pathlib.Path(__file__).with_name("fastapi_server.py")


class App:
    def __init__(self, kind: str, server: FakeAs) -> None:
        self.kind = kind
        self.rates: list[float] = []
        self.cpu_us: list[float] = []
        environment = os.environ | {"AUTH_AGENT_OPTIONS_ISSUER": server.issuer}
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), kind], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}/api/files"

    def cpu_s(self) -> float:
        """CPU time of the process so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def measure(self) -> None:
        before = self.cpu_s()
        rate, count = self.load(SECONDS)
        self.rates.append(rate)
        self.cpu_us.append((self.cpu_s() - before) / count * 1e6)

    def load(self, seconds: int) -> tuple[float, int]:
        """Requests per second, and how many; an answer that is not 200 spoils the run."""
        wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", "authorization: Bearer good", self.url]
        output = subprocess.run(wrk, check=True, capture_output=True, text=True).stdout
        rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
        count = re.search(r"(\d+) requests in", output)
        if rate is None or count is None or re.search("Non-2xx|Socket errors", output):
            raise RuntimeError(output)
        return float(rate.group(1)), int(count.group(1))

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate()


def main() -> None:
    with running() as server:
        server.grant("good")
        apps = [App("bare", server), App("protected", server)]
        try:
            for app in apps:
                app.load(2)
            for number in range(ROUNDS):
                for app in reversed(apps) if number % 2 else apps:
                    app.measure()
        finally:
            for app in apps:
                app.stop()
    bare, protected = apps
    for app in apps:
        rate, cpu_us = statistics.median(app.rates), statistics.median(app.cpu_us)
        print(f"{app.kind:10} {rate:8.0f} requests/s  {cpu_us:6.1f} µs CPU a request")
    ratio = statistics.median(ours / theirs for ours, theirs in zip(protected.rates, bare.rates, strict=True))
    by_cpu = statistics.median(theirs / ours for ours, theirs in zip(protected.cpu_us, bare.cpu_us, strict=True))
    verdict = "met" if ratio >= GOAL else "MISSED"
    print(
        f"protected / bare = {ratio:.3f}, by CPU {by_cpu:.3f}  goal ≥ {GOAL}: {verdict}  (median of {ROUNDS} interleaved rounds of {SECONDS} s)"
    )


if __name__ == "__main__":
    main()
