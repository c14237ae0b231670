"""Guard.check() and what it gives."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import pathlib
import pickle
import re
import time
from collections.abc import Callable
from typing import Any

import auth_agent_core
import pytest
from asking import header, judge, refusal
from auth_agent_core import PASS, Answer, Guard, GuardError, Principal
from fake_as import METADATA_URL, RESOURCE, FakeAs, send

ROOT = pathlib.Path(__file__).parents[2]
GOOD = {"server_id": "srv_1", "api_key": "sk_1", "auth_server": "http://127.0.0.1:1"}

GuardOf = Callable[..., Guard]


def test_the_version_is_the_one_of_the_project() -> None:
    assert auth_agent_core.__version__ == (ROOT / "VERSION").read_text().strip()


# ---- principals ---------------------------------------------------------------------------------------------------


async def test_a_good_token_gives_a_principal_with_everything_that_was_said_of_it(server: FakeAs, guard: Guard) -> None:
    exp = int(time.time()) + 600
    server.grant("good", scope="files:read files:write", exp=exp)
    verdict = await judge(guard, "good")
    assert isinstance(verdict, Principal)
    names = ("kind", "id", "email", "name", "client_id", "issuer", "resource", "scopes", "expires_at")
    assert [getattr(verdict, name) for name in names] == [
        "principal",
        "usr_0001",
        "ada@example.com",
        "Ada Lovelace",
        "cl_0001",
        server.issuer,
        RESOURCE,
        ("files:read", "files:write"),
        exp,
    ]
    assert verdict.claims["sub"] == "usr_0001"
    assert verdict.claims["active"] is True


async def test_what_the_authorization_server_does_not_say_is_none(server: FakeAs, guard: Guard) -> None:
    server.grant("good", email=None, name=None, exp=None)
    verdict = await judge(guard, "good")
    assert isinstance(verdict, Principal)
    assert (verdict.email, verdict.name, verdict.expires_at, verdict.id) == (None, None, None, "usr_0001")


async def test_texts_outside_of_ascii_arrive_whole(server: FakeAs, guard: Guard) -> None:
    server.grant("good", name="Žofie 🦊 Müller", email="žofie@example.com")
    verdict = await judge(guard, "good")
    assert isinstance(verdict, Principal)
    assert verdict.name == verdict.claims["name"] == "Žofie 🦊 Müller"
    assert verdict.email == "žofie@example.com"


async def test_a_second_check_is_answered_at_once_by_the_same_object_without_a_call(
    server: FakeAs, guard: Guard
) -> None:
    server.grant("good")
    first = await judge(guard, "good")
    assert isinstance(first, Principal)
    assert guard.check("GET", "/files", "Bearer good") is first
    assert guard.check("POST", "/other", b"Bearer good") is first
    assert server.introspections == 1


async def test_nothing_of_a_principal_can_be_changed(server: FakeAs, guard: Guard) -> None:
    server.grant("good", address={"street": "Main"}, groups=["a", {"deep": 1}])
    verdict: Any = await judge(guard, "good")
    with pytest.raises(AttributeError):
        verdict.email = "eve@example.com"
    with pytest.raises(AttributeError):
        verdict.new = 1
    with pytest.raises(TypeError, match="immutable"):
        Principal.email = "eve@example.com"  # type: ignore[misc]
    changes: list[Callable[[], object]] = [
        lambda: verdict.claims.update(sub="eve"),
        lambda: verdict.claims.__setitem__("sub", "eve"),
        lambda: verdict.claims.pop("sub"),
        lambda: verdict.claims["address"].clear(),
        lambda: verdict.claims["groups"][1].setdefault("x", 1),
    ]
    for change in changes:
        with pytest.raises(TypeError, match="read-only"):
            change()
    assert verdict.claims["groups"] == ("a", {"deep": 1})


async def test_claims_are_a_dict_for_whoever_writes_json_or_copies_them(server: FakeAs, guard: Guard) -> None:
    server.grant("good", groups=["a", {"deep": 1}])
    verdict = await judge(guard, "good")
    assert isinstance(verdict, Principal)
    claims = verdict.claims
    assert json.loads(json.dumps(claims))["groups"] == ["a", {"deep": 1}]
    assert copy.deepcopy(claims) is claims
    assert pickle.loads(pickle.dumps(claims)) == claims

    @dataclasses.dataclass
    class Holder:
        claims: object

    assert dataclasses.asdict(Holder(claims))["claims"] == claims


async def test_more_principals_than_are_kept_as_objects_are_still_told_apart(server: FakeAs, guard: Guard) -> None:
    tokens = [server.grant(f"many{i}", sub=f"usr_{i}") for i in range(1500)]
    for token in tokens:
        await judge(guard, token)
    for number, token in enumerate(tokens):
        verdict = guard.check("GET", "/", f"Bearer {token}")
        assert isinstance(verdict, Principal)
        assert verdict.id == f"usr_{number}"


def test_nobody_makes_a_principal_an_answer_or_a_pass() -> None:
    for kind in (Principal, Answer, type(PASS)):
        with pytest.raises(TypeError, match="cannot create"):
            kind()


# ---- refusals -----------------------------------------------------------------------------------------------------


async def test_no_token_is_401_with_a_challenge_that_names_the_metadata_and_no_error(
    server: FakeAs, guard: Guard
) -> None:
    answer = await refusal(guard, None)
    assert (answer.kind, answer.code, answer.status) == ("answer", "TOKEN_ABSENT", 401)
    assert header(answer, b"www-authenticate") == f'Bearer scope="files:read", resource_metadata="{METADATA_URL}"'
    assert json.loads(answer.body)["error"] == "invalid_token"
    assert server.introspections == 0


async def test_a_token_that_is_not_active_is_401_invalid_token(guard: Guard) -> None:
    answer = await refusal(guard, "unknown")
    assert (answer.code, answer.status) == ("TOKEN_INACTIVE", 401)
    assert re.match('Bearer error="invalid_token", ', header(answer, b"www-authenticate") or "")


async def test_a_token_for_another_server_is_401_and_one_for_ours_is_let_in(server: FakeAs, guard: Guard) -> None:
    server.grant("theirs", aud="https://elsewhere.example.com/mcp")
    server.grant("both", aud=["https://elsewhere.example.com/mcp", RESOURCE])
    assert (await refusal(guard, "theirs")).code == "TOKEN_AUDIENCE"
    assert isinstance(await judge(guard, "both"), Principal)


async def test_active_must_be_the_literal_true(server: FakeAs, guard: Guard) -> None:
    server.grant("text", active="true")
    server.grant("good")
    assert (await refusal(guard, "text")).status == 503
    assert isinstance(await judge(guard, "good"), Principal)


async def test_a_missing_scope_is_403_with_all_scopes_of_the_operation(server: FakeAs, guard_of: GuardOf) -> None:
    server.grant("poor", scope="other")
    answer = await refusal(guard_of(required_scopes=["files:read", "files:list"]), "poor")
    assert answer.status == 403
    challenge = header(answer, b"www-authenticate") or ""
    assert challenge.startswith('Bearer error="insufficient_scope", scope="files:read files:list", ')


async def test_two_credentials_and_a_malformed_header_are_400(server: FakeAs, guard: Guard) -> None:
    server.grant("good")
    two = await refusal(guard, None, authorization="Bearer good, Bearer good")
    assert (two.code, two.status) == ("CREDENTIALS_DUPLICATE", 400)
    assert (await refusal(guard, None, authorization="Bearer")).code == "CREDENTIALS_MALFORMED"
    assert isinstance(await judge(guard, None, authorization="bearer good"), Principal)


async def test_a_long_token_is_told_from_its_own_beginning(server: FakeAs, guard: Guard) -> None:
    long = server.grant("t" * 8000)
    assert isinstance(await judge(guard, long), Principal)
    assert isinstance(guard.check("GET", "/files", f"Bearer {long}"), Principal)
    assert (await refusal(guard, f"{long}x")).status == 401
    assert (await refusal(guard, "t" * 20000)).code == "TOKEN_FORMAT"


async def test_no_text_that_a_request_can_hold_is_an_exception(server: FakeAs, guard_of: GuardOf) -> None:
    guard = guard_of(public_paths=["/health"])
    odd = ["\ud800", "/health\ud800", "/\x00", "/\x00health", "", "é", "🦊", "/" + "a" * 100_000]
    for path in odd:
        assert (await refusal(guard, None, path=path)).status == 401, path
        assert (await refusal(guard, None, method=path)).status == 401, path
        assert (await refusal(guard, path)).status in (400, 401), path
    for text in (b"\xff\xfe", b"Bearer \xff", b"\x00", b"Bearer a\x00b"):
        assert (await refusal(guard, None, authorization=text)).status in (400, 401), text
    assert guard.check("GET", "/health") is PASS


# ---- scopes -------------------------------------------------------------------------------------------------------


async def test_check_scopes_asks_for_more_than_the_app_does(server: FakeAs, guard: Guard) -> None:
    server.grant("reader")
    server.grant("writer", scope="files:read files:write")
    reader, writer = await judge(guard, "reader"), await judge(guard, "writer")
    assert isinstance(reader, Principal)
    assert isinstance(writer, Principal)
    assert guard.check_scopes(writer, "files:write") is writer
    assert guard.check_scopes(reader, "") is reader
    refused = guard.check_scopes(reader, "files:write")
    assert isinstance(refused, Answer)
    assert refused.status == 403
    assert 'scope="files:read files:write"' in (header(refused, b"www-authenticate") or "")
    nobody = guard.check_scopes(None, "files:write")
    assert isinstance(nobody, Answer)
    assert nobody.status == 401


async def test_check_scopes_takes_only_what_a_guard_gave(server: FakeAs, guard: Guard) -> None:
    server.grant("writer", scope="files:read files:write")
    writer = await judge(guard, "writer")
    forged: list[Any] = [object(), {}, "files:write", 1, guard, PASS, dict(writer.claims)]  # type: ignore[union-attr]
    for one in forged:
        with pytest.raises(TypeError, match="one that a guard gave"):
            guard.check_scopes(one, "files:write")
    with pytest.raises(TypeError):
        guard.check_scopes(writer, ["files:write"])  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        copy.copy(writer)


# ---- what needs no token ------------------------------------------------------------------------------------------


async def test_public_paths_and_preflights_pass_exactly_and_alone(guard_of: GuardOf) -> None:
    guard = guard_of(public_paths=["/health"])
    assert guard.check("GET", "/health") is PASS
    assert PASS.kind == "pass"
    assert guard.check("OPTIONS", "/files", None, "https://app.example.com", "PUT") is PASS
    for path in ["/health/", "//health", "/Health", "/health\0", "/health?x", "/heálth", "/health/../files"]:
        assert (await refusal(guard, None, path=path)).status == 401, path
    assert (await refusal(guard, None, method="OPTIONS")).status == 401


async def test_the_rfc_9728_document_is_served_at_both_forms(server: FakeAs, guard: Guard) -> None:
    root = "/.well-known/oauth-protected-resource"
    for path in (root, f"{root}/mcp"):
        answer = await refusal(guard, None, path=path)
        assert (answer.status, answer.code) == (200, "OK")
        document = json.loads(answer.body)
        assert document["resource"] == RESOURCE
        assert document["authorization_servers"] == [server.issuer]
    head = await refusal(guard, None, method="HEAD", path=root)
    assert (head.status, head.body) == (200, b"")


# ---- tools --------------------------------------------------------------------------------------------------------


def call(name: str) -> str:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": {}}}
    return json.dumps(message)


async def test_a_tool_policy_wants_the_body_of_a_post_and_judges_by_it(server: FakeAs, guard_of: GuardOf) -> None:
    guard = guard_of(tools={"write_file": ["files:write"]}, max_body=1000)
    server.grant("reader")
    post = {"method": "POST", "path": "/mcp", "content_type": "application/json"}
    assert guard.wants_body("POST") is True
    assert guard.wants_body(b"POST") is True
    assert guard.wants_body("GET") is False
    assert guard.max_body == 1000
    for encode in (str, str.encode):
        assert isinstance(await judge(guard, "reader", **post, body=encode(call("read_file"))), Principal)
        assert (await refusal(guard, "reader", **post, body=encode(call("write_file")))).code == "SCOPE_INSUFFICIENT"
    assert (await refusal(guard, "reader", **post)).status == 400
    refused = guard.check("POST", "/mcp", "Bearer reader")
    assert isinstance(refused, Answer)
    assert guard.refuse_body().status == 413


# ---- trouble ------------------------------------------------------------------------------------------------------


async def test_an_outage_is_503_with_retry_after_cached_tokens_go_on_and_it_recovers_by_itself(
    server: FakeAs, guard: Guard
) -> None:
    server.grant("known")
    server.grant("new")
    assert isinstance(await judge(guard, "known"), Principal)
    server.stop()
    outage = await refusal(guard, "new")
    assert outage.status == 503
    assert (header(outage, b"retry-after") or "").isdigit()
    assert header(outage, b"www-authenticate") is None
    assert isinstance(await judge(guard, "known"), Principal)
    server.restart()
    deadline = time.monotonic() + 20
    while not isinstance(await judge(guard, "new"), Principal):
        assert time.monotonic() < deadline, "it did not recover"
        await asyncio.sleep(0.05)


async def test_an_answer_that_is_no_answer_is_503(server: FakeAs, guard: Guard) -> None:
    server.grant("good")
    answers = [b"[]", b'{"active":', b'{"active":true,"active":true}', b'{"active":1}', b"\xff", b"{}"]
    for answer in answers:
        server.misbehave = lambda handler, _body, answer=answer: send(handler, 200, answer)
        assert (await refusal(guard, "good")).code == "REMOTE_PROTOCOL", answer
    server.misbehave = None
    assert isinstance(await judge(guard, "good"), Principal)


async def test_our_key_refused_is_our_trouble_503(server: FakeAs, guard_of: GuardOf) -> None:
    server.grant("good")
    bad = await refusal(guard_of(api_key="sk_wrong", resource=RESOURCE), "good")
    assert (bad.status, bad.code) == (503, "REMOTE_CREDENTIALS")
    assert isinstance(await judge(guard_of(resource=RESOURCE), "good"), Principal)


# ---- options ------------------------------------------------------------------------------------------------------


def option_error(**options: Any) -> GuardError | None:
    try:
        Guard(**options).close()
    except GuardError as error:
        return error
    return None


def test_wrong_options_raise_when_the_guard_is_made_and_say_which() -> None:
    assert option_error(**GOOD) is None
    assert option_error(**GOOD, resource=None, tools=None) is None
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({**GOOD, "sever_id": "x"}, "OPTION_UNKNOWN", "sever_id.*server_id"),
        ({**GOOD, "cache_ttl": "soon"}, "OPTION_INVALID", "cache_ttl"),
        ({**GOOD, "cache_ttl": -1}, "OPTION_INVALID", "cache_ttl"),
        ({**GOOD, "required_scopes": "files:read"}, "OPTION_INVALID", "required_scopes"),
        ({**GOOD, "auth_server": "http://evil.example.com"}, "OPTION_INVALID", "auth_server"),
        ({"auth_server": GOOD["auth_server"], "api_key": "sk_1"}, "OPTION_MISSING", "server_id"),
        ({**GOOD, "server_id": ""}, "OPTION_INVALID", "server_id"),
    ]
    for options, code, message in cases:
        error = option_error(**options)
        assert error is not None, f"{options} was accepted"
        assert error.code == code
        assert error.status == 500
        assert re.search(message, str(error))


def test_what_json_has_no_word_for_is_refused_by_name() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (float("nan"), float("inf"), lambda: 60, object(), {60}, b"60", 60j, deep):
        error = option_error(**GOOD, cache_ttl=value)
        assert error is not None
        assert error.code == "OPTION_INVALID"
        assert "cache_ttl" in str(error)


def test_sequences_and_mappings_of_any_kind_are_options() -> None:
    assert option_error(**GOOD, required_scopes=("a", "b"), tools={"x": ("c",)}) is None


def test_a_secret_is_in_no_error() -> None:
    error = option_error(**{**GOOD, "api_key": "sk_verysecret", "cache_ttl": -1})
    assert error is not None
    assert "verysecret" not in repr((error, error.args, vars(error)))


def test_options_that_are_left_out_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert option_error() is not None
    for name, value in GOOD.items():
        monkeypatch.setenv(f"AUTH_AGENT_{name.upper()}", value)
    assert option_error() is None


def test_every_option_of_the_core_is_typed() -> None:
    source = (ROOT / "core/src/verify/options.c").read_text()
    core = re.findall(r'^ {4}\{"(\w+)", [A-Z]+, AT\(', source, re.M)
    assert len(core) > 10
    assert sorted(auth_agent_core.GuardOptions.__annotations__) == sorted(core)


# ---- arguments ----------------------------------------------------------------------------------------------------


async def test_wrong_arguments_are_type_errors_that_name_them(guard: Guard) -> None:
    wrong: list[tuple[Callable[[], object], str]] = [
        (lambda: guard.check(), "'method'"),
        (lambda: guard.check("GET"), "'path'"),
        (lambda: guard.check("GET", 1), "path must be str or bytes, not int"),
        (lambda: guard.check(None, "/"), "method must be"),
        (lambda: guard.check("GET", "/", 7), "authorization"),
        (lambda: guard.check("GET", "/", authorisation="x"), "'authorisation'"),
        (lambda: guard.check("GET", "/", method="GET"), "'method' was given twice"),
        (lambda: guard.check("GET", "/", None, None, None, None), "at most 5"),
        (lambda: guard.check("GET", "/", body=bytearray(b"{}")), "body"),
        (lambda: guard.ask(), "'queue'"),
        (lambda: guard.ask(None, "GET", "/"), "queue"),
        (lambda: guard.wants_body(5), "method"),
        (lambda: guard.check_scopes(None), "check_scopes"),
        (lambda: auth_agent_core._core.Guard({}), "str"),
        (lambda: auth_agent_core._core.Guard("{}", x=1), "keyword"),
        (lambda: auth_agent_core._core.Queue(1), "Queue"),
        (lambda: Guard.check(object(), "GET", "/"), "Guard"),
        (lambda: Guard("{}"), "positional"),
    ]
    for ask, message in wrong:
        with pytest.raises(TypeError, match=message):
            ask()
    with pytest.raises(TypeError, match="path"):
        await guard.authorize("GET", None)  # type: ignore[arg-type]


def test_a_keyword_that_was_made_at_run_time_is_the_same_keyword(guard_of: GuardOf) -> None:
    guard = guard_of(public_paths=["/health"])
    assert guard.check(**{"".join(["meth", "od"]): "GET", "".join(["pa", "th"]): "/health"}) is PASS


async def test_stats_count_what_happened(server: FakeAs, guard: Guard) -> None:
    server.grant("good")
    await judge(guard, "good")
    guard.check("GET", "/", "Bearer good")
    await judge(guard, "bad")
    stats = guard.stats()
    assert (stats["introspections"], stats["entries"], stats["negative_entries"]) == (2, 1, 1)
    assert stats["hits"] >= 1
    assert set(stats) == set(auth_agent_core.Stats.__annotations__)
