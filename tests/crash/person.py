"""A person at a browser whose server may die under every request."""

from __future__ import annotations

import httpx
from browser import Browser
from wire import ANSWER_S, Absent, Lost, check_status


def check(response: httpx.Response) -> None:
    check_status(response.status_code, response.headers.get("Retry-After"), response.request.url.path)


class Person(Browser):
    """Once logged in, never asked to log in again."""

    def __init__(self, email: str, password: str, peer: str) -> None:
        super().__init__(email, password)
        self._http.close()
        headers = {"X-Forwarded-For": peer}
        self._http = httpx.Client(timeout=ANSWER_S, headers=headers, event_hooks={"response": [check]})

    def authorize(self, url: str, redirect_uri: str) -> dict[str, str]:
        was_logged_in = any("consent" in seen for seen in self.visits)
        try:
            return super().authorize(url, redirect_uri)
        except httpx.TimeoutException:
            raise AssertionError(f"a page did not come within {ANSWER_S:.0f} s") from None
        except httpx.ConnectError as error:
            raise Absent from error
        except httpx.TransportError as error:
            raise Lost from error
        finally:
            assert not (was_logged_in and "login" in self.visits[-1]), "a login was forgotten"
