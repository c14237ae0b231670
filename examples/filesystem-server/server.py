"""Serves the files of one folder: `python examples/filesystem-server/server.py --port 8001`."""

from __future__ import annotations

import argparse
import os
import pathlib
import socket

import uvicorn
from filesystem_server.app import make_app
from filesystem_server.files import FileStore

GRACE_S = 5  # requests under way are finished; whatever is left then, open streams among it, is closed


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8001")), help="0 takes a free one")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(os.environ.get("FILES_ROOT", "files")))
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    app = make_app(FileStore.open(arguments.root))
    listening = socket.create_server((arguments.host, arguments.port))
    port = listening.getsockname()[1]
    print(f"files at http://localhost:{port}/api/files, MCP at http://localhost:{port}/mcp", flush=True)
    config = uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=GRACE_S)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
