"""Never run: mypy reads it, and finds what it says of both packages to be so."""

from __future__ import annotations

from typing import Annotated

from auth_agent_core import PASS, Answer, Guard, GuardError, GuardOptions, Pass, Principal, Stats, Verdict
from auth_agent_mcp import AuthAgent, AuthAgentError, AuthAgentMiddleware, Refused, User, auth, require_scopes
from auth_agent_mcp.mcp import AccessTokenMiddleware, TokenVerifier
from fastapi import FastAPI, Request, Security
from mcp.server.auth.provider import TokenVerifier as SdkTokenVerifier
from typing_extensions import assert_never, assert_type


async def the_guard() -> None:
    options: GuardOptions = {"server_id": "srv_…", "tools": {"write_file": ["files:write"]}, "cache_ttl": 0.5}
    guard = Guard(**options)
    Guard(sever_id="srv_…")  # type: ignore[call-arg]
    Guard(cache_ttl="60")  # type: ignore[arg-type]
    assert_type(guard.check("GET", "/"), Verdict | None)
    verdict = guard.check("GET", "/", b"Bearer x", body="{}") or await guard.authorize("GET", "/")
    assert_type(verdict, Verdict)
    if verdict.kind == "principal":
        assert_type(verdict, Principal)
        assert_type(verdict.scopes, tuple[str, ...])
        assert_type(guard.check_scopes(verdict, "files:write"), Principal | Answer)
        verdict.email = "eve@example.com"  # type: ignore[misc]
    elif verdict.kind == "answer":
        assert_type(verdict, Answer)
        assert_type(verdict.headers, tuple[tuple[bytes, bytes], ...])
    elif verdict.kind == "pass":
        assert_type(verdict, Pass)
    else:
        assert_never(verdict)
    guard.check("GET")  # type: ignore[call-arg]
    guard.check("GET", "/", None, None, None, "text/plain")  # type: ignore[call-arg]
    assert_type(guard.stats(), Stats)
    assert_type(PASS, Pass)
    assert_type(GuardError("CLOSED", "closed").code, str)


def the_adapter(request: Request) -> None:
    app = FastAPI()
    app.add_middleware(AuthAgentMiddleware, server_id="srv_…", api_key="sk_…", required_scopes=["files:read"])
    app.add_middleware(AuthAgentMiddleware)

    @app.put("/files")
    async def save(user: Annotated[User, Security(auth, scopes=["files:write"])]) -> str | None:
        user.email = "eve@example.com"  # type: ignore[misc]
        return user.email

    assert_type(require_scopes(request, "files:write", "files:list"), User)
    assert_type(auth, AuthAgent)
    assert_type(AuthAgentError("OPTION_INVALID", "x").status, int)
    verifier: SdkTokenVerifier = TokenVerifier(server_id="srv_…")
    AccessTokenMiddleware(app)
    try:
        require_scopes(request)
    except Refused as refused:
        assert_type(refused.answer, Answer)
    del verifier
