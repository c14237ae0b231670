"""Two processes on one database behind a load balancer are one server to everybody."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import pathlib
import time
from collections.abc import Callable, Iterator

import pytest
from engines import ENGINES, new_database
from load import Client, introspect
from processes import BINARY, Process, environment, free_port
from servers import Pair, kill_at_random, serving, wait_until_answered
from verify import Verification
from wire import Answer, Wire

AT_ONCE = 32
KILLS = 20
STARTS = 8
PAUSE_S = 0.3
SEEN_BY_ALL_S = 1.0  # the longest that a process may go on believing what another has changed


@pytest.fixture(scope="module")
def pair(database: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with serving(Pair(tmp_path_factory.mktemp("pair"), **database)) as pair:
        yield pair


@pytest.fixture
def client(pair: Pair) -> Iterator[Client]:
    with contextlib.closing(Client(pair.load(0), 0)) as client:
        client.register()
        yield client


def ask_everywhere(pair: Pair, path: str, fields: dict[str, str]) -> list[Answer]:
    """The same request many times at once, half of them to each process."""

    def ask(address: str) -> Answer:
        with Wire(address) as wire:
            return wire.post(path, fields)

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(ask, pair.addresses * (AT_ONCE // 2)))


def is_active(pair: Pair, token: str) -> list[bool]:
    """What each process says of it."""
    answers = []
    for address in pair.addresses:
        with Wire(address) as wire:
            answers.append(introspect(wire, pair.key, token).body["active"])
    return answers


def test_a_load_of_flows_passes_over_both(pair: Pair, seed: int, tell: Callable[[str], None]) -> None:
    load = pair.load(seed)
    with load.running() as ledger:
        ledger.wait_for_answers(1000)
    tell(f"two servers: {ledger}")
    for address in pair.addresses:
        with Verification(address, pair.key) as verification:
            verification.check_access_tokens(ledger)
    with Verification(pair.address, pair.key) as verification:
        verification.check(ledger)
    assert (ledger.lost, ledger.unavailable) == (0, 0)


def test_a_code_redeemed_at_both_at_once_gives_one_success(pair: Pair, client: Client) -> None:
    statuses = [answer.status for answer in ask_everywhere(pair, "/token", client.authorize())]
    assert collections.Counter(statuses) == {200: 1, 400: AT_ONCE - 1}


def test_a_refresh_token_used_at_both_at_once_gives_one_successor(pair: Pair, client: Client) -> None:
    family = client.exchange()
    answers = ask_everywhere(pair, "/token", client.refresh_fields(family))
    assert [answer.status for answer in answers] == [200] * AT_ONCE
    assert len({answer.body["refresh_token"] for answer in answers}) == 1
    family.add(answers[0].body)
    client.refresh(family)
    for answer in answers:
        assert is_active(pair, answer.body["access_token"]) == [True, True]


def test_what_one_revokes_the_other_refuses_at_once(pair: Pair, client: Client) -> None:
    family = client.exchange()
    for address in pair.addresses:
        assert is_active(pair, family.access[-1]) == [True, True]
        with Wire(address) as wire:
            assert wire.post("/revoke", {"client_id": family.client_id, "token": family.access[-1]}).status == 200
        assert is_active(pair, family.access[-1]) == [False, False]
        family = client.exchange()


def test_a_key_that_one_revokes_is_refused_by_the_other_within_a_second(pair: Pair, client: Client) -> None:
    token = client.exchange().access[-1]
    key = pair.new_key()
    admin = {"Authorization": f"Bearer {pair.admin_token}"}
    with Wire(pair.addresses[0]) as one, Wire(pair.addresses[1]) as other:
        assert [introspect(wire, key["key_secret"], token).status for wire in (one, other)] == [200, 200]
        assert one.delete(f"/api/servers/{pair.server_id}/keys/{key['key_id']}", admin).status == 204
        assert introspect(one, key["key_secret"], token).status == 401
        time.sleep(SEEN_BY_ALL_S)
        assert [introspect(wire, key["key_secret"], token).status for wire in (one, other)] == [401, 401]
        assert [introspect(wire, pair.key, token).status for wire in (one, other)] == [200, 200]


def test_clients_see_nothing_of_it_when_one_and_then_the_other_is_killed(
    pair: Pair, seed: int, tell: Callable[[str], None]
) -> None:
    tell(f"seed {seed}")
    load = pair.load(seed)
    with load.running() as ledger:
        kill_at_random(pair, load, KILLS, PAUSE_S)
    with Verification(pair.address, pair.key) as verification:
        verification.check(ledger)
    tell(f"{KILLS} kills of one of two: {ledger}; verified: {verification}")
    assert ledger.unavailable == 0
    assert ledger.lost > 0


@pytest.mark.parametrize("engine", ENGINES)
def test_two_that_start_at_once_on_an_empty_database_agree(
    engine: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """On its tables, on the key that signs, and on the keys that forms and secrets are checked with."""
    for _ in range(STARTS):
        folder = tmp_path_factory.mktemp("empty")
        is_file = engine == "SQLite"
        empty = contextlib.nullcontext({}) if is_file else new_database(request.getfixturevalue("postgres"))
        with empty as configuration:
            start_two_at_once(folder, configuration)


def start_two_at_once(folder: pathlib.Path, configuration: dict[str, str]) -> None:
    env = environment(AUTH_AGENT_DATABASE=str(folder / "auth-agent.db"), **configuration)
    ports = [free_port(), free_port()]
    started = [Process([BINARY, "serve", f"--port={port}"], folder, env, f"{port}.log") for port in ports]
    try:
        for process, port in zip(started, ports, strict=True):
            wait_until_answered(process, port)
        assert len({signing_key(port) for port in ports}) == 1
    finally:
        codes = [process.end() for process in started]
    assert codes == [0, 0]


def signing_key(port: int) -> str:
    with Wire(f"http://127.0.0.1:{port}") as wire:
        (key,) = wire.get("/.well-known/jwks.json").body["keys"]
        return key["kid"]
