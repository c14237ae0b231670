"""A FastAPI dependency. No `from __future__ import annotations` here: FastAPI reads the parameters' types from the instance."""

import os

from fastapi.security import OpenIdConnect, SecurityScopes
from starlette.requests import HTTPConnection

from ._middleware import require_scopes
from ._user import User

_AUTH_SERVER = "http://localhost:8788"


class AuthAgent(OpenIdConnect):
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
        url = f"{issuer}/.well-known/openid-configuration"
        super().__init__(openIdConnectUrl=url, scheme_name=scheme_name or "AuthAgent", description=description)

    async def __call__(self, connection: HTTPConnection, scopes: SecurityScopes) -> User:  # type: ignore[override]
        return require_scopes(connection, *scopes.scopes)


auth = AuthAgent()
"""An AuthAgent with nothing preset, for ``Security(auth, scopes=[…])``."""
