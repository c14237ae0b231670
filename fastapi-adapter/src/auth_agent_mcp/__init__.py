"""OAuth 2.1 for MCP servers on FastAPI and Starlette, in three lines.

>>> from auth_agent_mcp import AuthAgentMiddleware
>>> app.add_middleware(AuthAgentMiddleware, server_id="srv_…", api_key="sk_…", required_scopes=["files:read"])
>>> # in a handler: request.state.user.email
"""

from typing import TYPE_CHECKING

import auth_agent_core

from ._error import AuthAgentError, Refused
from ._middleware import AuthAgentMiddleware, require_scopes
from ._user import User

if TYPE_CHECKING:
    from ._security import AuthAgent, auth

__version__ = "0.1.0"

__all__ = ["AuthAgent", "AuthAgentError", "AuthAgentMiddleware", "Refused", "User", "auth", "require_scopes"]

if auth_agent_core.__version__ != __version__:
    raise ImportError(
        f"auth-agent-mcp {__version__} needs auth-agent-mcp-core {__version__}, "
        f"but {auth_agent_core.__version__} is installed; pip install auth-agent-mcp-core=={__version__}"
    )


def __getattr__(name: str) -> object:
    """The FastAPI dependency is there for those who have FastAPI; the middleware needs Starlette alone."""
    if name in ("AuthAgent", "auth"):
        from . import _security

        return getattr(_security, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
