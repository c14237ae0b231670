"""The public face of the extension. C converts and decides; here is what Python says better: options and awaiting."""

from __future__ import annotations

import asyncio
import atexit
import weakref
from typing import TYPE_CHECKING

from . import _core
from ._channel import channels
from ._options import GuardOptions, dump
from ._types import Verdict

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack


class Guard(_core.Guard):
    """Decides what a protected server does with a request (RFC 6750, 7662, 8707, 9728).

    Options are those of :class:`GuardOptions`. A wrong one raises :class:`GuardError`, and the message names it.

    >>> guard = Guard(server_id="srv_…", api_key="sk_…", required_scopes=["files:read"])
    >>> verdict = guard.check("GET", "/files", authorization) or await guard.authorize("GET", "/files", authorization)
    """

    __slots__ = ("__weakref__",)

    def __new__(cls, **options: Unpack[GuardOptions]) -> Self:
        self = super().__new__(cls, dump(options))
        _guards.add(self)
        return self

    async def authorize(
        self,
        method: str | bytes,
        path: str | bytes,
        authorization: str | bytes | None = None,
        origin: str | bytes | None = None,
        preflight_method: str | bytes | None = None,
        *,
        content_type: str | bytes | None = None,
        mcp_protocol_version: str | bytes | None = None,
        mcp_method: str | bytes | None = None,
        mcp_name: str | bytes | None = None,
        body: str | bytes | None = None,
    ) -> Verdict:
        """Asks the authorization server; requests for one token share one call, from whichever event loop.

        Trouble there is a 503 :class:`Answer`, not an exception. Cancelling takes back this waiter alone. Raises :class:`GuardError`
        (``CLOSED``). For asyncio loops that have ``add_reader()``.
        """
        loop = asyncio.get_running_loop()
        channel = channels.of(loop)
        number = self.ask(
            channel.queue,
            method,
            path,
            authorization,
            origin,
            preflight_method,
            content_type=content_type,
            mcp_protocol_version=mcp_protocol_version,
            mcp_method=mcp_method,
            mcp_name=mcp_name,
            body=body,
        )
        future: asyncio.Future[Verdict] = loop.create_future()
        channel.pending[number] = future
        try:
            return await future
        finally:
            channel.forget(number)


_guards: weakref.WeakSet[Guard] = weakref.WeakSet()


@atexit.register
def _end() -> None:
    """Before the process takes its libraries apart: an I/O thread that is still at work then would crash it."""
    channels.close()
    for guard in list(_guards):
        guard.close()
