from collections.abc import Mapping
from typing import Final, Literal, final

from typing_extensions import Self, disjoint_base

from ._types import Stats, Verdict

PASS: Final[Pass]
version: Final[str]

@final
class Principal:
    """Who a token speaks for. The same object for every request of that token until it is asked about again."""

    @property
    def kind(self) -> Literal["principal"]: ...
    @property
    def id(self) -> str | None:
        """`sub`; None when the authorization server names none"""
    @property
    def email(self) -> str | None:
        """None when unknown"""
    @property
    def name(self) -> str | None:
        """None when unknown"""
    @property
    def client_id(self) -> str | None:
        """the OAuth client that acts for this person"""
    @property
    def issuer(self) -> str | None:
        """None when the answer names none"""
    @property
    def resource(self) -> str | None:
        """this server's own identifier (RFC 8707)"""
    @property
    def scopes(self) -> tuple[str, ...]:
        """a tuple"""
    @property
    def expires_at(self) -> int | None:
        """seconds since 1970; None when unknown"""
    @property
    def claims(self) -> Mapping[str, object]:
        """the whole answer of the authorization server (RFC 7662 §2.2) or the token's claims, read-only"""

@final
class Answer:
    """A whole HTTP answer to be sent as it is: a refusal, or the RFC 9728 document."""

    @property
    def kind(self) -> Literal["answer"]: ...
    @property
    def code(self) -> str:
        """why it was refused: "TOKEN_ABSENT", "SCOPE_INSUFFICIENT"…; "OK" for a document"""
    @property
    def status(self) -> int:
        """the HTTP status"""
    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """pairs of bytes, names in lower case, in order"""
    @property
    def body(self) -> bytes:
        """bytes; empty for HEAD and 204"""

@final
class Pass:
    """Not guarded (a public path, a CORS preflight): let it through, nobody is known."""

    @property
    def kind(self) -> Literal["pass"]: ...

@final
class Queue:
    """Asynchronous checks of one event loop, under way and finished."""

    def __new__(cls) -> Self: ...
    def fileno(self, /) -> int:
        """The descriptor that is readable while verdicts wait; -1 once it is closed."""
    def take(self, /) -> list[tuple[int, Verdict]]:
        """Every verdict that is there, each with the number that ask() gave."""
    def cancel(self, number: int, /) -> None:
        """Takes one check back; others for the same token go on."""
    def close(self, /) -> None:
        """Drops what is under way."""

@disjoint_base
class Guard:
    """Decides what a protected server does with a request; `options` is one JSON object."""

    def __new__(cls, options: str, /) -> Self: ...
    @property
    def max_body(self) -> int:
        """bytes"""
    def check(
        self,
        method: str | bytes,
        path: str | bytes,
        authorization: str | bytes | None = None,
        origin: str | bytes | None = None,
        preflight_method: str | bytes | None = None,
        *,
        content_type: str | bytes | None = None,
        mcp_protocol_version: str | bytes | None = None,
        mcp_method: str | bytes | None = None,
        mcp_name: str | bytes | None = None,
        body: str | bytes | None = None,
    ) -> Verdict | None:
        """Answers at once, from the cache: the hot path. None means "not known yet": ask authorize()."""
    def ask(
        self,
        queue: Queue,
        method: str | bytes,
        path: str | bytes,
        authorization: str | bytes | None = None,
        origin: str | bytes | None = None,
        preflight_method: str | bytes | None = None,
        *,
        content_type: str | bytes | None = None,
        mcp_protocol_version: str | bytes | None = None,
        mcp_method: str | bytes | None = None,
        mcp_name: str | bytes | None = None,
        body: str | bytes | None = None,
    ) -> int:
        """Asks the authorization server; the number of the verdict in the queue."""
    def check_scopes(self, principal: Principal | None, scopes: str, /) -> Principal | Answer:
        """Has this principal these scopes too (a space-separated list)? The principal again, or a 403 that names all that is needed; 401 for None."""
    def wants_body(self, method: str | bytes, /) -> bool:
        """True when the tool policy must see the body of a request with this method: read at most max_body bytes of it, hand them over, replay them."""
    def refuse_body(self, /) -> Answer:
        """The 413 for a body over max_body."""
    def stats(self, /) -> Stats:
        """Counters since the guard was made."""
    def close(self, /) -> None:
        """Lets go of the guard; what is under way still gets its answer, later calls raise CLOSED."""
