"""Outputs that are whole or absent: write beside the target, then rename."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lesionloop.errors import OutputError

__all__ = ["atomic_path", "make_folder", "write_json", "write_text"]


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
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path with the same name in a hidden folder beside ``path``.

    When the block ends well the file is flushed to the disk and renamed to ``path``; otherwise
    nothing stays behind and an existing ``path`` is as it was. The name is kept because writers
    choose the format by the file's ending.

    Raises:
        OutputError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    make_folder(path.parent)
    folder: Path | None = None
    try:
        folder = Path(tempfile.mkdtemp(prefix=".lesionloop-", dir=path.parent))
        temporary = folder / path.name
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}",
            cause=f"{error.strerror or error}.",
            remedy="Free some space or choose another place; nothing was left behind.",
        ) from error
    finally:
        if folder is not None:
            with suppress(OSError):
                shutil.rmtree(folder)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write strict JSON (no NaN tokens), whole or not at all."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")
