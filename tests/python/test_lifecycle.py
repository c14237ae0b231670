"""Births and deaths: of processes, forks, threads and interpreters. Each in a process of its own, where a warning is an error."""

from __future__ import annotations

import pytest
from asking import run
from fake_as import FakeAs


@pytest.fixture
def busy(server: FakeAs) -> FakeAs:
    """Every token is good, and takes a moment."""
    good = server.tokens[server.grant("good")]

    class Every(dict):  # type: ignore[type-arg]
        def get(self, token: str, default: object) -> object:
            return default if token == "bad" else good | {"sub": f"usr_{token}"}

    server.tokens = Every()
    return server


def test_a_process_with_a_guard_that_is_alive_ends_by_itself(server: FakeAs) -> None:
    server.grant("good")
    assert run("exits.py", server.issuer) == "principal\nlate: CLOSED\n"


@pytest.mark.parametrize("way", ["leave", "exit", "raise", "_exit", "close", "stop", "daemon"])
def test_a_process_may_end_at_every_stage_of_a_call(busy: FakeAs, way: str) -> None:
    busy.delay_s = 0.005
    for stage in range(8):
        run("exit_in_flight.py", busy.issuer, way, str(stage))


def test_nothing_leaks(busy: FakeAs) -> None:
    assert run("steady.py", busy.issuer, timeout_s=240) == "steady\n"


def test_what_is_kept_of_principals_is_bounded(busy: FakeAs) -> None:
    assert run("principals.py", busy.issuer, timeout_s=240) == "bounded\n"


def test_parent_and_child_of_a_fork_both_go_on(busy: FakeAs) -> None:
    busy.delay_s = 0.01
    assert run("forks.py", busy.issuer) == "both go on\n"


def test_workers_that_are_forked_from_a_preloaded_application_work(busy: FakeAs) -> None:
    assert run("multiprocess.py", busy.issuer) == "principal\nprincipal\nprincipal\n"


def test_many_threads_ask_one_guard_while_others_are_closed(busy: FakeAs) -> None:
    assert run("threads.py", busy.issuer, timeout_s=120) == "done\n"


def test_every_interpreter_of_a_process_has_guards_of_its_own(server: FakeAs) -> None:
    server.grant("good")
    assert run("interpreters.py", server.issuer) == "each its own\n"
