"""Every test has an authorization server of its own."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))  # what the tests of this folder share, and all tests
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))

from fake_as import FakeAs, running


@pytest.fixture
def server() -> Iterator[FakeAs]:
    with running() as server:
        yield server
