"""Runs every test suite and adds them up: `./dev test`, or `./dev test core fastapi` for some of them.

Each suite is one command line; its result is read from the runner's own report, never from the exit code alone: a suite that ran no
test, crashed or hung has failed.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test-logs"
ASAN_TREE = ROOT / "build" / "asan"
TSAN_TREE = ROOT / "build" / "tsan"
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
    "AUTH_AGENT_SERVER_BINARY": str(ASAN_TREE / "server" / "auth-agent-server"),
}


@dataclasses.dataclass(frozen=True)
class Tally:
    """What one command's tests came to."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


@dataclasses.dataclass(frozen=True)
class Command:
    """One process of a suite. `read` turns its output and its report file into a tally."""

    argv: list[str]
    read: Callable[[str, pathlib.Path], Tally]
    report: pathlib.Path
    timeout_s: int


@dataclasses.dataclass(frozen=True)
class Suite:
    name: str
    about: str
    commands: Callable[[], list[Command]]


def read_cmocka(output: str, _report: pathlib.Path) -> Tally:
    passed = sum(map(int, re.findall(r"^\[  PASSED  \] (\d+) test\(s\)", output, re.M)))
    failed = sum(map(int, re.findall(r"^\[  FAILED  \] (?:.*: )?(\d+) test\(s\)", output, re.M)))
    skipped = sum(map(int, re.findall(r"^\[  SKIPPED \] (?:.*: )?(\d+) test\(s\)", output, re.M)))
    return Tally(passed, failed, skipped)


def read_junit(_output: str, report: pathlib.Path) -> Tally:
    if not report.exists():
        return Tally()
    suites = list(xml.etree.ElementTree.parse(report).getroot().iter("testsuite"))
    count = {key: sum(int(suite.get(key, 0)) for suite in suites) for key in ("tests", "failures", "errors", "skipped")}
    failed = count["failures"] + count["errors"]
    return Tally(count["tests"] - failed - count["skipped"], failed, count["skipped"])


def read_tap(_output: str, report: pathlib.Path) -> Tally:
    if not report.exists():
        return Tally()
    counts = dict(re.findall(r"^# (\w+) (\d+)$", report.read_text(), re.M))
    number = {key: int(counts.get(key, 0)) for key in ("pass", "fail", "cancelled", "skipped", "todo")}
    return Tally(number["pass"], number["fail"] + number["cancelled"], number["skipped"] + number["todo"])


def read_summary_line(output: str, _report: pathlib.Path) -> Tally:
    found = re.findall(r"^(\d+) passed, (\d+) failed$", output, re.M)
    return Tally(int(found[-1][0]), int(found[-1][1])) if found else Tally()


def c_programs(folder: str) -> list[Command]:
    sources = sorted((ROOT / "tests" / folder).glob("test_*.c"))
    names = [f"{folder}_{source.stem}" for source in sources]
    return [Command([str(ASAN_TREE / "tests" / name)], read_cmocka, LOGS / name, 180) for name in names]


def fuzz_targets() -> list[Command]:
    """The targets of ./dev fuzz fed with their corpora, and with changed copies of them."""
    names = sorted(source.stem.removeprefix("target_") for source in (ROOT / "tests" / "fuzz").glob("target_*.c"))
    programs = [ASAN_TREE / "tests" / "fuzz" / f"fuzz_{name}" for name in names]
    return [Command([str(program)], read_summary_line, LOGS / "unused", 120) for program in programs]


def store() -> list[Command]:
    programs = c_programs("store")
    names = [program.argv[0] for program in programs]
    everywhere = [program for program in programs if "store_test_postgres" not in program.argv[0]]
    postgres = [sys.executable, "tests/support/postgres.py"]
    direct = Command([*postgres, *names], read_cmocka, LOGS / "unused", 600)
    pooled = Command([*postgres, "--pooled", *names], read_cmocka, LOGS / "unused", 600)
    return [*everywhere, direct, pooled]


def threaded_programs() -> list[Command]:
    """The thread sanitizer needs its addresses where it expects them, hence -R (no randomisation)."""
    programs = sorted(path for path in (TSAN_TREE / "tests").glob("*_test_*") if path.is_file())
    return [Command(["setarch", "-R", str(path)], read_cmocka, LOGS / path.name, 300) for path in programs]


# Programs of tests/server about rules that write: they also run where writes meet, and where each runs again.
RULES = [
    "account", "account_removal", "audit", "authorize", "client_assertion", "client_fetch", "client_fetch_limits", "client_fetch_races",
    "client_keys", "consent", "consent_last_moment", "directory", "flow_races",
    "introspect", "keyring", "login", "login_address", "login_limits", "races", "refresh", "registration", "revoke", "server_keys", "sessions",
    "token",
]  # fmt: skip
ON_SQLITE_ONLY = {"audit"}  # its command line opens a file of its own


def rules_on_postgres() -> list[Command]:
    programs = [str(ASAN_TREE / "tests" / f"server_test_{name}") for name in RULES if name not in ON_SQLITE_ONLY]
    return [
        Command([sys.executable, "tests/support/postgres.py", "--quick", *programs], read_cmocka, LOGS / "unused", 900)
    ]


def rules_run_again() -> list[Command]:
    programs = [str(ASAN_TREE / "tests" / f"server_test_{name}") for name in RULES]
    return [
        Command(["env", "AUTH_AGENT_TEST_RERUN=1", program], read_cmocka, LOGS / "unused", 300) for program in programs
    ]


