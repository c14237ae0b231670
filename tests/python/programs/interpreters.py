"""Several interpreters in one process, one after the other and at once, each with a GIL of its own where there is such a thing."""

from __future__ import annotations

import sys
import textwrap
import threading

from common import API_KEY, ISSUER, RESOURCE, SERVER_ID

try:
    import _interpreters  # 3.13
except ImportError:
    import _xxsubinterpreters as _interpreters

# Interpreters of 3.12 that share nothing crash on asyncio alone.
OWN_GIL = sys.version_info >= (3, 13)

# http.server, which the other programs import, is more than some interpreters bear at once.
CODE = textwrap.dedent(f"""
    import sys
    sys.path[:0] = {sys.path!r}
    import asyncio
    from auth_agent_core import PASS, Guard, GuardError

    def make_guard(**more):
        options = dict(server_id={SERVER_ID!r}, api_key={API_KEY!r}, auth_server={ISSUER!r}, resource={RESOURCE!r})
        return Guard(**options, **more)

    guard = make_guard(public_paths=["/health"])
    assert guard.check("GET", "/health") is PASS
    assert asyncio.run(guard.authorize("GET", "/", "Bearer good")).email == "ada@example.com"
    assert guard.check("GET", "/", "Bearer good").kind == "principal"
    assert guard.check("GET", "/").status == 401
    try:
        make_guard(cache_ttl=-1)
        raise AssertionError("accepted")
    except GuardError as error:
        assert error.code == "OPTION_INVALID"
""")


def create() -> int:
    return _interpreters.create("isolated") if OWN_GIL else _interpreters.create(isolated=False)


def run(number: int) -> None:
    failure = (_interpreters.exec if OWN_GIL else _interpreters.run_string)(number, CODE)
    assert failure is None, failure


def one() -> None:
    number = create()
    run(number)
    _interpreters.destroy(number)


for _ in range(3):
    one()
if OWN_GIL:
    for _ in range(3):
        together = [threading.Thread(target=one) for _ in range(4)]
        for thread in together:
            thread.start()
        for thread in together:
            thread.join()
exec(CODE)
print("each its own")
