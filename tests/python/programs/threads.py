"""Many threads ask one guard at once, on and off event loops, while guards are made and closed around them."""

from __future__ import annotations

import asyncio
import sys
import threading

from auth_agent_core import GuardError, Principal
from common import make_guard

sys.setswitchinterval(1e-5)
guard = make_guard()
asyncio.run(guard.authorize("GET", "/", "Bearer good"))
errors: list[BaseException] = []
shared = [make_guard()]


def checks() -> None:
    for _ in range(5000):
        assert isinstance(guard.check("GET", "/", "Bearer good"), Principal)
        assert guard.check("GET", "/").kind == "answer"  # type: ignore[union-attr]


def asks() -> None:
    async def main() -> None:
        for number in range(20):
            await asyncio.gather(*(guard.authorize("GET", "/", f"Bearer any{number}") for _ in range(5)))

    asyncio.run(main())


def closes() -> None:
    """Closes what another thread uses: that one gets an answer or CLOSED."""
    for _ in range(200):
        old, shared[0] = shared[0], make_guard()
        old.close()


def uses() -> None:
    for _ in range(2000):
        try:
            shared[0].check("GET", "/", "Bearer good")
        except GuardError as error:
            if error.code != "CLOSED":
                raise


def safely(work: object) -> None:
    try:
        work()  # type: ignore[operator]
    except BaseException as error:
        errors.append(error)


running = [threading.Thread(target=safely, args=(work,)) for work in [checks, asks, closes, uses] * 3]
for thread in running:
    thread.start()
for thread in running:
    thread.join()
assert not errors, errors
print("done")
