"""Does everything many times over; memory, descriptors and threads stay what they were."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys

from auth_agent_core import Answer, Guard, GuardError, Principal
from common import make_guard, open_files, resident_kb, threads

ROUNDS = 30
ALLOWED_KB = 3000


def check_much(guard: Guard) -> None:
    for number in range(3000):
        answer = guard.check("GET", "/", None)
        assert isinstance(answer, Answer)
        assert len(answer.headers) >= 3
        assert answer.body
        guard.check("GET", "/\ud800", authorization=f"Bearer {number} {number}")
        principal = guard.check("POST", "/", b"Bearer good", content_type=b"text/plain")
        assert isinstance(principal, Principal)
        guard.check_scopes(principal, "files:write")
        guard.check_scopes(principal, "files:read")
        guard.wants_body("POST")
        guard.refuse_body()
        guard.stats()
        with contextlib.suppress(TypeError):
            guard.check("GET", 5)  # type: ignore[arg-type]
        with contextlib.suppress(TypeError):
            guard.check("GET", "/", nonsense=number)  # type: ignore[call-overload]


async def ask_much(guard: Guard) -> None:
    await asyncio.gather(*(guard.authorize("GET", "/", "Bearer good") for _ in range(200)))
    tasks = [asyncio.ensure_future(guard.authorize("GET", "/", "Bearer good")) for _ in range(100)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def make_many() -> None:
    for number in range(20):
        guard = make_guard()
        if number % 2:
            guard.close()
        with contextlib.suppress(GuardError):
            Guard(server_id="")
        with contextlib.suppress(GuardError):
            Guard(cache_ttl=float("nan"))


def one_round() -> None:
    guard = make_guard(cache_ttl=0.05)
    for _ in range(3):
        asyncio.run(ask_much(guard))
    keeping = make_guard()
    asyncio.run(keeping.authorize("GET", "/", "Bearer good"))
    check_much(keeping)
    make_many()


for _ in range(5):
    one_round()
del _
gc.collect()
before = (open_files(), threads(), len(gc.get_objects()))
kb = resident_kb()
for _ in range(ROUNDS):
    one_round()
gc.collect()
files, running, objects = open_files(), threads(), len(gc.get_objects())
assert files <= before[0] + 1, f"{before[0]} descriptors became {files}"
assert running == before[1], f"{before[1]} threads became {running}"
assert objects <= before[2] + 200, f"{before[2]} objects became {objects}"
grown = resident_kb() - kb
assert grown < ALLOWED_KB, f"{grown} KiB more after {ROUNDS} rounds"
print("steady", file=sys.stdout)
