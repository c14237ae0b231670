"""The two engines, an empty database of either, and PostgreSQL away for a while."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

from postgres import Postgres

ENGINES = ["SQLite", "PostgreSQL"]


def new_database(postgres: Postgres) -> dict[str, str]:
    """The configuration of one on PostgreSQL; that of a SQLite file is what a server of these tests has anyway."""
    name = f"crash_{random.SystemRandom().randrange(2**32)}"
    postgres.create_database(name)
    return {"AUTH_AGENT_DATABASE_URL": postgres.url(name)}


@contextlib.contextmanager
def stopped(postgres: Postgres) -> Iterator[None]:
    postgres.stop()
    try:
        yield
    finally:
        postgres.start()


@contextlib.contextmanager
def frozen(postgres: Postgres) -> Iterator[None]:
    postgres.freeze()
    try:
        yield
    finally:
        postgres.freeze(False)
