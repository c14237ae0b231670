"""A client's own web site: it publishes the metadata document whose URL is the client's id."""

from __future__ import annotations

import contextlib
import http.server
import json
import pathlib
import ssl
import subprocess
import threading
from collections.abc import Iterator

REDIRECT_URIS = ["http://127.0.0.1/callback", "http://localhost/callback"]


class ClientSite:
    """`visits` says how often the document was asked for; `status` is what is answered."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.visits = 0
        self.status = 200
        self.certificate = folder / "certificate.pem"
        key = folder / "key.pem"
        kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        files = ["-keyout", str(key), "-out", str(self.certificate)]
        subprocess.run(["openssl", "req", *kind, *subject, *files], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.host = f"localhost:{self.server.server_port}"
        self.client_id = f"https://{self.host}/oauth/client.json"

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.visits += 1
                self.send_response(site.status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(site.document()).encode())

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def document(self) -> dict:
        return {
            "client_id": self.client_id,
            "client_name": "An e2e client",
            "redirect_uris": REDIRECT_URIS,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }


@contextlib.contextmanager
def running_site(folder: pathlib.Path) -> Iterator[ClientSite]:
    site = ClientSite(folder)
    thread = threading.Thread(target=site.server.serve_forever)
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        thread.join()
        site.server.server_close()
