"""Principals come and go; what is kept of them is bounded."""

from __future__ import annotations

import asyncio
import gc

from auth_agent_core import Guard
from common import make_guard, resident_kb


async def ask(guard: Guard, prefix: str) -> None:
    for start in range(0, 2000, 100):
        await asyncio.gather(
            *(guard.authorize("GET", "/", f"Bearer {prefix}{number}") for number in range(start, start + 100))
        )


def one_round(number: int) -> None:
    guard = make_guard(cache_size=100)
    asyncio.run(ask(guard, f"any{number}-"))
    guard.close()


for number in range(3):
    one_round(number)
gc.collect()
before = resident_kb()
for number in range(3, 9):
    one_round(number)
gc.collect()
grown = resident_kb() - before
assert grown < 3000, f"{grown} KiB more"
print("bounded")
