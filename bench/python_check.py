"""Nanoseconds of a cached check from Python, beside what pure Python needs for the same lookup and what a trivial call into C costs, in the same run."""

from __future__ import annotations

import asyncio
import hashlib
import pathlib
import statistics
import sys
import time
from collections.abc import Callable

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests" / "support"))

from auth_agent_core import Guard
from fake_as import running

GOAL_NS = 500
ROUNDS = 15
CALLS = 100_000
PATH = "/api/files"


def timer(expression: str, **names: object) -> Callable[[], float]:
    """Nanoseconds of one evaluation, the loop's own cost subtracted. Each gives a true value, which is looked at."""

    def loop(body: str) -> Callable[[], int]:
        parameters = ", ".join(f"{name}={name}" for name in names)
        source = f"def run({parameters}):\n start = now()\n for _ in calls:\n  {body}\n return now() - start"
        scope: dict[str, object] = {**names, "now": time.perf_counter_ns, "calls": range(CALLS)}
        exec(source, scope)
        return scope["run"]  # type: ignore[return-value]

    work, empty = loop(f"if not {expression}: raise AssertionError"), loop("if not True: raise AssertionError")
    return lambda: (work() - empty()) / CALLS


def main() -> None:
    token = "aat_0001" + "x" * 35
    header = f"Bearer {token}".encode()
    with running() as server:
        server.grant(token)
        guard = Guard(**server.options())
        principal = asyncio.run(guard.authorize("GET", PATH, header))
        known = {hashlib.sha256(token.encode()).digest(): principal}
        subjects = {
            "guard.check, hit": timer("check('GET', path, header) is p", check=guard.check, path=PATH, header=header, p=principal),
            "the same, by keywords": timer(
                "check(method='GET', path=path, authorization=header) is p",
                check=guard.check, path=PATH, header=header, p=principal,
            ),
            "hashlib.sha256 + dict": timer("known[sha(header[7:]).digest()]", known=known, sha=hashlib.sha256, header=header),
            "a trivial call into C": timer("not wants('GET')", wants=guard.wants_body),
        }  # fmt: skip
        times: dict[str, list[float]] = {name: [] for name in subjects}
        for subject in subjects.values():
            subject()
        for _ in range(ROUNDS):
            for name, subject in subjects.items():
                times[name].append(subject())
        guard.close()
    for name, values in times.items():
        print(f"{name:30} {statistics.median(values):6.0f} ns")
    ns = statistics.median(times["guard.check, hit"])
    verdict = "met" if ns < GOAL_NS else "MISSED"
    version = sys.version.split()[0]
    print(f"goal < {GOAL_NS} ns: {verdict}  (CPython {version}, median of {ROUNDS} rounds of {CALLS})")


if __name__ == "__main__":
    main()
