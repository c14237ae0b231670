"""What is shipped: a source distribution that stands by itself, and wheels that work where nothing else of this repository is."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tarfile
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[2]
VERSION = (ROOT / "VERSION").read_text().strip()


def run(*argv: str, cwd: pathlib.Path) -> str:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build_sdist(project: str, into: pathlib.Path) -> pathlib.Path:
    code = f"import scikit_build_core.build as build; print(build.build_sdist({str(into)!r}))"
    return into / run(sys.executable, "-c", code, cwd=ROOT / project).splitlines()[-1]


def build_wheel(sdist: pathlib.Path, into: pathlib.Path) -> pathlib.Path:
    pip = [
        sys.executable,
        "-m",
        "pip",
        "-q",
        "--disable-pip-version-check",
        "wheel",
        "--no-build-isolation",
        "--no-deps",
    ]
    run(*pip, "--no-index", "-w", str(into), str(sdist), cwd=into)
    (wheel,) = into.glob(f"{sdist.name.split('-')[0]}-*.whl")
    return wheel


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("packages")


@pytest.fixture(scope="module")
def core_sdist(folder: pathlib.Path) -> pathlib.Path:
    return build_sdist("python", folder)


@pytest.fixture(scope="module")
def core_wheel(core_sdist: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    return build_wheel(core_sdist, folder)


@pytest.fixture(scope="module")
def adapter_wheel(folder: pathlib.Path) -> pathlib.Path:
    return build_wheel(build_sdist("fastapi-adapter", folder), folder)


def test_the_source_distribution_carries_the_core_and_the_licence(core_sdist: pathlib.Path) -> None:
    with tarfile.open(core_sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"LICENSE", "PKG-INFO", "README.md", "CMakeLists.txt", "exports.map", "core/CMakeLists.txt"}
    assert wanted <= names
    assert {"core/include/authagent/guard.h", "core/src/net/guard.c", "core/cmake/flags.cmake"} <= names
    assert "src/extension/module.c" in names
    assert not [name for name in names if name.endswith((".so", ".o", ".pyc"))]


def test_one_wheel_serves_every_cpython_from_3_10_on(core_wheel: pathlib.Path) -> None:
    assert core_wheel.name.startswith(f"auth_agent_mcp_core-{VERSION}-cp310-abi3-")
    with zipfile.ZipFile(core_wheel) as archive:
        names = set(archive.namelist())
    package = {name.removeprefix("auth_agent_core/") for name in names if name.startswith("auth_agent_core/")}
    assert {"__init__.py", "_core.abi3.so", "_core.pyi", "py.typed"} <= package
    assert not [name for name in names if name.startswith("core/") or name.endswith((".c", ".h"))]
    assert [name for name in names if name.endswith("LICENSE")]


def test_the_adapter_is_pure_and_needs_this_core_alone(adapter_wheel: pathlib.Path) -> None:
    assert adapter_wheel.name == f"auth_agent_mcp-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(adapter_wheel) as archive:
        metadata = archive.read(f"auth_agent_mcp-{VERSION}.dist-info/METADATA").decode()
    assert f"Requires-Dist: auth-agent-mcp-core=={VERSION}" in metadata.splitlines()


PROGRAM = """
import sys
import auth_agent_core, auth_agent_mcp
from auth_agent_mcp import AuthAgentMiddleware, auth
for module in (auth_agent_core, auth_agent_core._core, auth_agent_mcp):
    assert module.__file__.startswith(sys.argv[1]), module.__file__
guard = auth_agent_core.Guard(server_id="s", api_key="k", auth_server="http://127.0.0.1:1", resource="https://x.example")
assert guard.check("GET", "/").status == 401
guard.close()
print(auth_agent_core.__version__)
"""


def installed(tmp_path: pathlib.Path, *wheels: pathlib.Path) -> pathlib.Path:
    """The wheels' contents in a folder of their own."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(tmp_path)
    return tmp_path


def start(folder: pathlib.Path, program: str) -> subprocess.CompletedProcess[str]:
    """A program that finds our packages in this folder alone, not in the checkout."""
    head = f"import sys; sys.meta_path[:] = [f for f in sys.meta_path if 'Scikit' not in type(f).__name__]; sys.path.insert(0, {str(folder)!r})\n"
    argv = [sys.executable, "-c", head + program, str(folder)]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)


def test_the_wheels_work_away_from_the_repository(
    core_wheel: pathlib.Path, adapter_wheel: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    done = start(installed(tmp_path, core_wheel, adapter_wheel), PROGRAM)
    assert (done.returncode, done.stdout) == (0, f"{VERSION}\n"), done.stderr


def test_an_adapter_with_another_core_says_so_at_import(
    core_wheel: pathlib.Path, adapter_wheel: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    folder = installed(tmp_path, core_wheel, adapter_wheel)
    adapter = folder / "auth_agent_mcp" / "__init__.py"
    adapter.write_text(adapter.read_text().replace(f'__version__ = "{VERSION}"', '__version__ = "9.9.9"'))
    done = start(folder, "import auth_agent_mcp")
    assert done.returncode == 1
    assert f"auth-agent-mcp 9.9.9 needs auth-agent-mcp-core 9.9.9, but {VERSION} is installed" in done.stderr
