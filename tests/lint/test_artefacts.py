"""What the built libraries export and need."""

from __future__ import annotations

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "dev"


def nm(*arguments: str) -> list[str]:
    return subprocess.run(["nm", "-D", *arguments], check=True, capture_output=True, text=True).stdout.splitlines()


def exported(path: pathlib.Path) -> set[str]:
    return {line.split()[-1].split("@")[0] for line in nm("--defined-only", str(path))}


def declared_functions() -> set[str]:
    """Every function that core/include declares."""
    text = "".join(path.read_text() for path in sorted((ROOT / "core/include/authagent").glob("*.h")))
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    return set(re.findall(r"\b(aa_\w+)\s*\([^;{]*\)\s*;", re.sub(r"typedef[^;]*;", " ", text)))


def test_the_shared_library_exports_the_public_headers_and_nothing_else() -> None:
    assert exported(BUILD / "core" / "libauthagent.so") == declared_functions()


def test_the_node_addon_exports_its_two_entry_points() -> None:
    (addon,) = BUILD.glob("node/*.node")
    assert exported(addon) <= {"napi_register_module_v1", "node_api_module_get_api_version_v1"}
    assert "napi_register_module_v1" in exported(addon)


def test_the_node_addon_needs_only_libraries_it_links_and_the_node_api() -> None:
    """A module links happily with missing symbols, and the loader would silently take node's own copy of a library."""
    (addon,) = BUILD.glob("node/*.node")
    needed = re.findall(
        r"NEEDED\s+(\S+)",
        subprocess.run(["objdump", "-p", str(addon)], check=True, capture_output=True, text=True).stdout,
    )
    provided: set[str] = set()
    for line in subprocess.run(["ldd", str(addon)], check=True, capture_output=True, text=True).stdout.splitlines():
        name, _, path = line.strip().partition(" => ")
        if name in needed and path:
            provided |= exported(pathlib.Path(path.split()[0]))
    undefined = {line.split()[-1].split("@")[0] for line in nm("--undefined-only", str(addon)) if " w " not in line}
    assert {name for name in undefined - provided if not re.match(r"napi_|node_api_|__tls_get_addr$", name)} == set()


def test_the_python_extension_exports_its_entry_point_alone() -> None:
    found = list((ROOT / "build" / "python").rglob("_core*.so")) + list((ROOT / "python").rglob("_core*.so"))
    found += list((ROOT / ".venv").rglob("auth_agent_core/_core*.so"))
    assert found, "the extension is not built"
    for path in found:
        assert exported(path) == {"PyInit__core"}
