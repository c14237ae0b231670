"""A load of whole flows: each client is a thread that authorizes, exchanges, refreshes, introspects and revokes, and notes what it was told.

A client behaves as the good ones do: what was not answered, or answered with 503, it asks again with the same words. What it must then be
told is written down here; anything else is a trouble in the ledger.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import random
import secrets
import threading
import time
import traceback
import urllib.parse
from collections.abc import Callable, Iterator

from ledger import PATIENCE_S, Family, Ledger
from person import Person
from wire import Absent, Answer, Lost, Unavailable, Wire

RESOURCE = "https://files.example.com/mcp"
SCOPE = "files:read"
REDIRECT_URI = "http://127.0.0.1:9/callback"
REFRESHES_MAX = 20  # below the 32 successors that a used refresh token is followed over
PAUSE_ABSENT_S = 0.01
PAUSE_UNAVAILABLE_S = 0.05  # shorter than Retry-After says: more tries, more to go wrong


class Client:
    """One client, one person, one connection."""

    def __init__(self, load: Load, number: int) -> None:
        self._load = load
        self._ledger = load.ledger
        self._random = random.Random(f"{load.seed} {number}")
        peer = f"192.0.2.{number + 1}"
        self._wire = Wire(load.url, peer)
        self._person = Person(*load.people[number], peer)
        self._number = number
        self._client_id = ""

    def run(self) -> None:
        try:
            self.register()
            while not self._load.is_stopping.is_set():
                self._live_one_family()
        except Exception as error:  # told by the test, not by a thread that nobody looks at
            where = traceback.extract_tb(error.__traceback__)[-1].lineno
            self._ledger.add_trouble(f"client {self._number}, line {where}: {type(error).__name__}: {error}")
        finally:
            self.close()

    def close(self) -> None:
        self._wire.close()
        self._person.close()

    # ---- asking until there is an answer ----

    def _persist(self, what: str, ask: Callable[[], object]) -> tuple[object, bool]:
        """The first answer, and whether it is the answer to the first request that was served."""
        is_first = True
        until = time.monotonic() + PATIENCE_S
        while True:
            assert time.monotonic() < until, f"{what}: no answer within {PATIENCE_S:.0f} s"
            try:
                answer = ask()
            except Absent:
                time.sleep(PAUSE_ABSENT_S)
                continue
            except Lost:
                self._ledger.add_lost()
            except Unavailable:
                self._ledger.add_unavailable()
                time.sleep(PAUSE_UNAVAILABLE_S)
            else:
                self._ledger.add_answer(what)
                return answer, is_first
            is_first = False

    def _ask(self, what: str, path: str, fields: dict[str, str]) -> tuple[Answer, bool]:
        return self._persist(what, lambda: self._wire.post(path, fields))

    # ---- the steps of a client's life ----

    def register(self) -> None:
        registration = {
            "client_name": f"Client {self._number}",
            "redirect_uris": [REDIRECT_URI],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        }
        answer, _ = self._persist("register", lambda: self._wire.post_json("/register", registration))
        assert answer.status == 201, f"registration: {answer.status}"
        self._client_id = answer.body["client_id"]

    def authorize(self) -> dict[str, str]:
        """The request that redeems a new code."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": REDIRECT_URI,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "resource": RESOURCE,
            "scope": SCOPE,
        }
        url = f"{self._load.url}/authorize?{urllib.parse.urlencode(query)}"
        callback, _ = self._persist("authorize", lambda: self._person.authorize(url, REDIRECT_URI))
        return {
            "grant_type": "authorization_code",
            "client_id": self._client_id,
            "code": callback["code"],
            "redirect_uri": REDIRECT_URI,
            "code_verifier": verifier,
        }

    def exchange(self) -> Family:
        family = Family(self._client_id, self.authorize())
        answer, is_first = self._ask("exchange", "/token", family.exchange)
        if answer.status == 200:
            family.add(answer.body)
        else:
            # Spent by the request whose answer was lost. Used again, it has cost what it gave (RFC 6749 §4.1.2).
            assert not is_first, f"a new code was refused: {answer.error}"
            assert (answer.status, answer.error) == (400, "invalid_grant"), f"a used code: {answer.status}"
            family.is_dead = True
        self._ledger.add_family(family)
        return family

    def refresh_fields(self, family: Family) -> dict[str, str]:
        return {"grant_type": "refresh_token", "client_id": self._client_id, "refresh_token": family.refresh[-1]}

    def refresh(self, family: Family) -> None:
        answer, is_first = self._ask("refresh", "/token", self.refresh_fields(family))
        assert answer.status == 200, (
            f"the newest refresh token was refused (not asked before: {is_first}): {answer.error}"
        )
        assert answer.body["refresh_token"] not in family.refresh, "a refresh token is its own successor"
        family.add(answer.body)

    def introspect(self, family: Family) -> None:
        token = self._random.choice(family.access)
        answer, _ = self._persist("introspect", lambda: introspect(self._wire, self._load.key, token))
        assert answer.status == 200, f"introspection: {answer.status}"
        assert answer.body["active"] is not family.is_dead, f"a token is {answer.body['active']} before its time"

    def revoke(self, family: Family) -> None:
        token = self._random.choice([family.refresh[-1], family.access[-1]])
        answer, _ = self._ask("revoke", "/revoke", {"client_id": self._client_id, "token": token})
        assert answer.status == 200, f"a revocation was refused: {answer.error}"
        family.is_dead = True

    def _live_one_family(self) -> None:
        family = self.exchange()
        if family.is_dead:
            return
        for _ in range(self._random.randint(0, REFRESHES_MAX)):
            if self._load.is_stopping.is_set():
                return
            self.refresh(family)
            if self._random.random() < 0.5:
                self.introspect(family)
        if self._random.random() < 0.2:
            self.revoke(family)
            self.introspect(family)


def introspect(wire: Wire, key: str, token: str) -> Answer:
    return wire.post("/introspect", {"token": token}, {"Authorization": f"Bearer {key}"})


class Load:
    """What a server is asked, by as many clients at once as there are people."""

    def __init__(self, url: str, key: str, people: list[tuple[str, str]], seed: int) -> None:
        self.url = url
        self.key = key
        self.people = people
        self.seed = seed
        self.ledger = Ledger()
        self.is_stopping = threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator[Ledger]:
        threads = [threading.Thread(target=Client(self, number).run) for number in range(len(self.people))]
        for thread in threads:
            thread.start()
        try:
            yield self.ledger
        finally:
            self.is_stopping.set()
            for thread in threads:
                thread.join()
