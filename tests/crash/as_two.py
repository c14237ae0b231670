"""Runs a command for which the server's binary is two servers on one PostgreSQL, started for it and removed afterwards:

    python tests/crash/as_two.py COMMAND…

The command finds it where it finds the binary, in AUTH_AGENT_SERVER_BINARY.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "support"))

from postgres import running  # noqa: E402 (found by the line above)

BINARY = os.environ.get("AUTH_AGENT_SERVER_BINARY", str(ROOT / "build" / "asan" / "server" / "auth-agent-server"))


def main() -> int:
    with running() as postgres:
        environment = os.environ | {
            "AUTH_AGENT_SERVER_BINARY": str(HERE / "two_servers.py"),
            "CRASH_SERVER_BINARY": BINARY,
            "CRASH_POSTGRES": str(postgres.folder),
            "SEEN_BY_ALL_S": "1",  # what one server deletes the other may know for a second
        }
        return subprocess.run(sys.argv[1:], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
