"""Runs the benchmarks: `./dev bench`, or `./dev bench guard server`. Speed is told as ratios within one run: machines differ and are noisy.

Every benchmark prints its figures with their goals; rounds alternate between the things compared, and medians count.
"""

from __future__ import annotations

import argparse
import datetime
import os
import pathlib
import platform
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RELEASE = pathlib.Path(os.environ.get("AUTH_AGENT_BUILD", ROOT / "build" / "release"))

BENCHMARKS: dict[str, tuple[str, list[str]]] = {
    "server": (
        "the authorization server: introspection, refreshes, start, memory",
        [sys.executable, "bench/server.py"],
    ),
    "store": ("the store on SQLite and PostgreSQL, beside the bare engines", [sys.executable, "bench/store.py"]),
    "guard": ("a cached check in C", [str(RELEASE / "bench" / "guard_check")]),
    "python": ("a cached check from Python", [sys.executable, "bench/python_check.py"]),
    "node": ("a cached check from Node", ["node", "bench/node_check.mjs"]),
    "fastapi": ("a bare and a protected FastAPI app", [sys.executable, "bench/fastapi_overhead.py"]),
    "hono": ("a bare and a protected Hono app", ["node", "bench/hono_overhead.mjs"]),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run; all of them when none is named")
    parser.add_argument("--list", action="store_true", help="list the benchmarks and stop")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(f"{name:10} {about}" for name, (about, _) in BENCHMARKS.items()))
        return 0
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; ./dev bench --list names them")
    print(
        f"{datetime.date.today()}, {os.cpu_count()} processors, Linux {platform.release()}: ratios within one run count, not rates"
    )
    failed = []
    for name in arguments.names or BENCHMARKS:
        about, argv = BENCHMARKS[name]
        print(f"\n== {name}: {about}   (./dev bench {name}; load {os.getloadavg()[0]:.1f})", flush=True)
        result = subprocess.run(argv, cwd=ROOT, env=os.environ | {"AUTH_AGENT_BUILD": str(RELEASE)}, timeout=3600)
        if result.returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
