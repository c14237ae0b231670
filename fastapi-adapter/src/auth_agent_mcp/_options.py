"""From options to the guard that decides."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from auth_agent_core import Guard, GuardError, GuardOptions

from ._error import AuthAgentError

if TYPE_CHECKING:
    from typing_extensions import Unpack

_log = logging.getLogger("auth_agent_mcp")


def make_guard(**options: Unpack[GuardOptions]) -> Guard:
    """Raises an AuthAgentError that names the wrong option.

    It is logged as well: a server that tries an app's lifespan may take the exception for "no lifespan here", and start.
    """
    try:
        return Guard(**options)
    except GuardError as error:
        _log.error("%s: %s", error.code, error)
        raise AuthAgentError(error.code, str(error), error.status) from None
