"""Who is asking."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

from auth_agent_core import Principal
from starlette.authentication import AuthCredentials, BaseUser, UnauthenticatedUser


@dataclasses.dataclass(frozen=True)
class User(BaseUser):
    """Who is asking: ``request.state.user``. One object for all requests of the same token.

    >>> @app.get("/me")
    ... async def me(request: Request):
    ...     return {"id": request.state.user.id, "email": request.state.user.email}
    """

    id: str | None
    """``sub``, the authorization server's name of this person; None when it gives none."""
    email: str | None
    name: str | None
    scopes: tuple[str, ...]
    client_id: str | None
    """The OAuth client that acts for this person."""
    resource: str | None
    """This server's own identifier, which the token was issued for."""
    expires_at: int | None
    """Seconds since 1970; None when unknown."""
    claims: Mapping[str, object] = dataclasses.field(hash=False, repr=False)
    """Everything the authorization server said (RFC 7662 §2.2), or the claims of the token. Read-only."""

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        return self.name or self.email or self.id or ""

    @property
    def identity(self) -> str:
        return self.id or ""


class Credentials(AuthCredentials):
    """Starlette's ``request.auth``, for all requests of a token, so nothing of it can be changed."""

    __slots__ = ("_scopes",)

    def __init__(self, scopes: tuple[str, ...] = ()) -> None:
        self._scopes = scopes

    @property
    def scopes(self) -> tuple[str, ...]:  # type: ignore[override]
        return self._scopes


class Introduction:
    """What an app is told of a request, in each of the ways in which it may look."""

    __slots__ = ("credentials", "state", "user")

    def __init__(self, user: User | None) -> None:
        self.user: BaseUser = user or UnauthenticatedUser()
        self.credentials = Credentials(user.scopes if user else ())
        self.state = {
            "user": user,
            # Older spellings.
            "user_email": user and user.email,
            "scopes": self.credentials.scopes,
            "client_id": user and user.client_id,
            "audience": user and user.resource,
        }


NOBODY = Introduction(None)
"""On a public path nobody is known."""


@functools.lru_cache(maxsize=1024)
def to_user(principal: Principal) -> User:
    """The user behind a principal. A principal is one object for all requests of its token, and so is its user."""
    return User(
        id=principal.id,
        email=principal.email,
        name=principal.name,
        scopes=principal.scopes,
        client_id=principal.client_id,
        resource=principal.resource,
        expires_at=principal.expires_at,
        claims=principal.claims,
    )


@functools.lru_cache(maxsize=1024)
def introduction_of(principal: Principal) -> Introduction:
    return Introduction(to_user(principal))
