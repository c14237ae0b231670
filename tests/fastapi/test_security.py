"""Demands of single routes: Security(auth, scopes=[…]) and require_scopes()."""

from __future__ import annotations

import pathlib
import re
from typing import Annotated, Any

import auth_agent_mcp
import pytest
from apps import app_of, bearer, client_of, get
from auth_agent_mcp import AuthAgent, AuthAgentError, AuthAgentMiddleware, Refused, User, auth, require_scopes
from fake_as import METADATA_URL, FakeAs
from fastapi import Depends, FastAPI, HTTPException, Request, Security
from fastapi.security import SecurityScopes
from starlette.applications import Starlette
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

CHALLENGE = (
    f'Bearer error="insufficient_scope", scope="files:read files:write", resource_metadata="{METADATA_URL}", '
    'error_description="More scopes are required"'
)
Writer = Annotated[User, Security(auth, scopes=["files:write"])]
Anybody = Annotated[User, Security(auth)]


def reader(user: Annotated[User, Security(auth, scopes=["files:list"])]) -> User:
    return user


@pytest.fixture
def app(server: FakeAs) -> FastAPI:
    server.grant("reader")
    server.grant("writer", scope="files:read files:write")
    app = app_of(server, public_paths=["/open"])

    @app.put("/files")
    async def save(user: Writer) -> str | None:
        return user.email

    @app.get("/me")
    async def me(user: Anybody) -> str | None:
        return user.id

    @app.get("/open")
    async def open_to_all_but(user: Anybody) -> str | None:
        return user.id

    return app


async def put(app: Any, token: str | None, path: str = "/files") -> Any:
    async with client_of(app) as client:
        return await client.put(path, headers=bearer(token) if token else {})


async def test_a_route_has_its_user_and_its_demands_without_a_second_call(server: FakeAs, app: FastAPI) -> None:
    response = await put(app, "writer")
    assert (response.status_code, response.json()) == (200, "ada@example.com")
    assert (await get(app, "/me", "reader")).json() == "usr_0001"
    assert server.introspections == 2


async def test_a_missing_scope_is_403_with_the_cores_whole_answer(app: FastAPI) -> None:
    response = await put(app, "reader")
    assert response.status_code == 403
    assert response.headers["www-authenticate"] == CHALLENGE
    assert response.headers["cache-control"] == "no-store"
    assert response.content == (
        b'{"error":"insufficient_scope","error_description":"More scopes are required",'
        b'"scope":"files:read files:write"}'
    )


async def test_on_a_public_path_a_dependency_refuses_whoever_is_unknown(app: FastAPI) -> None:
    response = await get(app, "/open")
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer scope=")


async def test_no_exception_handler_of_the_app_loses_the_challenge(app: FastAPI) -> None:
    @app.exception_handler(StarletteHTTPException)
    @app.exception_handler(403)
    @app.exception_handler(Exception)
    async def forgetful(_request: Request, error: Exception) -> Response:
        return JSONResponse({"oops": str(error)}, 403)

    response = await put(app, "reader")
    assert response.headers["www-authenticate"] == CHALLENGE
    assert response.json()["error"] == "insufficient_scope"


async def test_an_app_that_makes_something_else_of_a_refusal_has_its_way(app: FastAPI) -> None:
    @app.exception_handler(Refused)
    async def hide(_request: Request, error: Refused) -> Response:
        assert (error.code, error.status) == ("SCOPE_INSUFFICIENT", 403)
        return PlainTextResponse("nothing here", 404)

    response = await put(app, "reader")
    assert (response.status_code, response.text) == (404, "nothing here")
    assert "www-authenticate" not in response.headers


async def test_a_refusal_that_a_handler_caught_is_forgotten(server: FakeAs, app: FastAPI) -> None:
    @app.get("/either")
    async def either(request: Request) -> str:
        try:
            require_scopes(request, "files:write")
        except Refused:
            return "read only"
        return "all"

    assert (await get(app, "/either", "reader")).json() == "read only"
    assert (await get(app, "/either", "writer")).json() == "all"


async def test_scopes_of_nested_dependencies_add_up(server: FakeAs, app: FastAPI) -> None:
    @app.get("/nested")
    async def nested(user: Annotated[User, Security(reader, scopes=["files:write"])]) -> str | None:
        return user.id

    @app.get("/plain")
    async def plain(user: Annotated[User, Depends(auth)]) -> str | None:
        return user.id

    server.grant("lister", scope="files:read files:list files:write")
    assert (await get(app, "/nested", "lister")).json() == "usr_0001"
    assert (await get(app, "/nested", "writer")).status_code == 403
    assert (await get(app, "/plain", "reader")).json() == "usr_0001"


