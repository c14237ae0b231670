"""Files below one root, and nothing outside of it: no "..", no absolute path, no NUL, no symbolic link anywhere on the way."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import re
import stat
from collections.abc import Iterator, Sequence

SIZE_MAX = 1024 * 1024

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe does not hold us

# Control characters have no business in a file name.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")


class FileError(Exception):
    """What the caller did wrong; `status` is the HTTP status for it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def not_allowed() -> FileError:
    return FileError(400, "that path is not allowed")


_ERRORS = {
    errno.ENOENT: (404, "no such file"),
    errno.ENOTDIR: (404, "no such file"),
    errno.EISDIR: (409, "that is a folder"),
    errno.ELOOP: (400, "that path is not allowed"),
    errno.ENAMETOOLONG: (400, "that path is not allowed"),
    errno.ENXIO: (409, "that is not a file"),
    errno.ENODEV: (409, "that is not a file"),
}


@contextlib.contextmanager
def translating() -> Iterator[None]:
    """The system's refusals in the caller's terms; those that are no fault of the caller stay what they are."""
    try:
        yield
    except OSError as error:
        if error.errno not in _ERRORS:
            raise
        raise FileError(*_ERRORS[error.errno]) from None


def parts(path: str) -> list[str]:
    """The path's parts, or a refusal."""
    found = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in found or _FORBIDDEN.search(path):
        raise not_allowed()
    try:
        path.encode()
    except UnicodeEncodeError:
        raise not_allowed() from None
    return found


class FileStore:
    def __init__(self, root: int) -> None:
        self._root = root

    @classmethod
    def open(cls, root: pathlib.Path) -> FileStore:
        """The root itself may be a link: whoever starts the server names it."""
        root.mkdir(parents=True, exist_ok=True)
        return cls(os.open(root.resolve(), _FOLDER))

    def close(self) -> None:
        os.close(self._root)

    @contextlib.contextmanager
    def _folder(self, names: Sequence[str]) -> Iterator[int]:
        """Walks down one folder at a time from the one before, so that nothing that is moved or linked meanwhile leads astray."""
        folder = os.dup(self._root)
        try:
            for name in names:
                with translating():
                    inner = os.open(name, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _file(self, names: Sequence[str], flags: int) -> Iterator[int]:
        if not names:
            raise FileError(409, "that is a folder")
        with self._folder(names[:-1]) as folder:
            with translating():
                file = os.open(names[-1], flags | _FILE, 0o644, dir_fd=folder)
            try:
                mode = os.fstat(file).st_mode
                if not stat.S_ISREG(mode):
                    raise FileError(409, "that is a folder" if stat.S_ISDIR(mode) else "that is not a file")
                yield file
            finally:
                os.close(file)

    def list(self, path: str = "") -> list[str]:
        """Names in a folder, sorted; those of folders end with a slash."""
        with self._folder(parts(path)) as folder, os.scandir(folder) as entries:
            return sorted(
                f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
                for entry in entries
                if entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)
            )

    def read(self, path: str) -> str:
        with self._file(parts(path), os.O_RDONLY) as file:
            content = read_at_most(file, SIZE_MAX + 1)
        if len(content) > SIZE_MAX:
            raise FileError(413, "that file is too large")
        return content.decode(errors="replace")

    def write(self, path: str, content: str | bytes) -> int:
        """Writes a whole file into a folder that exists; the bytes written."""
        data = content.encode(errors="replace") if isinstance(content, str) else content
        if len(data) > SIZE_MAX:
            raise FileError(413, "that is too much to write")
        with self._file(parts(path), os.O_WRONLY | os.O_CREAT) as file:
            os.truncate(file, 0)
            written = 0
            while written < len(data):
                written += os.write(file, data[written:])
        return written


def read_at_most(file: int, size: int) -> bytes:
    content = b""
    while len(content) < size and (chunk := os.read(file, size - len(content))):
        content += chunk
    return content