def pytest(folder: str, timeout_s: int) -> list[Command]:
    report = LOGS / f"pytest-{folder.replace('/', '-')}.xml"
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", f"tests/{folder}"]
    return [Command(argv, read_junit, report, timeout_s)]


def node(folder: str, timeout_s: int) -> list[Command]:
    report = LOGS / f"node-{folder}.tap"
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests" / folder).glob("*.test.mjs"))
    reporters = ["--test-reporter=spec", "--test-reporter-destination=stdout"]
    reporters += ["--test-reporter=tap", f"--test-reporter-destination={report}"]
    return [Command(["node", "--test", "--test-concurrency=1", *reporters, *files], read_tap, report, timeout_s)]


def shell(script: str, timeout_s: int) -> list[Command]:
    return [Command(["bash", script], read_summary_line, LOGS / "unused", timeout_s)]


def two_servers() -> list[Command]:
    """The same clients, and where there was one server, two on one PostgreSQL: each request goes to the other one."""
    files = ["test_mcp_client.py", "test_outage.py", "test_restart.py"]
    report = LOGS / "pytest-two-servers.xml"
    python = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    python += [f"tests/e2e/{file}" for file in files]
    commands = [Command(python, read_junit, report, 600), *node("e2e", 600), *shell("tests/e2e/oauth-flow.sh", 300)]
    as_two = [sys.executable, "tests/crash/as_two.py"]
    return [dataclasses.replace(command, argv=[*as_two, *command.argv]) for command in commands]


SUITES = [
    Suite("lint", "layers, exported symbols, forbidden calls, formatting, types", lambda: pytest("lint", 600)),
    Suite("core", "the C core under ASan, LSan and UBSan", lambda: c_programs("core")),
    Suite("server", "the authorization server's parts under ASan, LSan and UBSan", lambda: c_programs("server")),
    Suite("fuzz", "corpora of the fuzz targets, and changed copies of them", fuzz_targets),
    Suite("reruns", "its rules again, every write run twice and the first time in vain", rules_run_again),
    Suite("rules-pg", "its rules on PostgreSQL, where writes run side by side", rules_on_postgres),
    Suite("store", "the store's contract on SQLite, on PostgreSQL, and behind PgBouncer", store),
    Suite("threads", "what several threads run through, under the thread sanitizer", threaded_programs),
    Suite("python", "the CPython extension", lambda: pytest("python", 300)),
    Suite("fastapi", "the FastAPI adapter and its example", lambda: pytest("fastapi", 300)),
    Suite("node", "the Node-API addon", lambda: node("node", 300)),
    Suite("hono", "the Hono adapter and its example", lambda: node("hono", 300)),
    Suite("flow", "the whole path with curl and openssl", lambda: shell("tests/e2e/oauth-flow.sh", 300)),
    Suite("e2e-python", "the official Python MCP client, and processes that die", lambda: pytest("e2e", 600)),
    Suite("e2e-node", "the official TypeScript MCP clients, new and v1", lambda: node("e2e", 600)),
    Suite("conformance", "the MCP conformance suite", lambda: node("conformance", 300)),
    Suite("crash", "what was answered outlives kills, full disks, a database away", lambda: pytest("crash", 1200)),
    Suite("two-servers", "the end-to-end tests on two servers and one PostgreSQL", two_servers),
    Suite("browser", "the pages in headless Chromium", lambda: node("browser", 600)),
]


def run_command(command: Command, log: pathlib.Path) -> Tally:
    command.report.unlink(missing_ok=True)
    environment = os.environ | SANITIZERS
    process = subprocess.Popen(
        command.argv,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output = process.communicate(timeout=command.timeout_s)[0].decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output = process.communicate()[0].decode(errors="replace") + f"\nstopped after {command.timeout_s} s\n"
    with log.open("a") as file:
        file.write(f"$ {' '.join(command.argv)}\n{output}\nexit {process.returncode}\n\n")
    tally = command.read(output, command.report)
    ran_nothing = tally.passed + tally.failed == 0
    died = process.returncode != 0 and tally.failed == 0
    return tally + Tally(failed=1) if ran_nothing or died else tally


def run_suite(suite: Suite) -> Tally:
    log = LOGS / f"{suite.name}.log"
    log.unlink(missing_ok=True)
    started = time.monotonic()
    commands = suite.commands()
    tally = sum((run_command(command, log) for command in commands), Tally()) if commands else Tally(failed=1)
    print(f"{suite.name:12} {tally!s:34} {time.monotonic() - started:6.1f} s   {suite.about}", flush=True)
    for counted in re.findall(r"^.*; verified: .*$", log.read_text(), re.M) if log.exists() else []:
        print(f"{'':12} {counted}", flush=True)
    if tally.failed and log.exists():
        print("\n".join(log.read_text().splitlines()[-120:]), flush=True)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev test", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="suites to run; all of them when none is named")
    parser.add_argument("--list", action="store_true", help="list the suites and stop")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(f"{suite.name:12} {suite.about}" for suite in SUITES))
        return 0
    unknown = set(arguments.suites) - {suite.name for suite in SUITES}
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; ./dev test --list names them")
    LOGS.mkdir(parents=True, exist_ok=True)
    chosen = [suite for suite in SUITES if not arguments.suites or suite.name in arguments.suites]
    total = sum((run_suite(suite) for suite in chosen), Tally())
    print(f"logs: {LOGS.relative_to(ROOT)}/", flush=True)
    print(total, flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
