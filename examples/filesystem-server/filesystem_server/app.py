"""The whole of the example: one middleware, one scope for reading, one more for writing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

from auth_agent_mcp import AuthAgentMiddleware, User, auth
from auth_agent_mcp.mcp import AccessTokenMiddleware
from fastapi import FastAPI, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.middleware.cors import CORSMiddleware

from .files import SIZE_MAX, FileError, FileStore
from .local_only import LocalOnlyMiddleware
from .mcp import make_mcp

Writer = Annotated[User, Security(auth, scopes=["files:write"])]


async def read_body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > SIZE_MAX:
            raise FileError(413, "that is too much to write")
    return body


def make_app(files: FileStore, **options: Any) -> FastAPI:
    mcp = make_mcp(files)
    mcp_app = mcp.streamable_http_app(stateless_http=True, json_response=True)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with mcp.session_manager.run():
            yield

    app = FastAPI(title="Files", lifespan=lifespan)

    # Server id, key and authorization server come from AUTH_AGENT_SERVER_ID, AUTH_AGENT_API_KEY and AUTH_AGENT_AUTH_SERVER.
    app.add_middleware(
        AuthAgentMiddleware, **{"required_scopes": ["files:read"], "tools": {"write_file": ["files:write"]}, **options}
    )
    # What is added later stands outside.
    app.add_middleware(
        CORSMiddleware,
        allow_origin_regex=".*",
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["WWW-Authenticate", "MCP-Protocol-Version"],
    )
    app.add_middleware(LocalOnlyMiddleware)

    @app.get("/api/files")
    def list_files(request: Request) -> dict[str, Any]:
        return {"files": files.list(), "user": request.state.user.email}

    @app.get("/api/files/{path:path}", response_class=PlainTextResponse)
    def read_file(path: str) -> str:
        return files.read(path)

    @app.put("/api/files/{path:path}")
    async def write_file(path: str, request: Request, _user: Writer) -> dict[str, Any]:
        content = await read_body(request)
        return {"path": path, "bytes": await run_in_threadpool(files.write, path, content)}

    @app.exception_handler(FileError)
    async def tell(_request: Request, error: FileError) -> Response:
        return JSONResponse({"error": str(error)}, error.status)

    app.mount("/", AccessTokenMiddleware(mcp_app))
    return app
