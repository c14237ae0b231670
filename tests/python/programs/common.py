"""What the programs share: a guard for the authorization server of the test that runs them."""

from __future__ import annotations

import os
import pathlib
import sys
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "support"))

from auth_agent_core import Guard
from fake_as import API_KEY, RESOURCE, SERVER_ID

ISSUER = sys.argv[1]


def make_guard(**more: Any) -> Guard:
    return Guard(
        server_id=SERVER_ID,
        api_key=API_KEY,
        auth_server=ISSUER,
        resource=RESOURCE,
        required_scopes=["files:read"],
        **more,
    )


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def resident_kb() -> int:
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
