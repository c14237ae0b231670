"""Facts that stand in several places must agree; what must never be committed is not there."""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import subprocess
import tomllib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = (ROOT / "VERSION").read_text().strip()


def tracked(*patterns: str) -> list[pathlib.Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).exists()]


@pytest.mark.parametrize("manifest", ["python/pyproject.toml", "fastapi-adapter/pyproject.toml"])
def test_python_packages_carry_the_version(manifest: str) -> None:
    assert tomllib.loads((ROOT / manifest).read_text())["project"]["version"] == VERSION


@pytest.mark.parametrize("manifest", ["node/package.json", "hono-adapter/package.json"])
def test_node_packages_carry_the_version(manifest: str) -> None:
    assert json.loads((ROOT / manifest).read_text())["version"] == VERSION


def test_the_adapters_pin_the_core_exactly() -> None:
    fastapi = tomllib.loads((ROOT / "fastapi-adapter/pyproject.toml").read_text())["project"]["dependencies"]
    assert f"auth-agent-mcp-core=={VERSION}" in fastapi
    assert (
        json.loads((ROOT / "hono-adapter/package.json").read_text())["dependencies"]["auth-agent-mcp-core"] == VERSION
    )


@pytest.mark.parametrize("package", ["python", "fastapi-adapter"])
def test_python_packages_carry_the_licence(package: str) -> None:
    assert (ROOT / package / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    project = tomllib.loads((ROOT / package / "pyproject.toml").read_text())["project"]
    assert project["license-files"] == ["LICENSE"]


def test_lock_files_carry_no_addresses() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert not [
        name for name, package in lock["packages"].items() if re.match(r"https?:", str(package.get("resolved", "")))
    ]
    for path in tracked("*requirements*.txt"):
        assert not re.search(r"https?://|--(extra-)?index-url", path.read_text()), path


def test_no_package_of_ours_runs_a_script_at_installation() -> None:
    """npm no longer runs them for dependencies, so a package that needs one arrives broken."""
    for manifest in tracked("node/package.json", "hono-adapter/package.json", "package.json"):
        scripts = json.loads(manifest.read_text()).get("scripts", {})
        assert not {"preinstall", "install", "postinstall"} & set(scripts), manifest


def test_nothing_left_for_later_hides_in_the_code() -> None:
    words = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    this = pathlib.Path(__file__).resolve()
    files = [
        path
        for path in tracked("*.c", "*.h", "*.py", "*.ts", "*.mjs", "*.js", "*.sh", "*.html", "*.css", "dev")
        if path != this
    ]
    assert files
    assert [str(path.relative_to(ROOT)) for path in files if words.search(path.read_text(errors="replace"))] == []


def test_no_file_is_where_everything_ends_up() -> None:
    long = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in tracked("core/*.c", "server/*.c", "python/*.c", "node/*.c", "*.ts", "*.py")
    }
    assert {name: lines for name, lines in long.items() if lines > 900} == {}


def test_c_sources_are_formatted() -> None:
    files = [str(path) for path in tracked("*.c", "*.h")]
    assert files
    result = subprocess.run(["clang-format", "--dry-run", "--Werror", *files], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[:4000]


def test_python_sources_pass_ruff() -> None:
    ruff = shutil.which("ruff")
    assert ruff, "ruff is not installed"
    for arguments in (["check"], ["format", "--check"]):
        result = subprocess.run([ruff, *arguments, "."], cwd=ROOT, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout[:4000]


def test_the_shell_scripts_parse() -> None:
    for path in [ROOT / "dev", *tracked("*.sh")]:
        assert subprocess.run(["bash", "-n", str(path)], capture_output=True).returncode == 0, path


def test_readme_links_lead_somewhere() -> None:
    for readme in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", readme.read_text()):
            if not re.match(r"[a-z]+:", target):
                assert (readme.parent / target).exists(), f"{readme.relative_to(ROOT)} points at {target}"
