"""A FastAPI dependency. No `from __future__ import annotations` here: FastAPI reads the parameters' types from the instance."""

import os

from fastapi.openapi.models import OpenIdConnect
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from ._middleware import require_scopes
from ._user import User

_AUTH_SERVER = "http://localhost:8788"


class AuthAgent(SecurityBase):
    """The user of a route, who needs the scopes it names. It asks nobody: the middleware has done that.

    /docs shows a lock and the scopes; its "Authorize" asks the authorization server's own metadata, at ``auth_server`` (default: as for the
    middleware, ``AUTH_AGENT_AUTH_SERVER`` or ``http://localhost:8788``).

    >>> auth = AuthAgent()
    >>> @app.put("/files/{name}")
    ... async def save(name: str, user: Annotated[User, Security(auth, scopes=["files:write"])]): ...
    """

    def __init__(
        self, *, auth_server: str | None = None, scheme_name: str | None = None, description: str | None = None
    ) -> None:
        issuer = (auth_server or os.environ.get("AUTH_AGENT_AUTH_SERVER") or _AUTH_SERVER).rstrip("/")
        self.model = OpenIdConnect(
            openIdConnectUrl=f"{issuer}/.well-known/openid-configuration", description=description
        )
        self.scheme_name = scheme_name or "AuthAgent"

    async def __call__(self, connection: HTTPConnection, scopes: SecurityScopes) -> User:
        return require_scopes(connection, *scopes.scopes)


auth = AuthAgent()
"""An AuthAgent with nothing preset, for ``Security(auth, scopes=[…])``."""
