"""The two engines, an empty database of either, and PostgreSQL away for a while."""

from __future__ import annotations

import contextlib
import random
import subprocess
from collections.abc import Iterator

from postgres import Postgres, find_binary

ENGINES = ["SQLite", "PostgreSQL"]


@contextlib.contextmanager
def new_database(postgres: Postgres) -> Iterator[dict[str, str]]:
    """The configuration of one on PostgreSQL; that of a SQLite file is what a server of these tests has anyway.

    It goes afterwards: PostgreSQL looks at every file it has when it starts again after a crash.
    """
    name = f"crash_{random.SystemRandom().randrange(2**32)}"
    postgres.create_database(name)
    try:
        yield {"AUTH_AGENT_DATABASE_URL": postgres.url(name)}
    finally:
        argv = [find_binary("dropdb"), "--force", "-h", str(postgres.folder), "-U", postgres.owner, name]
        subprocess.run(argv, check=True)


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
