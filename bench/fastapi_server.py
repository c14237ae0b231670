"""The app that bench/fastapi_overhead.py puts under load: `bare` or `protected`. Prints its port."""

from __future__ import annotations

import os
import pathlib
import socket
import sys

import uvicorn
from auth_agent_mcp import AuthAgentMiddleware
from fastapi import FastAPI

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests" / "support"))

from fake_as import API_KEY, SERVER_ID


def make_app(kind: str) -> FastAPI:
    app = FastAPI()
    if kind == "protected":
        issuer = os.environ["AUTH_AGENT_OPTIONS_ISSUER"]
        app.add_middleware(
            AuthAgentMiddleware,
            server_id=SERVER_ID,
            api_key=API_KEY,
            auth_server=issuer,
            required_scopes=["files:read"],
        )

    @app.get("/api/files")
    async def files() -> dict[str, list[str]]:
        return {"files": ["hello.txt", "notes.txt"]}

    return app


def main() -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(
        make_app(sys.argv[1]), log_level="warning", access_log=False, loop="uvloop", http="httptools"
    )
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
