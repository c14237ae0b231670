"""The two engines, and an empty database of either."""

from __future__ import annotations

import random

from postgres import Postgres

ENGINES = ["SQLite", "PostgreSQL"]


def new_database(postgres: Postgres) -> dict[str, str]:
    """The configuration of one on PostgreSQL; that of a SQLite file is what a server of these tests has anyway."""
    name = f"crash_{random.SystemRandom().randrange(2**32)}"
    postgres.create_database(name)
    return {"AUTH_AGENT_DATABASE_URL": postgres.url(name)}
