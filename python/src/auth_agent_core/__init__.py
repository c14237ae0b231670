"""The guard of Auth-Agent MCP: OAuth 2.1 token checks for MCP servers.

Applications on FastAPI or Starlette use ``auth_agent_mcp``; this package is what other frameworks build on.
"""

from ._core import PASS, Answer, Pass, Principal
from ._core import version as __version__
from ._error import GuardError
from ._guard import Guard
from ._options import GuardOptions
from ._types import Stats, Verdict

__all__ = [
    "PASS",
    "Answer",
    "Guard",
    "GuardError",
    "GuardOptions",
    "Pass",
    "Principal",
    "Stats",
    "Verdict",
    "__version__",
]
