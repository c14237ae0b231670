"""The middleware on FastAPI and Starlette, without a socket between."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from apps import app_of, bearer, client_of, get
from auth_agent_mcp import AuthAgentError, AuthAgentMiddleware, User
from fake_as import METADATA_URL, RESOURCE, FakeAs, send
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, BaseUser, requires
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

JSON_REFUSAL = {"content-type": "application/json", "cache-control": "no-store"}


def headers_of(response: httpx.Response) -> dict[str, str]:
    """Every header but the length, which httpx has checked."""
    return {name: value for name, value in response.headers.items() if name != "content-length"}


async def test_three_lines_protect_an_app_and_name_the_user(server: FakeAs) -> None:
    server.grant("good")
    app = FastAPI()
    app.add_middleware(AuthAgentMiddleware, **server.options())

    @app.get("/")
    async def root(request: Request) -> str | None:
        return request.state.user.email

    assert (await get(app, "/", "good")).json() == "ada@example.com"
    assert (await get(app, "/")).status_code == 401


async def test_options_that_are_left_out_come_from_the_environment(
    server: FakeAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.options().items():
        monkeypatch.setenv(f"AUTH_AGENT_{name.upper()}", value if isinstance(value, str) else " ".join(value))
    server.grant("good")
    server.grant("poor", scope="other")
    app = FastAPI()
    app.add_middleware(AuthAgentMiddleware)
    app.get("/")(lambda: "in")
    assert (await get(app, "/", "good")).status_code == 200
    assert (await get(app, "/", "poor")).status_code == 403


# ---- who is asking ------------------------------------------------------------------------------------------------


async def test_the_user_has_everything_the_authorization_server_said(server: FakeAs) -> None:
    server.grant("good", exp=4000000000, team="blue")
    seen: list[Any] = []
    app = FastAPI()
    app.add_middleware(AuthAgentMiddleware, **server.options())

    @app.get("/")
    async def root(request: Request) -> None:
        seen.append((request.state, request.user, request.auth))

    await get(app, "/", "good")
    state, user, credentials = seen[0]
    assert isinstance(user, User)
    assert isinstance(user, BaseUser)
    assert state.user is user
    assert {name: value for name, value in dataclasses.asdict(user).items() if name != "claims"} == {
        "id": "usr_0001",
        "email": "ada@example.com",
        "name": "Ada Lovelace",
        "scopes": ("files:read",),
        "client_id": "cl_0001",
        "resource": RESOURCE,
        "expires_at": 4000000000,
    }
    assert user.claims["team"] == "blue"
    assert (user.is_authenticated, user.display_name, user.identity) == (True, "Ada Lovelace", "usr_0001")
    assert credentials.scopes == ("files:read",)
    assert isinstance(credentials, AuthCredentials)
    older = (state.user_email, state.scopes, state.client_id, state.audience)
    assert older == ("ada@example.com", ("files:read",), "cl_0001", RESOURCE)
    with pytest.raises(dataclasses.FrozenInstanceError):
        user.email = "eve@example.com"  # type: ignore[misc]
    with pytest.raises(TypeError, match="read-only"):
        user.claims["team"] = "red"  # type: ignore[index]


async def test_a_handler_may_return_the_user_as_json(server: FakeAs) -> None:
    server.grant("good", groups=["a", {"deep": 1}])
    app = FastAPI()
    app.add_middleware(AuthAgentMiddleware, **server.options())

    @app.get("/")
    async def root(request: Request) -> Any:
        return request.state.user

    body = (await get(app, "/", "good")).json()
    assert (body["email"], body["claims"]["groups"]) == ("ada@example.com", ["a", {"deep": 1}])


async def test_what_one_handler_does_to_its_credentials_reaches_no_other_request(server: FakeAs) -> None:
    server.grant("good")
    app = FastAPI()
    app.add_middleware(AuthAgentMiddleware, **server.options())

    @app.get("/")
    async def root(request: Request) -> tuple[str, ...]:
        with pytest.raises(AttributeError):
            request.auth.scopes.append("admin")
        with pytest.raises(AttributeError):
            request.auth.scopes = ["admin"]
        request.state.scopes += ("admin",)
        request.state.user_email = "eve@example.com"
        return request.auth.scopes

    for _ in range(2):
        assert (await get(app, "/", "good")).json() == ["files:read"]


async def test_starlettes_requires_works(server: FakeAs) -> None:
    server.grant("reader")
    server.grant("writer", scope="files:read files:write")

    @requires("files:write")
    async def write(request: Request) -> Response:
        return PlainTextResponse("saved")

    app = Starlette(routes=[Route("/write", write), Route("/open", write)])
    app.add_middleware(AuthAgentMiddleware, **server.options(public_paths=["/open"]))
    assert (await get(app, "/write", "writer")).text == "saved"
    assert (await get(app, "/write", "reader")).status_code == 403
    assert (await get(app, "/open")).status_code == 403


# ---- refusals -----------------------------------------------------------------------------------------------------


async def test_without_a_token_401_and_a_challenge_without_error(server: FakeAs) -> None:
    response = await get(app_of(server))
    assert response.status_code == 401
    challenge = f'Bearer scope="files:read", resource_metadata="{METADATA_URL}"'
    assert headers_of(response) == {**JSON_REFUSAL, "www-authenticate": challenge}
    assert response.headers["content-length"] == str(len(response.content))


async def test_a_bad_token_401_invalid_token_description_last(server: FakeAs) -> None:
    response = await get(app_of(server), token="bad")
    assert response.status_code == 401
    challenge = (
        f'Bearer error="invalid_token", scope="files:read", resource_metadata="{METADATA_URL}", '
        'error_description="The access token is expired or revoked"'
    )
    assert headers_of(response) == {**JSON_REFUSAL, "www-authenticate": challenge}
    assert response.json()["error"] == "invalid_token"


async def test_a_token_for_another_server_401_and_a_poor_one_403_with_every_scope(server: FakeAs) -> None:
    server.grant("theirs", aud="https://elsewhere.example.com/mcp")
    server.grant("poor", scope="other")
    app = app_of(server, required_scopes=["files:read", "files:list"])
    assert (await get(app, token="theirs")).status_code == 401
    response = await get(app, token="poor")
    assert response.status_code == 403
    start = 'Bearer error="insufficient_scope", scope="files:read files:list", '
    assert response.headers["www-authenticate"].startswith(start)


async def test_two_credentials_400_and_the_handler_is_not_called(server: FakeAs) -> None:
    server.grant("good")
    async with client_of(app_of(server)) as client:
        two = [("authorization", "Bearer good"), ("authorization", "Bearer good")]
        response = await client.get("/who", headers=two)
        assert response.status_code == 400
        assert response.headers["www-authenticate"].startswith('Bearer error="invalid_request"')
        assert (await client.get("/who", headers=two[:1])).status_code == 200


async def test_an_outage_503_and_retry_after_no_challenge_and_a_known_token_goes_on(server: FakeAs) -> None:
    server.grant("known")
    app = app_of(server)
    assert (await get(app, token="known")).status_code == 200
    server.stop()
    response = await get(app, token="new")
    assert response.status_code == 503
    assert headers_of(response) == {**JSON_REFUSAL, "retry-after": "5"}
    assert (await get(app, token="known")).status_code == 200


async def test_every_kind_of_trouble_is_503_and_never_lets_in(server: FakeAs) -> None:
    server.grant("good")
    app = app_of(server, timeout=0.3)
    assert (await get(app, token="good")).status_code == 200
    troubles: dict[str, Any] = {
        "500": lambda handler, _: send(handler, 500, {"active": True}),
        "429": lambda handler, _: send(handler, 429, {"active": True}),
        "403": lambda handler, _: send(handler, 403, {"active": True}),
        "a redirect": lambda handler, _: send(handler, 302, b"", location="/introspect"),
        "no JSON": lambda handler, _: send(handler, 200, b"<html>"),
        "a list": lambda handler, _: send(handler, 200, [True]),
        "active is a text": lambda handler, _: send(handler, 200, {"active": "true"}),
        "an endless answer": lambda handler, _: send(handler, 200, b'{"active":true,"x":"' + b"x" * 2000000 + b'"}'),
        "silence": lambda handler, _: __import__("time").sleep(1),
        "a cut": lambda handler, _: handler.connection.close(),
    }
    for name, misbehave in troubles.items():
        server.misbehave = misbehave
        response = await get(app_of(server, timeout=0.3), token="good")
        assert response.status_code == 503, name
        assert response.headers["retry-after"].isdigit()
        assert "www-authenticate" not in response.headers
    assert (await get(app, token="good")).status_code == 200


async def test_our_key_refused_is_our_trouble_503(server: FakeAs) -> None:
    server.grant("good")
    app = app_of(server, api_key="sk_wrong", resource=RESOURCE)
    response = await get(app, token="good")
    assert response.status_code == 503
    assert "www-authenticate" not in response.headers
    assert (await get(app_of(server, resource=RESOURCE), token="good")).status_code == 200


async def test_head_is_refused_without_a_body(server: FakeAs) -> None:
    server.grant("good")
    app = Starlette(routes=[Route("/", lambda _request: PlainTextResponse("x"))])
    app.add_middleware(AuthAgentMiddleware, **server.options())
    async with client_of(app) as client:
        refused = await client.head("/")
        assert (refused.status_code, refused.content) == (401, b"")
        assert refused.headers["www-authenticate"].startswith("Bearer ")
        assert "content-length" not in refused.headers
        assert (await client.head("/", headers=bearer("good"))).status_code == 200


async def test_middleware_outside_adds_its_headers_to_refusals(server: FakeAs) -> None:
    app = app_of(server)
    app.add_middleware(
        CORSMiddleware, allow_origins=["https://app.example.com"], allow_credentials=True, expose_headers=["X-Own"]
    )
    response = await get(app, origin="https://app.example.com")
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer ")
    assert response.headers["access-control-allow-origin"] == "https://app.example.com"


async def test_a_browser_can_read_the_challenge(server: FakeAs) -> None:
    response = await get(app_of(server), origin="https://app.example.com")
    assert response.headers["access-control-allow-origin"] == "*"
    assert "www-authenticate" in response.headers["access-control-expose-headers"].lower()


# ---- what is let through ------------------------------------------------------------------------------------------


async def test_a_cors_preflight_passes_to_the_app_and_another_options_does_not(server: FakeAs) -> None:
    app = app_of(server)
    app.options("/{path:path}")(lambda path: None)
    preflight = {"origin": "https://app.example.com", "access-control-request-method": "PUT"}
    async with client_of(app) as client:
        assert (await client.options("/x", headers=preflight)).status_code == 200
        assert (await client.options("/x")).status_code == 401
        assert (await client.get("/who", headers=preflight)).status_code == 401


async def test_the_rfc_9728_document_is_served_at_both_forms_for_get_head_and_browsers(server: FakeAs) -> None:
    app = app_of(server, resource_name="My files")
    root = "/.well-known/oauth-protected-resource"
    for path in (root, f"{root}/mcp"):
        response = await get(app, path, host="evil.example.com", **{"x-forwarded-host": "evil.example.com"})
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.json() == {
            "resource": RESOURCE,
            "authorization_servers": [server.issuer],
            "scopes_supported": ["files:read"],
            "bearer_methods_supported": ["header"],
            "resource_name": "My files",
        }
        async with client_of(app) as client:
            assert (await client.head(path)).status_code == 200
            preflight = {"origin": "https://a.example", "access-control-request-method": "GET"}
            assert (await client.options(path, headers=preflight)).headers["access-control-allow-origin"] == "*"
            assert (await client.post(path)).status_code == 405
    assert (await get(app, f"{root}/other")).status_code == 401


async def test_a_token_in_the_query_string_is_no_token(server: FakeAs) -> None:
    server.grant("good")
    app = app_of(server)
    assert (await get(app, "/who?access_token=good")).status_code == 401
    async with client_of(app) as client:
        assert (await client.post("/who", data={"access_token": "good"})).status_code == 401
    assert (await get(app, token="good")).status_code == 200


# ---- paths --------------------------------------------------------------------------------------------------------


def with_public_path(server: FakeAs, path: str = "/health") -> FastAPI:
    app = app_of(server, public_paths=[path])

    @app.get("/health")
    async def health(request: Request) -> str:
        return f"{request.state.user} {request.state.user_email} {request.user.is_authenticated}"

    app.get("/{rest:path}")(lambda rest: "secret")
    return app


async def test_public_paths_are_exact_on_the_path_that_the_router_matched(server: FakeAs) -> None:
    app = with_public_path(server)
    assert (await get(app, "/health")).json() == "None None False"
    assert (await get(app, "/health?x=1")).status_code == 200
    traps = [
        "/health/",
        "//health",
        "/health//",
        "/health%2F",
        "/health/..%2Fsecret",
        "/%2Fhealth",
        "/HEALTH",
        "/health;x",
        "/health%00",
        "/x/health",
        "/health%3F",
        "/secret?/health",
        "/secret#/health",
    ]
    for trap in traps:
        assert (await get(app, trap)).status_code == 401, trap
    assert (await get(app, "/secret", host="localhost/health")).status_code == 401
    for name in ("x-forwarded-prefix", "x-original-url", "x-rewrite-url", "x-forwarded-path"):
        assert (await get(app, "/secret", **{name: "/health"})).status_code == 401, name


async def test_a_path_that_decodes_to_the_public_one_is_the_public_one_for_the_router_too(server: FakeAs) -> None:
    assert (await get(with_public_path(server), "/%68ealth")).json() == "None None False"


async def test_behind_a_root_path_the_router_and_the_guard_see_the_same_rest(server: FakeAs) -> None:
    app = with_public_path(server)

    async def prefixed(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": "/api", "path": "/api" + scope["path"]}, receive, send)

    assert (await get(prefixed, "/health")).json() == "None None False"
    assert (await get(prefixed, "/secret")).status_code == 401
    assert (await get(prefixed, "/api/health")).status_code == 401
    table = [
        ("/hea", "/health", 200),
        ("/health", "/health", 401),
        ("/x", "/xhealth", 401),
        ("/health/", "/health", 200),
    ]
    for root, path, status in table:
        scope = {"type": "http", "method": "GET", "root_path": root, "path": path, "headers": [], "query_string": b""}
        statuses: list[int] = []

        async def note(message: Any, statuses: list[int] = statuses) -> None:
            statuses.extend([message["status"]] if "status" in message else [])

        await app(scope, lambda: asyncio.sleep(0, {"type": "http.request"}), note)
        assert statuses == [status], (root, path)


async def test_a_mounted_app_with_the_middleware_has_paths_of_its_own(server: FakeAs) -> None:
    server.grant("good")
    outer = Starlette(routes=[Mount("/inner", with_public_path(server)), Route("/health", lambda _: Response("outer"))])
    assert (await get(outer, "/inner/health")).json() == "None None False"
    assert (await get(outer, "/inner/secret")).status_code == 401
    assert (await get(outer, "/inner/who", "good")).json() == {"email": "ada@example.com"}
    assert (await get(outer, "/health")).text == "outer"


async def test_an_app_mounted_behind_the_middleware_is_guarded_by_its_whole_path(server: FakeAs) -> None:
    server.grant("good")
    inner = FastAPI()
    inner.get("/health")(lambda request: "inner")  # type: ignore[misc]
    inner.get("/who")(lambda: "inner")
    app = app_of(server, public_paths=["/health"])
    app.mount("/inner", inner)
    assert (await get(app, "/inner/health")).status_code == 401
    assert (await get(app, "/inner/who")).status_code == 401
    assert (await get(app, "/inner/who", "good")).json() == "inner"


# ---- manners ------------------------------------------------------------------------------------------------------


class Mine(Exception):
    pass


async def test_the_handlers_exception_reaches_the_app_and_the_server_as_it_is(server: FakeAs) -> None:
    server.grant("good")
    thrown = Mine("mine")
    app = app_of(server)

    @app.get("/throws")
    async def throws() -> None:
        raise thrown

    with pytest.raises(Mine) as caught:
        await get(app, "/throws", "good")
    assert caught.value is thrown

    @app.exception_handler(Mine)
    async def handle(_request: Request, error: Exception) -> Response:
        assert error is thrown
        return PlainTextResponse("handled", 418)

    app.middleware_stack = None
    assert (await get(app, "/throws", "good")).status_code == 418


async def test_an_http_exception_of_the_app_is_the_apps_also_when_it_is_a_403(server: FakeAs) -> None:
    server.grant("good")
    app = app_of(server)

    @app.get("/own")
    async def own() -> None:
        raise HTTPException(403, "mine", {"x-own": "1"})

    response = await get(app, "/own", "good")
    assert (response.status_code, response.json(), response.headers["x-own"]) == (403, {"detail": "mine"}, "1")


async def test_a_response_streams_the_first_part_is_there_before_the_last_is_sent(server: FakeAs) -> None:
    server.grant("good")
    gate = asyncio.Event()
    app = app_of(server)

    @app.get("/stream")
    async def stream() -> Response:
        async def parts() -> AsyncIterator[str]:
            yield "first"
            await gate.wait()
            yield "last"

        return StreamingResponse(parts())

    bodies: asyncio.Queue[bytes] = asyncio.Queue()

    async def note(message: Any) -> None:
        if message["type"] == "http.response.body":
            bodies.put_nowait(message["body"])

    async def silent() -> Any:
        await asyncio.Event().wait()

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/stream",
        "headers": [(b"authorization", b"Bearer good")],
        "query_string": b"",
    }
    task = asyncio.create_task(app(scope, silent, note))
    assert await asyncio.wait_for(bodies.get(), 5) == b"first"
    gate.set()
    assert await asyncio.wait_for(bodies.get(), 5) == b"last"
    await asyncio.wait_for(task, 5)


async def test_context_variables_of_middleware_outside_reach_the_handler_and_come_back(server: FakeAs) -> None:
    server.grant("good")
    variable = contextvars.ContextVar("variable", default="none")
    after: list[str] = []
    inner = app_of(server)

    @inner.get("/context")
    async def context() -> str:
        seen = variable.get()
        variable.set("handler")
        return seen

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        variable.set("outer")
        await inner(scope, receive, send)
        after.append(variable.get())

    assert (await get(outer, "/context", "good")).json() == "outer"
    assert after == ["handler"]


async def test_100_parallel_requests_with_one_new_token_make_one_introspection(server: FakeAs) -> None:
    server.grant("good")
    server.delay_s = 0.05
    async with client_of(app_of(server)) as client:
        responses = await asyncio.gather(*(client.get("/who", headers=bearer("good")) for _ in range(100)))
    assert {response.status_code for response in responses} == {200}
    assert server.introspections == 1


async def test_lifespan_and_every_other_kind_of_scope_pass_through(server: FakeAs) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, receive, send))

    guarded = AuthAgentMiddleware(app, **server.options())
    for kind in ("lifespan", "something.new"):
        scope, receive, send = {"type": kind}, object(), object()
        await guarded(scope, receive, send)  # type: ignore[arg-type]
        assert seen.pop() == (scope, receive, send)


async def test_the_apps_own_lifespan_state_stays_beside_the_user(server: FakeAs) -> None:
    server.grant("good")
    app = Starlette(routes=[Route("/", lambda r: JSONResponse([r.state.pool, r.state.user.email]))])
    app.add_middleware(AuthAgentMiddleware, **server.options())

    async def with_state(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": {"pool": "mine"}}, receive, send)

    assert (await get(with_state, "/", "good")).json() == ["mine", "ada@example.com"]


# ---- construction -------------------------------------------------------------------------------------------------


async def test_a_wrong_option_raises_when_the_middleware_is_made_and_says_which(
    server: FakeAs, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("called")

    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"cache_ttl": -1}, "OPTION_INVALID", "cache_ttl"),
        ({"server_id": None}, "OPTION_MISSING", "server_id"),
        ({"sever_id": "x"}, "OPTION_UNKNOWN", "server_id"),
    ]
    for wrong, code, name in cases:
        with caplog.at_level(logging.ERROR, "auth_agent_mcp"), pytest.raises(AuthAgentError, match=name) as caught:
            AuthAgentMiddleware(app, **server.options(**wrong))
        assert (caught.value.code, caught.value.status) == (code, 500)
        assert name in caplog.text
        caplog.clear()
    AuthAgentMiddleware(app, **server.options())


async def test_a_secret_is_in_no_error_and_no_log(server: FakeAs, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AuthAgentError) as caught:
        AuthAgentMiddleware(FastAPI(), **server.options(api_key="sk_verysecret", cache_ttl=-1))
    assert "verysecret" not in caplog.text + repr(caught.value) + json.dumps(caught.value.args)
