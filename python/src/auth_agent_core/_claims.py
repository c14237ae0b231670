"""Claims, read-only throughout: one principal serves every request of its token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType


def freeze(value: object) -> object:
    if isinstance(value, dict):
        return MappingProxyType({name: freeze(member) for name, member in value.items()})
    if isinstance(value, list):
        return tuple(freeze(item) for item in value)
    return value


def read(text: str) -> Mapping[str, object]:
    """Called by the extension, once for each principal."""
    claims = freeze(json.loads(text))
    assert isinstance(claims, Mapping)
    return claims
