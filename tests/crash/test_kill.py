"""The server is killed at random moments, again and again: what a client was told is so, and stays so."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from servers import Server, kill_at_random, serving
from verify import Verification

KILLS = 50
PAUSE_S = 0.25


def test_nothing_that_was_answered_is_lost_when_the_server_is_killed(
    database: dict[str, str], tmp_path: pathlib.Path, seed: int, tell: Callable[[str], None]
) -> None:
    tell(f"seed {seed}")
    with serving(Server(tmp_path, **database)) as server:
        load = server.load(seed)
        with load.running() as ledger:
            kill_at_random(server, load, KILLS, PAUSE_S)
        with Verification(server.address, server.key) as verification:
            verification.check(ledger)
        tell(f"{KILLS} kills: {ledger}; verified: {verification}")
        assert ledger.unavailable == 0
        assert ledger.lost > 0
