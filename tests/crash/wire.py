"""Requests to the token, introspection and revocation endpoints, and what may come of them."""

from __future__ import annotations

import dataclasses
import http.client
import json
import urllib.parse

ANSWER_S = 30.0  # an answer that takes longer is a thread that is stuck


class Lost(Exception):
    """The answer did not arrive whole: whether the request was served is not known."""


class Absent(Exception):
    """Nobody listens: the request was not served."""


class Unavailable(Exception):
    """503 with Retry-After: the server says that it cannot, and to come back."""


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    body: dict

    @property
    def error(self) -> str:
        return self.body.get("error", "")


def check_status(status: int, retry_after: str | None, what: str) -> None:
    """Whatever else is wrong, the server never answers with another 5xx, and never with a 503 that does not say when to come back."""
    if status == 503:
        assert int(retry_after or 0) > 0, f"{what}: 503 without Retry-After"
        raise Unavailable
    assert status < 500, f"{what}: {status}"


class Wire:
    """One connection, kept alive, for one thread."""

    def __init__(self, url: str, peer: str = "127.0.0.1") -> None:
        self._headers = {"X-Forwarded-For": peer}
        self._netloc = urllib.parse.urlsplit(url).netloc.replace("localhost", "127.0.0.1")
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_what: object) -> None:
        self.close()

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def post(self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None) -> Answer:
        body = urllib.parse.urlencode(fields)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, body, form | (headers or {}))

    def post_json(self, path: str, value: dict, headers: dict[str, str] | None = None) -> Answer:
        return self._ask("POST", path, json.dumps(value), {"Content-Type": "application/json"} | (headers or {}))

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None, {})

    def delete(self, path: str, headers: dict[str, str]) -> Answer:
        return self._ask("DELETE", path, None, headers)

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        if not self._connection:
            self._connection = http.client.HTTPConnection(self._netloc, timeout=ANSWER_S)
        try:
            self._connection.request(method, path, body, self._headers | headers)
            response = self._connection.getresponse()
            data = response.read()
        except ConnectionRefusedError as error:
            self.close()
            raise Absent from error
        except TimeoutError:
            self.close()
            raise AssertionError(f"{method} {path} was not answered within {ANSWER_S:.0f} s") from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Lost from error
        check_status(response.status, response.getheader("Retry-After"), f"{method} {path}")
        return Answer(response.status, json.loads(data) if data else {})