async def test_a_mounted_app_refuses_as_well_as_its_parent(app: FastAPI) -> None:
    inner = FastAPI()

    @inner.put("/files")
    async def save(user: Writer) -> None:
        pass

    app.mount("/inner", inner)
    response = await put(app, "reader", "/inner/files")
    assert response.headers["www-authenticate"] == CHALLENGE
    assert (await put(app, "writer", "/inner/files")).status_code == 200


async def test_starlette_alone_has_require_scopes(server: FakeAs) -> None:
    server.grant("reader")
    server.grant("writer", scope="files:read a b")

    async def handler(request: Request) -> Response:
        require_scopes(request, *request.path_params["scopes"].split("+"))
        return PlainTextResponse("ok")

    app = Starlette(routes=[Mount("/x", routes=[Route("/{scopes}", handler)])])
    app.add_middleware(AuthAgentMiddleware, **server.options())
    for path in ("/x/a+b", "/x/a%20b", "/x/b"):
        assert (await get(app, path, "writer")).text == "ok"
        refused = await get(app, path, "reader")
        assert refused.status_code == 403
        assert refused.json()["error"] == "insufficient_scope"


async def test_an_app_without_handlers_of_exceptions_is_answered_for_by_the_middleware(server: FakeAs) -> None:
    server.grant("reader")

    async def bare(scope: Any, receive: Any, send: Any) -> None:
        require_scopes(Request(scope), "files:write")

    response = await put(AuthAgentMiddleware(bare, **server.options()), "reader")
    assert response.status_code == 403
    assert response.headers["www-authenticate"] == CHALLENGE


async def test_a_scope_that_is_none_is_the_apps_mistake_not_the_callers(app: FastAPI) -> None:
    @app.get("/wrong")
    async def wrong(request: Request) -> None:
        require_scopes(request, 'files:"write"')

    with pytest.raises(AuthAgentError) as caught:
        await get(app, "/wrong", "reader")
    assert caught.value.code == "OPTION_INVALID"


async def test_without_the_middleware_nobody_gets_in(server: FakeAs) -> None:
    app = FastAPI()

    @app.put("/files")
    async def save(user: Writer) -> None:
        pass

    with pytest.raises(AuthAgentError, match="AuthAgentMiddleware") as caught:
        await put(app, "writer")
    assert caught.value.code == "MIDDLEWARE_MISSING"


async def test_an_http_exception_of_the_route_itself_is_not_replaced(app: FastAPI) -> None:
    @app.get("/own")
    async def own(user: Anybody) -> None:
        raise HTTPException(403, "mine")

    assert (await get(app, "/own", "reader")).json() == {"detail": "mine"}


async def test_docs_show_a_lock_and_the_scopes(app: FastAPI) -> None:
    document = app.openapi()
    scheme = document["components"]["securitySchemes"]["AuthAgent"]
    assert scheme["type"] == "openIdConnect"
    assert scheme["openIdConnectUrl"] == "http://localhost:8788/.well-known/openid-configuration"
    assert document["paths"]["/files"]["put"]["security"] == [{"AuthAgent": ["files:write"]}]
    assert document["paths"]["/me"]["get"]["security"] == [{"AuthAgent": []}]
    assert "security" not in document["paths"]["/who"]["get"]


def test_the_authorization_server_of_the_docs_is_the_one_of_the_middleware(monkeypatch: pytest.MonkeyPatch) -> None:
    def url(**options: str) -> str:
        return AuthAgent(**options).model.openIdConnectUrl

    assert url(auth_server="https://a.example/") == "https://a.example/.well-known/openid-configuration"
    monkeypatch.setenv("AUTH_AGENT_AUTH_SERVER", "https://b.example")
    assert url() == "https://b.example/.well-known/openid-configuration"
    assert AuthAgent(scheme_name="Mine", description="mine").scheme_name == "Mine"


def test_the_default_authorization_server_is_the_cores() -> None:
    source = (pathlib.Path(__file__).parents[2] / "core/src/verify/options.c").read_text()
    default = re.search(r'"auth_server", URL, AT\(auth_server\), "([^"]+)"', source)
    assert default
    assert default.group(1) == auth_agent_mcp._security._AUTH_SERVER


async def test_the_dependency_can_be_called_by_hand(server: FakeAs, app: FastAPI) -> None:
    seen: list[User] = []

    @app.get("/by-hand")
    async def by_hand(request: Request) -> None:
        seen.append(await auth(request, SecurityScopes(["files:read"])))

    await get(app, "/by-hand", "reader")
    assert seen[0].email == "ada@example.com"
