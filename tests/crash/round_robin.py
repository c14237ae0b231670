"""A load balancer: takes requests on one port of the loopback interface and passes them on to several servers by turns.

    round_robin.py PORT SERVER-PORT SERVER-PORT…

Request by request, not connection by connection, so that what a client does next always happens at another server. A server that does not
listen is passed over; one that dies in the middle of a request takes the client's connection with it, as a load balancer must do for what
it cannot safely repeat.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import sys

HEAD_MAX = 128 * 1024
HOP_BY_HOP = (b"connection:", b"keep-alive:", b"te:")

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Broken(Exception):
    """The other end has gone, or speaks what this does not."""


class Message:
    """The head of one HTTP/1.1 message as bytes, and what it says about its body."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        lines = head.split(b"\r\n")
        self.first = lines[0]
        fields = dict(line.split(b":", 1) for line in lines[1:] if line)
        lower = {name.strip().lower(): value.strip().lower() for name, value in fields.items()}
        if b"transfer-encoding" in lower:
            raise Broken
        self.length = int(lower.get(b"content-length", b"0"))
        self.is_last = lower.get(b"connection", b"") == b"close"


async def read_message(reader: asyncio.StreamReader, *, is_answer_to_head: bool = False) -> tuple[Message, bytes]:
    try:
        message = Message(await reader.readuntil(b"\r\n\r\n"))
        has_body = not is_answer_to_head and message.first.split()[1] not in (b"204", b"304")
        return message, await reader.readexactly(message.length) if has_body else b""
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, IndexError, OSError) as error:
        raise Broken from error


class RoundRobin:
    def __init__(self, ports: list[int]) -> None:
        self._idle: dict[int, list[Streams]] = {port: [] for port in ports}
        self._turns = itertools.cycle(ports)

    async def serve(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._serve_client, "127.0.0.1", port, limit=HEAD_MAX)

    async def _serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(Broken, OSError):
            while await self._pass_on_one(reader, writer):
                pass
        with contextlib.suppress(OSError):
            writer.close()

    async def _pass_on_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request, body = await read_message(reader)
        port, server = await self._connect()
        try:
            server[1].write(request.head + body)
            answer, content = await read_message(server[0], is_answer_to_head=request.first.startswith(b"HEAD "))
        except BaseException:
            server[1].close()
            raise
        if answer.is_last:
            server[1].close()
        else:
            self._idle[port].append(server)
        writer.write(answer.head + content)
        await writer.drain()
        return not (answer.is_last or request.is_last)

    async def _connect(self) -> tuple[int, Streams]:
        """A connection to the server whose turn it is, or to the next one that listens."""
        for _ in self._idle:
            port = next(self._turns)
            while self._idle[port]:
                reader, writer = self._idle[port].pop()
                if not reader.at_eof():
                    return port, (reader, writer)
                writer.close()
            with contextlib.suppress(OSError):
                return port, await asyncio.open_connection("127.0.0.1", port, limit=HEAD_MAX)
        raise Broken


async def pass_on_until_told(port: int, ports: list[int], ready_line: bytes = b"") -> None:
    """Listens until SIGTERM or SIGINT; prints the line when it does."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    listening = await RoundRobin(ports).serve(port)
    sys.stdout.buffer.write(ready_line)
    sys.stdout.flush()
    await told.wait()
    listening.close()


if __name__ == "__main__":
    asyncio.run(pass_on_until_told(int(sys.argv[1]), [int(word) for word in sys.argv[2:]]))
