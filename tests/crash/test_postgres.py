"""PostgreSQL is killed, stopped and frozen under load: 503 meanwhile, then everything is as clients were told, without anybody's help."""

from __future__ import annotations

import contextlib
import pathlib
import random
import time
from collections.abc import Callable, Iterator

import pytest
from engines import frozen, stopped
from load import Client, Load, introspect
from postgres import Postgres
from servers import PEOPLE, Server, serving
from verify import Verification
from wire import Unavailable, Wire

KILLS = 10
PAUSE_S = 0.5
STOPPED_S = 10.0
REFUSALS = 2 * PEOPLE  # every client has had its share


@pytest.fixture
def server(postgres_database: dict[str, str], tmp_path: pathlib.Path) -> Iterator[Server]:
    with serving(Server(tmp_path, **postgres_database)) as server:
        yield server


def kill_postgres_at_random(postgres: Postgres, load: Load) -> None:
    moments = random.Random(load.seed)
    for _ in range(KILLS):
        load.ledger.wait_for_answers(10 * PEOPLE)
        time.sleep(moments.uniform(0, PAUSE_S))
        postgres.crash()
        load.ledger.wait_for_unavailable(PEOPLE)
        postgres.start()
    load.ledger.wait_for_answers(10 * PEOPLE)


def test_nothing_that_was_answered_is_lost_when_postgresql_is_killed(
    server: Server, postgres: Postgres, seed: int, tell: Callable[[str], None]
) -> None:
    tell(f"seed {seed}")
    load = server.load(seed)
    with load.running() as ledger:
        kill_postgres_at_random(postgres, load)
    with Verification(server.address, server.key) as verification:
        verification.check(ledger)
    tell(f"PostgreSQL killed {KILLS} times: {ledger}; verified: {verification}")
    assert ledger.lost == 0


def test_what_is_answered_before_it_is_on_disk_would_be_noticed(
    postgres: Postgres, postgres_database: dict[str, str], tmp_path: pathlib.Path, seed: int
) -> None:
    """The same, with the option that lets PostgreSQL lose the last moments: this is how it looks then."""
    with serving(Server(tmp_path, "--synchronous=normal", **postgres_database)) as server:
        load = server.load(seed)
        with load.running() as ledger:
            kill_postgres_at_random(postgres, load)
        with pytest.raises(AssertionError), Verification(server.address, server.key) as verification:
            verification.check(ledger)


def test_nothing_that_was_answered_is_lost_when_both_are_killed(
    server: Server, postgres: Postgres, seed: int, tell: Callable[[str], None]
) -> None:
    tell(f"seed {seed}")
    moments = random.Random(seed)
    load = server.load(seed)
    with load.running() as ledger:
        for _ in range(KILLS):
            ledger.wait_for_answers(PEOPLE)
            time.sleep(moments.uniform(0, PAUSE_S))
            postgres.crash()
            server.kill()
            postgres.start()
            server.serve()
        ledger.wait_for_answers(10 * PEOPLE)
    with Verification(server.address, server.key) as verification:
        verification.check(ledger)
    tell(f"both killed {KILLS} times: {ledger}; verified: {verification}")


def wait_until_ready(wire: Wire) -> None:
    until = time.monotonic() + STOPPED_S
    while time.monotonic() < until:
        with contextlib.suppress(Unavailable):
            assert wire.get("/readyz").status == 200
            return
    raise AssertionError("PostgreSQL is back, and the server is not ready")


@pytest.mark.parametrize("away", [stopped, frozen])
def test_without_postgresql_the_answer_is_503_and_nobody_waits_for_ever(
    away: Callable[[Postgres], contextlib.AbstractContextManager[None]],
    server: Server,
    postgres: Postgres,
    seed: int,
    tell: Callable[[str], None],
) -> None:
    tell(f"seed {seed}")
    load = server.load(seed)
    with load.running() as ledger:
        ledger.wait_for_answers(10 * PEOPLE)
        with away(postgres):
            until = time.monotonic() + STOPPED_S
            ledger.wait_for_unavailable(REFUSALS)
            time.sleep(max(0, until - time.monotonic()))
        ledger.wait_for_answers(10 * PEOPLE)
    with Verification(server.address, server.key) as verification:
        verification.check(ledger)
    tell(f"{away.__name__} for {STOPPED_S:.0f} s: {ledger}; verified: {verification}")
    assert ledger.lost == 0


def test_without_postgresql_a_good_token_is_never_called_bad(server: Server, postgres: Postgres) -> None:
    with contextlib.closing(Client(server.load(0), 0)) as client, Wire(server.address) as wire:
        client.register()
        family = client.exchange()
        other = Client(server.load(0), 1)
        with contextlib.closing(other):
            other.register()
            unused = other.authorize()
            new_key = server.new_key()["key_secret"]
            with stopped(postgres):
                for ask in (
                    lambda: introspect(wire, server.key, family.access[0]),
                    lambda: introspect(wire, new_key, family.access[0]),
                    lambda: wire.post("/token", client.refresh_fields(family)),
                    lambda: wire.post("/token", unused),
                    lambda: wire.post("/revoke", {"client_id": family.client_id, "token": family.access[0]}),
                    lambda: wire.get("/readyz"),
                ):
                    with pytest.raises(Unavailable):
                        ask()
                assert wire.get("/healthz").status == 200
                assert introspect(wire, f"sk_{'A' * 54}", family.access[0]).status == 401
            wait_until_ready(wire)
            assert introspect(wire, new_key, family.access[0]).body["active"]
            assert wire.post("/token", unused).status == 200
            client.introspect(family)
            client.refresh(family)
