"""Claims, read-only throughout: one principal serves every request of its token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn


class FrozenDict(dict[str, object]):
    """A dict, so that JSON encoders and ``dataclasses.asdict()`` take it, that does not change."""

    __slots__ = ()

    def _refuse(self, *_arguments: object, **_members: object) -> NoReturn:
        raise TypeError("claims are read-only; dict(claims) is a copy to change")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __copy__(self) -> FrozenDict:
        return self

    def __deepcopy__(self, _memo: object) -> FrozenDict:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)


def freeze(value: object) -> object:
    if isinstance(value, dict):
        return FrozenDict((name, freeze(member)) for name, member in value.items())
    if isinstance(value, list):
        return tuple(freeze(item) for item in value)
    return value


def read(text: str) -> Mapping[str, object]:
    """Called by the extension, once for each principal."""
    claims = freeze(json.loads(text))
    assert isinstance(claims, FrozenDict)
    return claims
