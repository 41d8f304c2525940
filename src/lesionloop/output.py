"""Outputs that are whole or absent: write beside the target, then rename."""

import errno
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from lesionloop.errors import OutputError

__all__ = [
    "all_or_none",
    "atomic_path",
    "finite",
    "make_folder",
    "output_file",
    "output_folder",
    "strict",
    "write_bytes",
    "write_json",
    "write_text",
]


def make_folder(folder: Path) -> Path:
    """Create ``folder`` and its parents.

    Raises:
        OutputError: it cannot be created, or the name is taken by a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot create the output folder {folder}",
            cause=f"{error.strerror or error}.",
            remedy="Choose a folder that can be written.",
        ) from error
    return folder


@contextmanager
def output_folder(folder: Path) -> Iterator[Path]:
    """Create a folder for results, and see that it can be written, before any work is done.

    When the block fails, what it created goes as far as there is no file in it.

    Raises:
        OutputError: it cannot be created or written.
    """
    made = _missing(folder)
    kept: set[Path] = set()
    try:
        make_folder(folder)
        _try_to_write(folder)
        kept = set(folder.iterdir())
        yield folder
    except BaseException:
        with suppress(OSError):
            for new in set(folder.iterdir()) - kept:
                _remove_empty_folders(new)
        for outside in made:
            _remove_if_empty(outside)
        raise


@contextmanager
def output_file(path: Path) -> Iterator[Path]:
    """See that a file can be written, before any work is done for it; make its folder.

    Raises:
        OutputError: the name is taken by a folder, or its place cannot be created or written.
    """
    with output_folder(path.parent):
        if path.is_dir():
            raise OutputError(
                f"cannot write {path}",
                cause="There is a folder of this name.",
                remedy="Choose another name, or a file in that folder.",
            )
        yield path


@contextmanager
def all_or_none(paths: Sequence[Path]) -> Iterator[None]:
    """Files that belong together: when the block fails, those that it made are removed."""
    new = [path for path in paths if not path.exists()]
    try:
        yield
    except BaseException:
        for path in new:
            with suppress(OSError):
                path.unlink()
        raise


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path with the same name in a hidden folder beside ``path``.

    When the block ends well the file is flushed to the disk and renamed to ``path``; otherwise
    nothing stays behind, no new folder either, and an existing ``path`` is as it was. The name is
    kept because writers choose the format by the file's ending.

    Raises:
        OutputError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    made = _missing(path.parent)
    folder: Path | None = None
    whole = False
    try:
        make_folder(path.parent)
        folder = Path(tempfile.mkdtemp(prefix=".lesionloop-", dir=path.parent))
        temporary = folder / path.name
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
        whole = True
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise OutputError(
            f"cannot write {path}",
            cause=f"{error.strerror or error}.",
            remedy=f"{'Free some space or choose' if full else 'Choose'} another place;"
            " nothing was left behind.",
        ) from error
    finally:
        if folder is not None:
            with suppress(OSError):
                shutil.rmtree(folder)
        for parent in () if whole else made:
            _remove_if_empty(parent)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


Value = TypeVar("Value")


def finite(value: Value) -> Value | None:
    """The value, or None for a float that strict JSON has no word for."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def strict(value: Any) -> Any:
    """The value as strict JSON has it: texts as keys, None for numbers that are not finite."""
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    return finite(value)


def write_json(path: Path, value: Any) -> None:
    """Write strict JSON (no NaN tokens), whole or not at all."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def _missing(folder: Path) -> list[Path]:
    """Which of a folder and its parents do not exist, the deepest first."""
    with suppress(OSError):
        return [place for place in (folder, *folder.parents) if not place.exists()]
    return []


def _try_to_write(folder: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"cannot write in the output folder {folder}",
            cause=f"{error.strerror or error}.",
            remedy="Choose a folder that can be written.",
        ) from error


def _remove_empty_folders(top: Path) -> None:
    for folder, _, _ in os.walk(top, topdown=False):
        _remove_if_empty(Path(folder))


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
