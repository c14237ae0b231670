"""The MCP side: the same files as three tools, for clients of the initialize era and of 2026-07-28."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from .files import FileError, FileStore

READS = ToolAnnotations(read_only_hint=True)
WRITES = ToolAnnotations(destructive_hint=True, idempotent_hint=True)
Path = Annotated[str, Field(description="path below the root")]
Folder = Annotated[str, Field(description="folder below the root; the root itself by default")]


@contextlib.contextmanager
def telling() -> Iterator[None]:
    """A mistake of the caller is a tool's result, so that the model can read it; everything else is an error of ours."""
    try:
        yield
    except FileError as error:
        raise ToolError(str(error)) from None


def make_mcp(files: FileStore) -> MCPServer:
    mcp = MCPServer("filesystem-server", version="0.1.0", log_level="WARNING")

    @mcp.tool(annotations=READS, structured_output=False)
    def list_files(path: Folder = "") -> str:
        """List the names in a folder; folders end with a slash."""
        with telling():
            return "\n".join(files.list(path))

    @mcp.tool(annotations=READS, structured_output=False)
    def read_file(path: Path) -> str:
        """Read a text file."""
        with telling():
            return files.read(path)

    @mcp.tool(annotations=WRITES, structured_output=False)
    def write_file(path: Path, content: str) -> str:
        """Write a text file, replacing what it held. Needs the scope files:write."""
        with telling():
            return f"wrote {files.write(path, content)} bytes to {path}"

    return mcp
