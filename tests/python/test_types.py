"""The packages are typed: what they say of themselves is so, in the sources, in the stub of the extension, and to whoever uses them."""

from __future__ import annotations

import ast
import inspect
import os
import pathlib
import subprocess
import sys

import pytest
from auth_agent_core import _core

ROOT = pathlib.Path(__file__).parents[2]
SOURCES = ["python/src", "fastapi-adapter/src"]


def check(*arguments: str) -> None:
    environment = os.environ | {"MYPYPATH": os.pathsep.join(SOURCES)}
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def mypy(tmp_path: pathlib.Path, *arguments: str) -> None:
    check("mypy", "--strict", "--warn-unused-ignores", "--python-version=3.10", f"--cache-dir={tmp_path}", *arguments)


def test_the_sources_and_their_users_pass_mypy(tmp_path: pathlib.Path) -> None:
    mypy(tmp_path, "-p", "auth_agent_core", "-p", "auth_agent_mcp")
    mypy(tmp_path, "tests/python/typed.py")


def test_the_example_passes_mypy(tmp_path: pathlib.Path) -> None:
    mypy(tmp_path, "examples/filesystem-server/server.py", "examples/filesystem-server/filesystem_server")


def test_the_stub_says_what_the_extension_has() -> None:
    check("mypy.stubtest", "auth_agent_core")


def test_editors_show_what_the_extension_says_of_itself() -> None:
    """They read the stub alone."""
    stub = ast.parse((ROOT / "python/src/auth_agent_core/_core.pyi").read_text())
    told = 0
    for shown in (node for node in stub.body if isinstance(node, ast.ClassDef)):
        real = getattr(_core, shown.name)
        assert ast.get_docstring(shown) in real.__doc__
        for member in (node for node in shown.body if isinstance(node, ast.FunctionDef)):
            if member.name not in ("__new__", "kind"):
                assert ast.get_docstring(member) == inspect.getdoc(inspect.getattr_static(real, member.name))
                told += 1
    assert told > 20


@pytest.mark.parametrize("package", ["python/src/auth_agent_core", "fastapi-adapter/src/auth_agent_mcp"])
def test_type_checkers_may_believe_the_package(package: str) -> None:
    assert (ROOT / package / "py.typed").exists()
