"""Asks a server, after everything, about everything that clients were told."""

from __future__ import annotations

import collections

from ledger import Family, Ledger
from load import introspect
from wire import Answer, Wire


class Verification:
    """Of one server, for the length of a block."""

    def __init__(self, url: str, key: str) -> None:
        self._wire = Wire(url)
        self._key = key
        self.counts: collections.Counter[str] = collections.Counter()

    def __enter__(self) -> Verification:
        return self

    def __exit__(self, *_what: object) -> None:
        self._wire.close()

    def check(self, ledger: Ledger) -> None:
        """In this order: what a client was given is asked about before it is used up."""
        self.check_access_tokens(ledger)
        for family in ledger.families:
            self._check_refresh_tokens(family)
        for family in ledger.families:
            self._check_code(family)

    def check_access_tokens(self, ledger: Ledger) -> None:
        assert not ledger.troubles, "\n".join(ledger.troubles)
        for family in ledger.families:
            self._check_access_tokens(family)

    def __str__(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self.counts.items())

    def _is_active(self, token: str) -> bool:
        answer = introspect(self._wire, self._key, token)
        assert answer.status == 200, f"introspection: {answer.status}"
        return answer.body["active"]

    def _check_access_tokens(self, family: Family) -> None:
        for token in family.access:
            assert self._is_active(token) is not family.is_dead, (
                "a revoked token is active" if family.is_dead else "a token that a client was given is not active"
            )
        self.counts["access tokens"] += len(family.access)

    def _refresh(self, family: Family, token: str) -> Answer:
        fields = {"grant_type": "refresh_token", "client_id": family.client_id, "refresh_token": token}
        return self._wire.post("/token", fields)

    def _check_refresh_tokens(self, family: Family) -> None:
        """The newest first; those before it are used up, and lead to where it led."""
        successors = set()
        for token in reversed(family.refresh):
            answer = self._refresh(family, token)
            if family.is_dead:
                assert (answer.status, answer.error) == (400, "invalid_grant"), f"a revoked family: {answer.status}"
            else:
                assert answer.status == 200, f"a refresh token that a client was given is refused: {answer.error}"
                successors.add(answer.body["refresh_token"])
        assert len(successors) <= 1, "one family, several newest tokens"
        assert successors.isdisjoint(family.refresh), "a used refresh token was given again"
        self.counts["refresh tokens"] += len(family.refresh)

    def _check_code(self, family: Family) -> None:
        answer = self._wire.post("/token", family.exchange)
        assert (answer.status, answer.error) == (400, "invalid_grant"), f"a code redeems twice: {answer.status}"
        for token in family.access[:1]:
            assert not self._is_active(token), "the replay of a code has not revoked what it gave"
        self.counts["codes"] += 1
