"""Every test has an authorization server of its own."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))  # what the tests of this folder share, and all tests
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))

from auth_agent_core import Guard
from fake_as import FakeAs, running


@pytest.fixture
def server() -> Iterator[FakeAs]:
    with running() as server:
        yield server


@pytest.fixture
def guard_of(server: FakeAs) -> Iterator[Callable[..., Guard]]:
    """Makes guards that talk to the server, and closes them."""
    guards: list[Guard] = []

    def make(**more: Any) -> Guard:
        guards.append(Guard(**server.options(**more)))
        return guards[-1]

    yield make
    for guard in guards:
        guard.close()


@pytest.fixture
def guard(guard_of: Callable[..., Guard]) -> Guard:
    return guard_of()
