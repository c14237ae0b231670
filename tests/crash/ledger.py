"""What clients were told, so that it can be asked whether the server still stands by it."""

from __future__ import annotations

import collections
import dataclasses
import threading
import time

PATIENCE_S = 60.0


@dataclasses.dataclass
class Family:
    """One authorization of one client: the code it came from, and every token that came of it."""

    client_id: str
    exchange: dict[str, str]  # the request that redeems the code
    access: list[str] = dataclasses.field(default_factory=list)
    refresh: list[str] = dataclasses.field(default_factory=list)  # each the successor of the one before
    is_dead: bool = False  # revoked, or its code was used again: and the client was told so

    def add(self, tokens: dict) -> None:
        self.access.append(tokens["access_token"])
        self.refresh.append(tokens["refresh_token"])


class Ledger:
    """Written by every client at once."""

    def __init__(self) -> None:
        self.families: list[Family] = []
        self.answers: collections.Counter[str] = collections.Counter()  # acknowledged, by what was asked
        self.lost = 0  # requests whose answer never came
        self.unavailable = 0  # 503 with Retry-After
        self.troubles: list[str] = []  # what no server may do
        self._changed = threading.Condition()

    def add_family(self, family: Family) -> None:
        with self._changed:
            self.families.append(family)

    def add_answer(self, what: str) -> None:
        with self._changed:
            self.answers[what] += 1
            self._changed.notify_all()

    def add_lost(self) -> None:
        with self._changed:
            self.lost += 1
            self._changed.notify_all()

    def add_unavailable(self) -> None:
        with self._changed:
            self.unavailable += 1
            self._changed.notify_all()

    def add_trouble(self, text: str) -> None:
        with self._changed:
            self.troubles.append(text)
            self._changed.notify_all()

    def wait_for_answers(self, more: int) -> None:
        """Until that many more requests were answered: the load is under way."""
        self._wait_until(lambda: self.answers.total(), more, "answers")

    def wait_for_unavailable(self, more: int) -> None:
        self._wait_until(lambda: self.unavailable, more, "answers of 503")

    def _wait_until(self, count, more: int, what: str) -> None:
        until = time.monotonic() + PATIENCE_S
        with self._changed:
            wanted = count() + more
            while count() < wanted and not self.troubles:
                left = until - time.monotonic()
                assert left > 0, f"fewer than {more} {what} within {PATIENCE_S:.0f} s"
                self._changed.wait(left)

    def __str__(self) -> str:
        given = {
            "families": len(self.families),
            "access tokens": sum(len(family.access) for family in self.families),
            "refresh tokens": sum(len(family.refresh) for family in self.families),
        }
        counts = ", ".join(f"{count} {what}" for what, count in given.items())
        return f"{self.answers.total()} acknowledged, {self.lost} lost, {self.unavailable} unavailable: {counts}"
