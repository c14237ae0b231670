"""Ends in the way and at the stage that the arguments say, with checks under way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time

from common import make_guard

way, stage = sys.argv[2], int(sys.argv[3])
guards = [make_guard() for _ in range(3)]


class Deliberate(Exception):
    pass


async def ask_and(end: object) -> None:
    tasks = [
        asyncio.ensure_future(guard.authorize("GET", "/", f"Bearer token{number}"))
        for guard in guards
        for number in range(5)
    ]
    await asyncio.sleep(stage * 0.002)
    if end == "leave":  # asyncio.run() cancels what is left
        return
    if end == "exit":
        sys.exit(0)
    if end == "raise":
        raise Deliberate
    if end == "_exit":
        os._exit(0)
    if end == "close":
        guards.clear()
    await asyncio.gather(*tasks)


if way == "stop":  # a loop that is stopped, never closed
    loop = asyncio.new_event_loop()
    task = loop.create_task(ask_and("wait"))
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.call_later(stage * 0.002, loop.stop)
    loop.run_forever()
    for other in asyncio.all_tasks(loop):
        other._log_destroy_pending = False  # type: ignore[attr-defined]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the interpreter grumbles about the loop that nobody closed
elif way == "daemon":  # the main thread leaves while a loop runs on another one
    threading.Thread(target=lambda: asyncio.run(ask_and("wait")), daemon=True).start()
    time.sleep(stage * 0.002)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
else:
    with contextlib.suppress(Deliberate):
        asyncio.run(ask_and(way))
