"""Forks with checks under way: parent and child both go on, each with an I/O thread of its own."""

from __future__ import annotations

import asyncio
import os
import sys
import warnings

from auth_agent_core import Guard, Principal
from common import make_guard

# The warning is about threads that hold locks; the core stands still while a fork is under way.
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)

guard = make_guard()


async def ask(token: str, guard: Guard = guard) -> str:
    return (await guard.authorize("GET", "/", f"Bearer {token}")).kind


def in_child(work: object) -> int:
    """The child's exit status."""
    pid = os.fork()
    if pid == 0:
        try:
            status = work() or 0  # type: ignore[operator]
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            status = 1
        sys.stderr.flush()
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def child() -> None:
    assert isinstance(guard.check("GET", "/", "Bearer good"), Principal), "what was cached is forgotten"
    assert asyncio.run(ask("new")) == "principal"
    assert asyncio.run(ask("bad")) == "answer"
    assert asyncio.run(ask("good", make_guard())) == "principal"
    assert in_child(grandchild) == 0


def grandchild() -> None:
    assert asyncio.run(ask("newer")) == "principal"


async def parent(turns: int) -> None:
    """Forks from inside a running loop; the child's first act is to leave that loop."""
    waiting = [asyncio.ensure_future(ask(f"slow{turns}-{number}")) for number in range(5)]
    await asyncio.sleep(0.002 * turns)
    assert in_child(lambda: os._exit(0)) == 0
    assert set(await asyncio.gather(*waiting)) == {"principal"}


assert asyncio.run(ask("good")) == "principal"
for _ in range(5):
    assert in_child(child) == 0
for turns in range(10):
    asyncio.run(parent(turns))
assert asyncio.run(ask("last")) == "principal"
print("both go on")
