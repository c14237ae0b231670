"""What the tests of the extension share."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import Any

from auth_agent_core import Answer, Guard, Verdict

PROGRAMS = pathlib.Path(__file__).parent / "programs"


def bearer(token: str | None) -> str | None:
    return None if token is None else f"Bearer {token}"


async def judge(guard: Guard, token: str | None, method: str = "GET", path: str = "/files", **more: Any) -> Verdict:
    """What is known at once, else what the authorization server says."""
    more.setdefault("authorization", bearer(token))
    return guard.check(method, path, **more) or await guard.authorize(method, path, **more)


async def refusal(guard: Guard, token: str | None, *arguments: str, **more: Any) -> Answer:
    verdict = await judge(guard, token, *arguments, **more)
    assert isinstance(verdict, Answer), verdict.kind
    return verdict


def header(answer: Answer, name: bytes) -> str | None:
    found = [value.decode("ascii") for key, value in answer.headers if key == name]
    assert len(found) <= 1, f"{name!r} twice"
    return found[0] if found else None


def run(program: str, *arguments: str, timeout_s: float = 60, python: str = sys.executable, **env: str) -> str:
    """Runs a program of the folder in a process of its own; what it printed. It must end by itself and complain of nothing."""
    done = subprocess.run(
        [python, "-X", "faulthandler", "-W", "error", str(PROGRAMS / program), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=os.environ | env,
        check=False,
    )
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.stderr == "", done.stderr
    return done.stdout
