"""The layer table: which folder may include what. A line here is a decision; the code follows it.

Own headers are written "layer/file.h"; `own` lists the layers a folder may include (its own folder always), `foreign` the third-party headers
it may include besides the C and POSIX ones. `foreign` may be narrowed to single files.
"""

from __future__ import annotations

import dataclasses
import re

CORE = ["base", "crypto", "jose", "oauth", "verify", "net"]
# Headers of the C standard and of POSIX that any layer may use; sockets, threads and clocks are named apart.
STANDARD = {
    "assert.h", "ctype.h", "errno.h", "float.h", "inttypes.h", "limits.h", "locale.h", "math.h", "setjmp.h", "stdalign.h", "stdarg.h",
    "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "stdnoreturn.h", "string.h", "strings.h", "threads.h",
}  # fmt: skip
SYSTEM = {
    "arpa/inet.h", "dirent.h", "fcntl.h", "getopt.h", "netdb.h", "netinet/in.h", "netinet/tcp.h", "poll.h", "pthread.h", "pwd.h", "sched.h",
    "signal.h", "sys/epoll.h", "sys/eventfd.h", "sys/file.h", "sys/ioctl.h", "sys/prctl.h", "sys/random.h", "sys/resource.h",
    "sys/socket.h", "sys/stat.h", "sys/statvfs.h", "sys/time.h", "sys/types.h", "sys/un.h", "sys/wait.h", "sysexits.h", "syslog.h", "termios.h",
    "time.h", "unistd.h", "linux/sockios.h",
}  # fmt: skip
THREADS_AND_CLOCK = {"pthread.h", "time.h", "sys/time.h", "unistd.h", "poll.h", "sys/eventfd.h", "errno.h"}


@dataclasses.dataclass(frozen=True)
class Layer:
    folder: str
    own: frozenset[str]
    foreign: frozenset[str] = frozenset()
    # Extra headers for single files: file name -> headers (regular expressions).
    files: dict[str, str] = dataclasses.field(default_factory=dict)


def layer(folder: str, own: list[str], foreign: set[str] = frozenset(), files: dict[str, str] | None = None) -> Layer:
    return Layer(folder, frozenset(own), frozenset(foreign), files or {})


SERVER_BELOW_DOMAIN = [*CORE[:4], "store", "db", "password", "metrics"]

LAYERS = [
    layer("core/include/authagent", ["authagent"]),
    layer("core/src/base", ["authagent", "base"], files={"json.c": r"jansson\.h"}),
    layer("core/src/crypto", ["authagent", "base", "crypto"], files={r".*\.c|algorithms\.h": r"openssl/.*"}),
    layer("core/src/jose", ["authagent", "base", "crypto", "jose"]),
    layer("core/src/oauth", ["authagent", "base", "crypto", "jose", "oauth"]),
    layer("core/src/verify", ["authagent", "base", "crypto", "jose", "oauth", "verify"], {"uthash.h"}),
    layer(
        "core/src/net",
        ["authagent", *CORE],
        {"curl/curl.h", *THREADS_AND_CLOCK},
        files={
            r"http\.c": r"sys/socket\.h",
            r"special_use\.c": r"sys/socket\.h|netinet/in\.h",
            r"io\.c": r"signal\.h",
            r"signal_fd_pipe\.c": r"fcntl\.h",
        },
    ),
    layer("python/src", ["authagent", "extension"], {"Python.h", "structmember.h", "errno.h", "unistd.h", "pthread.h"}),
    layer("node/src", ["authagent", "addon"], {"node_api.h"}),
    layer("server/src/metrics", ["base", "authagent", "metrics"]),
    layer(
        "server/src/http",
        ["base", "authagent", "http", "metrics"],
        SYSTEM,
        files={"listener.c": r"microhttpd\.h"},
    ),
    layer("server/src/endpoint", ["authagent", *CORE[:4], "domain", "store", "db", "http", "endpoint", "metrics"]),
    layer(
        "server/src/domain",
        ["authagent", *SERVER_BELOW_DOMAIN, "domain"],
        files={r"(key_cache|keyring)\.c": r"pthread\.h"},
    ),
    layer("server/src/password", ["authagent", "base", "crypto", "password"], {"argon2.h", "pthread.h"}),
    layer("server/src/store", ["authagent", "base", "crypto", "db", "store"]),
    layer(
        "server/src/db",
        ["authagent", "base", "db", "metrics"],
        SYSTEM,
        files={r"sqlite(_backup)?\.c": r"sqlite3\.h", r"libpq\.h": r"libpq-fe\.h", r"libpq\.c": r"dlfcn\.h"},
    ),
    layer(
        "server/src/main",
        ["authagent", *CORE, "domain", "endpoint", "http", "store", "db", "password", "metrics", "main"],
        SYSTEM,
        files={"config.*": r"ini\.h", "memory.c": r"malloc\.h", "late_curl.c": r"dlfcn\.h|curl/curl\.h"},
    ),
]

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def offences(layer_: Layer, file_name: str, text: str) -> list[str]:
    """What this file includes and may not."""
    wrong = []
    for bracket, header in INCLUDE.findall(text):
        if bracket == '"':
            folder = header.split("/")[0] if "/" in header else ""
            if folder not in layer_.own:
                wrong.append(f'"{header}"')
        elif header not in STANDARD and header not in layer_.foreign and not allowed_in_file(layer_, file_name, header):
            wrong.append(f"<{header}>")
    return wrong


def allowed_in_file(layer_: Layer, file_name: str, header: str) -> bool:
    return any(re.fullmatch(name, file_name) and re.fullmatch(what, header) for name, what in layer_.files.items())
