"""Fixtures: what is slow to start is started once."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))  # what the tests of this folder share

from processes import COMMANDS, AuthorizationServer, Example, running, running_example


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthorizationServer]:
    with running(tmp_path_factory.mktemp("authorization-server")) as server:
        yield server


@pytest.fixture(scope="session", params=list(COMMANDS))
def example(
    request: pytest.FixtureRequest, server: AuthorizationServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Example]:
    """An example that asks about every request: a revocation shows at once."""
    folder: pathlib.Path = tmp_path_factory.mktemp("example")
    with running_example(request.param, server, folder, AUTH_AGENT_CACHE_TTL="0") as example:
        yield example
