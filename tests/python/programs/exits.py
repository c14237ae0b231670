"""A process whose guard is alive ends by itself: one global, one in a cycle, one that is asked about by an object that dies late."""

from __future__ import annotations

import asyncio

from common import make_guard

guard = make_guard()
cycle: list[object] = [make_guard()]
cycle.append(cycle)


class Late:
    """Collected when the interpreter takes its modules apart."""

    def __del__(self) -> None:
        try:
            guard.check("GET", "/", "Bearer good")
        except Exception as error:
            print(f"late: {getattr(error, 'code', error)}")


late = Late()
print(asyncio.run(guard.authorize("GET", "/", "Bearer good")).kind)
