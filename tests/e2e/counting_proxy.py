"""An HTTP proxy in front of one server that counts what is asked, and can be slow."""

from __future__ import annotations

import collections
import contextlib
import http.client
import http.server
import threading
import time
import urllib.parse


class CountingProxy:
    """Listens on a port of the loopback interface and passes everything on to `port`, once that is set."""

    def __init__(self) -> None:
        self.counts: collections.Counter[str] = collections.Counter()  # requests by path
        self.delays: dict[str, float] = {}  # seconds by path
        self.port = 0
        self._lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://localhost:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, path: str) -> None:
        with self._lock:
            self.counts[path] += 1
        time.sleep(self.delays.get(path, 0))

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_arguments: object) -> None:
                """Says nothing."""

            def pass_on(self) -> None:
                proxy.count(urllib.parse.urlsplit(self.path).path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with contextlib.closing(http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)) as connection:
                    response, answer = self.ask(connection, body)
                self.send_response(response.status)
                for name, value in response.getheaders():
                    if name.lower() not in ("connection", "date", "server"):
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def ask(
                self, connection: http.client.HTTPConnection, body: bytes
            ) -> tuple[http.client.HTTPResponse, bytes]:
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    connection.putheader(name, value)
                connection.endheaders(body or None)
                response = connection.getresponse()
                return response, response.read()

            do_GET = do_POST = pass_on

        return Handler
