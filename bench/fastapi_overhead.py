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
        environment = os.environ | {"AUTH_AGENT_OPTIONS_ISSUER": server.issuer}
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), kind], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}/api/files"

    def load(self, seconds: int) -> float:
        """Requests per second; an answer that is not 200 spoils the run."""
        wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", "authorization: Bearer good", self.url]
        output = subprocess.run(wrk, check=True, capture_output=True, text=True).stdout
        found = re.search(r"Requests/sec:\s+([\d.]+)", output)
        if found is None or re.search("Non-2xx|Socket errors", output):
            raise RuntimeError(output)
        return float(found.group(1))

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
                    app.rates.append(app.load(SECONDS))
        finally:
            for app in apps:
                app.stop()
    bare, protected = apps
    for app in apps:
        print(f"{app.kind:10} {statistics.median(app.rates):8.0f} requests/s")
    ratio = statistics.median(ours / theirs for ours, theirs in zip(protected.rates, bare.rates, strict=True))
    verdict = "met" if ratio >= GOAL else "MISSED"
    print(
        f"protected / bare = {ratio:.3f}  goal ≥ {GOAL}: {verdict}  (median of {ROUNDS} interleaved rounds of {SECONDS} s)"
    )


if __name__ == "__main__":
    main()
