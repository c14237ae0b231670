"""Who may include what (the layer table), and which calls are kept to one place."""

from __future__ import annotations

import pathlib
import re

import pytest
from layers import LAYERS, Layer, offences

ROOT = pathlib.Path(__file__).resolve().parents[2]


def sources(folder: str) -> list[pathlib.Path]:
    return sorted(
        path for path in (ROOT / folder).rglob("*") if path.suffix in {".c", ".h"} and "node_modules" not in path.parts
    )


def code_of(path: pathlib.Path) -> str:
    """The file without comments and string literals, so that prose about a function is no call of it."""
    text = re.sub(r"/\*.*?\*/", " ", path.read_text(), flags=re.S)
    return re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.folder)
def test_a_layer_includes_only_what_the_table_allows(layer: Layer) -> None:
    files = sources(layer.folder)
    assert files, f"{layer.folder} has no sources: is the table out of date?"
    wrong = {
        str(path.relative_to(ROOT)): bad for path in files if (bad := offences(layer, path.name, path.read_text()))
    }
    assert not wrong


def test_every_source_folder_stands_in_the_table() -> None:
    known = {layer.folder for layer in LAYERS}
    found = {
        str(path.parent.relative_to(ROOT))
        for top in ("core/include", "core/src", "server/src", "python/src", "node/src")
        for path in sources(top)
    }
    assert {
        folder for folder in found if not any(folder == name or folder.startswith(name + "/") for name in known)
    } == set()


def test_the_table_refuses_what_it_does_not_name() -> None:
    base = next(layer for layer in LAYERS if layer.folder == "core/src/base")
    assert offences(base, "json.c", '#include <jansson.h>\n#include "base/buf.h"\n') == []
    assert offences(base, "buf.c", "#include <jansson.h>\n") == ["<jansson.h>"]
    assert offences(base, "buf.c", '#include "crypto/crypto.h"\n') == ['"crypto/crypto.h"']


ONE_PLACE = {
    # Only base/mem.c talks to the allocator: one place to fail it in tests, one place that wipes.
    r"\b(malloc|calloc|realloc|strdup|strndup|free)\s*\(": (["core/src", "server/src"], {"core/src/base/mem.c"}),
    # An implicit fetch costs three times as much and takes a lock that all threads share.
    r"\b(EVP_sha(1|224|256|384|512)|SHA(1|256|512)|HMAC|EVP_Q_\w+|EVP_MD_fetch|EVP_MAC_fetch)\s*\(": (
        ["core/src", "server/src", "python/src", "node/src"],
        {"core/src/crypto"},
    ),
    # Clocks are read at the outer edge; rules get the time as an argument.
    r"\b(time|clock_gettime|gettimeofday|localtime|gmtime)\s*\(": (
        ["core/src", "server/src"],
        {"core/src/net", "server/src/main", "server/src/http", "server/src/db"},
    ),
    # The environment is read at the outer edge only.
    r"\b(getenv|secure_getenv)\s*\(": (["core/src", "server/src"], {"core/src/net", "server/src/main"}),
    # Unbounded string functions have no place in a parser of hostile input.
    r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|alloca)\s*\(": (
        ["core", "server/src", "python/src", "node/src"],
        set(),
    ),
    r"\b(rand|srand|random|drand48)\s*\(\s*\)": (["core/src", "server/src", "python/src", "node/src"], set()),
}


@pytest.mark.parametrize("pattern", ONE_PLACE)
def test_a_call_stays_in_its_one_place(pattern: str) -> None:
    folders, allowed = ONE_PLACE[pattern]
    wrong = []
    for path in (path for folder in folders for path in sources(folder)):
        name = str(path.relative_to(ROOT))
        if any(name == place or name.startswith(place + "/") for place in allowed):
            continue
        wrong += [f"{name}: {found.group(0)}" for found in re.finditer(pattern, code_of(path))]
    assert not wrong


def test_sql_stands_in_the_store_and_nowhere_above_it() -> None:
    sql = re.compile(r'"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE)\b')
    outside = [
        folder for folder in ("core", "server/src/http", "server/src/endpoint", "server/src/domain", "server/src/main")
    ]
    wrong = [
        str(path.relative_to(ROOT)) for folder in outside for path in sources(folder) if sql.search(path.read_text())
    ]
    assert not wrong
    assert any(sql.search(path.read_text()) for path in sources("server/src/store")), (
        "the pattern finds nothing where it should"
    )
