"""Durable refreshes and introspections at the store for 1, 8 and 64 callers, on SQLite and PostgreSQL, beside the same statements on the bare
engine; and introspection among many live tokens. Rounds alternate between the store and the bare engine; medians count.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

from server import BUILD, ROOT, Load, Server, introspect, verdict

CALLERS = (1, 8, 64)
FEW = 1000
REFRESH_GOAL, LIVE_GOAL = 4000, 1.5

sys.path.insert(0, str(ROOT / "tests" / "support"))


class Result(NamedTuple):
    rate: float
    p50_us: float
    p99_us: float
    group: float


def store_bench(*argv: object) -> str:
    program = BUILD / "bench" / "store_bench"
    return subprocess.run(
        [str(program), *map(str, argv)], check=True, stdout=subprocess.PIPE, text=True, timeout=3600
    ).stdout


def measure(what: str, url: str, callers: int, seconds: int, group: int = 1) -> Result:
    return Result(*map(float, store_bench(what, url, callers, seconds, group).split()[1:]))


def median(results: list[Result]) -> Result:
    return Result(*(statistics.median(values) for values in zip(*results, strict=True)))


@contextlib.contextmanager
def postgresql() -> Iterator[str | None]:
    """The address of an empty database on a server of its own; None where PostgreSQL is not installed."""
    import postgres

    try:
        server = postgres.running()
        place = server.__enter__()
    except FileNotFoundError:
        yield None
        return
    try:
        place.create_database("bench")
        yield place.url("bench")
    finally:
        server.__exit__(None, None, None)


def compare(engine: str, url: str, rounds: int, seconds: int) -> None:
    store_bench("fill", url, FEW)
    for what in ("refresh", "introspect"):
        for callers in CALLERS:
            ours, bare = [], []
            for _ in range(rounds):
                ours.append(measure(what, url, callers, seconds))
                group = round(ours[-1].group) if engine == "SQLite" and what == "refresh" else 1
                bare.append(measure(f"bare-{what}", url, callers, seconds, max(group, 1)))
            our, their = median(ours), median(bare)
            ratio = statistics.median(a.rate / b.rate for a, b in zip(ours, bare, strict=True))
            group_text = f"{our.group:6.1f}" if what == "refresh" else "     -"
            print(
                f"{engine:11}{what:11}{callers:7}{our.rate:11.0f}{our.p50_us / 1e3:9.3f}{our.p99_us / 1e3:9.3f} {group_text}"
                f"{their.rate:11.0f}{ratio:7.2f}",
                flush=True,
            )
            if engine == "SQLite" and what == "refresh" and callers == 64:
                print(f"  goal ≥ {REFRESH_GOAL} refreshes/s: {verdict(our.rate >= REFRESH_GOAL)}")


class Filled:
    """A running authorization server whose one registered MCP server has many live tokens."""

    def __init__(self, folder: pathlib.Path, live: int) -> None:
        folder.mkdir()
        self.any_of_them, self.in_use = folder / "any", folder / "in_use"
        self.url = str(folder / "bench.db")
        self.server = Server(str(folder))
        self.server.start()
        server_id, self.authorization = self.server.register()
        store_bench("fill", self.url, live, server_id, self.any_of_them)
        self.in_use.write_text("".join(self.any_of_them.read_text().splitlines(keepends=True)[:FEW]))

    def load(self, tokens: pathlib.Path, seconds: int) -> Load:
        return introspect(self.server.port, self.server.process.pid, seconds, tokens, self.authorization)


def compare_sizes(folder: str, live: int, rounds: int, seconds: int) -> None:
    few, many = (Filled(pathlib.Path(folder) / f"live-{count}", count) for count in (FEW, live))
    subjects = {
        f"{FEW} live tokens": (few, few.in_use),
        f"{FEW} tokens in use among {live} live ones": (many, many.in_use),
        f"any of {live} live tokens": (many, many.any_of_them),
    }
    loads: dict[str, list[Load]] = {name: [] for name in subjects}
    try:
        for _ in range(rounds):
            for name, (filled, tokens) in subjects.items():
                loads[name].append(filled.load(tokens, seconds))
    finally:
        few.server.stop()
        many.server.stop()
    base = next(iter(loads.values()))
    for name, measured in loads.items():
        rate, cpu_us = (statistics.median(values) for values in zip(*measured, strict=True))
        ratio = statistics.median(ours.cpu_us / theirs.cpu_us for theirs, ours in zip(base, measured, strict=True))
        told = "" if measured is base else f"  {ratio:.2f} times; goal ≤ {LIVE_GOAL}: {verdict(ratio <= LIVE_GOAL)}"
        print(f"{name:44} {rate:8.0f} introspections/s  {cpu_us:5.1f} µs of processor time each{told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument(
        "--live", type=int, default=200_000, help="live access tokens of the large database (10000000 takes minutes)"
    )
    parser.add_argument(
        "--folder", help="where the databases are made; a file system that is a disk (default: a temporary folder)"
    )
    arguments = parser.parse_args()
    print("engine     what       callers  store/s   p50 ms   p99 ms  group     bare/s  ratio")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        compare("SQLite", f"{folder}/bench.db", arguments.rounds, arguments.seconds)
        with postgresql() as url:
            if url:
                compare("PostgreSQL", url, arguments.rounds, arguments.seconds)
            else:
                print("PostgreSQL is not installed: left out")
        compare_sizes(folder, arguments.live, arguments.rounds, arguments.seconds)


if __name__ == "__main__":
    main()
