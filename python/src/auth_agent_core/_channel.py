"""Verdicts on their way to an event loop: one descriptor a loop, made when it first asks, gone with it."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref

from ._core import Queue
from ._types import Verdict


class Channel:
    """Futures of one event loop that wait for a verdict. It knows no loop: the loop knows it, by its reader."""

    __slots__ = ("pending", "queue")

    def __init__(self) -> None:
        self.queue = Queue()
        self.pending: dict[int, asyncio.Future[Verdict]] = {}

    def drain(self) -> None:
        """The loop's reader: settles whatever is there."""
        try:
            outcomes = self.queue.take()
        except MemoryError as error:
            return self.fail(error)
        for number, verdict in outcomes:
            future = self.pending.pop(number, None)
            if future is not None and not future.done():
                future.set_result(verdict)

    def fail(self, error: MemoryError) -> None:
        """Which verdicts were lost is not known: nobody may wait for ever."""
        for future in self.pending.values():
            if not future.done():
                future.set_exception(error)
        self.pending.clear()

    def forget(self, number: int) -> None:
        """A waiter has its verdict, or was cancelled: then its check is taken back, and others for the same token go on."""
        if self.pending.pop(number, None) is not None:
            self.queue.cancel(number)

    def close(self) -> None:
        self.queue.close()
        self.pending.clear()


class Channels:
    """The channels of this process, by loop. Several loops may run at once, each on a thread of its own."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """In a forked child: the loops of the parent, and their descriptors, are the parent's."""
        self._lock = threading.Lock()
        self._by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Channel] = weakref.WeakKeyDictionary()

    def of(self, loop: asyncio.AbstractEventLoop) -> Channel:
        return self._by_loop.get(loop) or self._open(loop)

    def _open(self, loop: asyncio.AbstractEventLoop) -> Channel:
        channel = Channel()
        loop.add_reader(channel.queue.fileno(), channel.drain)
        with self._lock:
            self._close_dead()
            self._by_loop[loop] = channel
        return channel

    def _close_dead(self) -> None:
        """A loop that was closed under a waiting future is kept alive by it, so its end is noticed here."""
        for loop in [loop for loop in self._by_loop if loop.is_closed()]:
            self._by_loop.pop(loop).close()

    def close(self) -> None:
        with self._lock:
            for channel in list(self._by_loop.values()):
                channel.close()


channels = Channels()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=channels.reset)
