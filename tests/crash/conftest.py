"""What the crash tests share: the server and the browser of the end-to-end tests, a seed, and a place to tell what was counted."""

from __future__ import annotations

import os
import pathlib
import random
import sys
from collections.abc import Callable, Iterator

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(HERE.parent / "support")]

from engines import ENGINES, new_database  # noqa: E402 (found by the line above)
from postgres import Postgres, running  # noqa: E402


@pytest.fixture
def seed() -> int:
    """Of the moments and of what clients do; AUTH_AGENT_CRASH_SEED repeats one."""
    return int(os.environ.get("AUTH_AGENT_CRASH_SEED") or random.SystemRandom().randrange(2**32))


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints a line that is seen although the test passes."""

    def tell(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", flush=True)

    return tell


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running() as postgres:
        yield postgres


@pytest.fixture(scope="module", params=ENGINES)
def database(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The configuration of an empty database, on each engine by turns."""
    if request.param == "SQLite":
        yield {}
        return
    with new_database(request.getfixturevalue("postgres")) as configuration:
        yield configuration


@pytest.fixture
def postgres_database(postgres: Postgres) -> Iterator[dict[str, str]]:
    with new_database(postgres) as configuration:
        yield configuration
