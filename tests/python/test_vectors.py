"""The verdicts that C, Python and Node must agree on, byte for byte: tests/vectors/guard.json tells how it is read."""

from __future__ import annotations

import contextlib
import json
import pathlib
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from auth_agent_core import Answer, Guard, Principal, Verdict
from fake_as import FakeAs, Handler, send

VECTORS = json.loads((pathlib.Path(__file__).parents[1] / "vectors" / "guard.json").read_text())


def with_issuer(value: Any, issuer: str) -> Any:
    return json.loads(json.dumps(value).replace("{issuer}", issuer))


class Play(FakeAs):
    """Plays the authorization server of one case."""

    def __init__(self, vector: dict[str, Any]) -> None:
        self.vector = vector
        super().__init__()

    def answer(self, path: str) -> dict[str, Any] | None:
        jwks = self.vector.get("jwks")
        documents = {
            "/.well-known/oauth-authorization-server": {
                "status": 200,
                "body": {"issuer": self.issuer, "introspection_endpoint": f"{self.issuer}/introspect"},
            },
            "/jwks.json": jwks and {"status": 200, "body": VECTORS["jwks"] if jwks == "default" else jwks},
            "/introspect": self.vector.get("introspection"),
        }
        return with_issuer(documents.get(path), self.issuer)

    def handle(self, handler: Handler, body: str) -> None:
        path = urllib.parse.urlsplit(handler.path).path
        self.count[path] += 1
        answer = self.answer(path) or {"status": 404, "body": {}}
        body = answer["body"]
        headers = {name.lower(): value for name, value in answer.get("headers", {}).items()}
        content_type = headers.pop("content-type", "application/json")
        send(handler, answer["status"], body.encode() if isinstance(body, str) else body, content_type, **headers)


@contextlib.contextmanager
def playing(vector: dict[str, Any]) -> Iterator[Play]:
    play = Play(vector)
    if vector.get("introspection") == "unreachable":
        play.stop()
    try:
        yield play
    finally:
        play.stop()


async def verdict_on(vector: dict[str, Any], issuer: str) -> Verdict:
    options = with_issuer(VECTORS["options"] | vector.get("options", {}), issuer)
    request = with_issuer(VECTORS["request"] | vector.get("request", {}), issuer)
    guard = Guard(**options)
    try:
        return guard.check(**request) or await guard.authorize(**request)
    finally:
        guard.close()


def as_answer(verdict: Verdict) -> dict[str, Any]:
    assert isinstance(verdict, Answer), verdict.kind
    headers = {name.decode(): value.decode() for name, value in verdict.headers}
    assert len(headers) == len(verdict.headers), "a header twice"
    return {
        "kind": "answer",
        "code": verdict.code,
        "status": verdict.status,
        "headers": headers,
        "body": verdict.body.decode(),
    }


# Members of a principal that are written otherwise here.
CONVERT: dict[str, Any] = {
    "scope": lambda value: ("scopes", tuple((value or "").split())),
    "expires_at": lambda value: ("expires_at", value or None),
}


def check_principal(verdict: Verdict, expected: dict[str, Any]) -> None:
    assert isinstance(verdict, Principal), as_answer(verdict)
    for name, value in expected.items():
        ours, converted = CONVERT.get(name, lambda value, name=name: (name, value))(value)
        assert getattr(verdict, ours) == converted, name


@pytest.mark.parametrize("vector", VECTORS["cases"], ids=lambda vector: vector["name"])
async def test_the_guard_says_what_the_vectors_say(vector: dict[str, Any]) -> None:
    with playing(vector) as play:
        verdict = await verdict_on(vector, play.issuer)
        expected = with_issuer(vector["expected"], play.issuer)
        if expected["kind"] == "allow":
            check_principal(verdict, expected.get("principal", {}))
        elif expected["kind"] == "pass":
            assert verdict.kind == "pass"
        else:
            assert as_answer(verdict) == expected
        if "introspection" not in vector:
            assert play.introspections == 0, "it was asked"
