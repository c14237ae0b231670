"""Options of a guard. Their defaults and rules are the core's; here they only become one JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from ._error import GuardError


class GuardOptions(TypedDict, total=False):
    """One that is left out, or None, is taken from the environment variable ``AUTH_AGENT_<NAME>``, then from the default."""

    server_id: str | None
    """Id of this server at the authorization server, ``srv_…``."""
    api_key: str | None
    """Its key, ``sk_…``. Never logged."""
    required_scopes: Sequence[str] | None
    """Scopes that every request needs. Default: none."""
    auth_server: str | None
    """Issuer URL of the authorization server. Default: ``http://localhost:8788``."""
    resource: str | None
    """This server's identifier (RFC 8707), its URL as people type it. Default: what the authorization server has registered."""
    public_paths: Sequence[str] | None
    """Exact paths that need no token, as the framework's router sees them. Default: none."""
    cache_ttl: float | None
    """Seconds an introspection answer is believed, 0–3600. Default: 60; 0 asks every time."""
    cache_size: int | None
    """Tokens remembered at most. Default: 10000."""
    tools: Mapping[str, Sequence[str]] | None
    """Scopes that a call of an MCP tool needs besides ``required_scopes``: ``{"write_file": ["files:write"]}``."""
    mode: Literal["introspection", "jwt"] | None
    """``"introspection"`` (RFC 7662, the default), or ``"jwt"``: local signature checks alone."""
    introspection_endpoint: str | None
    """Default: from the authorization server's metadata (RFC 8414)."""
    jwks_uri: str | None
    """Default: from the metadata."""
    connect_timeout: float | None
    """Seconds until a connection stands. Default: 2."""
    timeout: float | None
    """Seconds for a whole call. Default: 5."""
    max_body: int | None
    """Bytes of a request body that the tool policy reads. Default: 4194304. A larger one is answered 413."""
    resource_name: str | None
    """Human-readable name in the RFC 9728 document."""
    scopes_supported: Sequence[str] | None
    """Scopes in the RFC 9728 document. Default: ``required_scopes``."""
    ca_file: str | None
    """PEM file of trusted certificate authorities. Default: the system's, or ``SSL_CERT_FILE``."""
    proxy: str | None
    """HTTP proxy for calls to the authorization server."""
    check_audience: bool | None
    """Default: true. False lets in tokens that were meant for other servers, and says so in the log."""


def dump(options: Mapping[str, object]) -> str:
    """JSON for the core. What JSON has no word for is refused here, by the name of its option."""
    members = (f"{json.dumps(name)}: {dump_value(name, value)}" for name, value in options.items() if value is not None)
    return "{" + ", ".join(members) + "}"


def dump_value(name: str, value: object) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise GuardError(
            "OPTION_INVALID", f"option {name} cannot be of type {type(value).__name__}, or holds what JSON cannot"
        ) from None
