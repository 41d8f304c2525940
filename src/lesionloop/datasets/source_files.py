"""Files of a data set as it came: inside its folder, and text of a size that text may have."""

import csv
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from lesionloop.errors import InputError
from lesionloop.imaging.names import image_ending, strip_ending

__all__ = [
    "MOST_TEXT_BYTES", "file_hash", "folders_in", "images_named", "leaves", "read_json",
    "read_table", "require_inside",
]  # fmt: skip

#: Size that a JSON or CSV file of a data set may have; the largest known have a few megabytes.
MOST_TEXT_BYTES = 64 << 20

_PIECE = 1 << 20


def leaves(path: Path, folder: Path) -> bool:
    """Whether a path leads, by links, to a place outside of ``folder``."""
    return not path.resolve().is_relative_to(folder.resolve())


def require_inside(path: Path, folder: Path) -> Path:
    """The path itself, when it stays inside of ``folder``.

    Raises:
        InputError: a link leads out of the folder.
    """
    if leaves(path, folder):
        raise InputError(
            f"{path} leads out of {folder}",
            cause=f"It is a link to {path.resolve()}.",
            remedy="Copy the file into the data set, or give the folder that holds both.",
        )
    return path


def folders_in(folder: Path) -> list[Path]:
    """Folders in a folder by name, without hidden ones and links; none when it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = [
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return []
    return [folder / name for name in sorted(names)]


def images_named(folder: Path) -> dict[str, Path]:
    """Image files in a folder by name without ending; where two share a name, the first.

    Broken links are left out. An unreadable folder has none.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if image_ending(path) and path.is_file())
    except OSError:
        return {}
    return {strip_ending(path): path for path in reversed(paths)}


def read_json(path: Path) -> Any:
    """Content of a JSON file.

    Raises:
        InputError: it cannot be read, is larger than 64 MiB, or is not JSON in UTF-8.
    """
    try:
        return json.loads(_read_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is not JSON",
            cause=f"{type(error).__name__}: {str(error).splitlines()[0]}.",
            remedy="Copy the file again.",
        ) from error


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file with a header: column to text, blanks stripped.

    Raises:
        InputError: it cannot be read, is larger than 64 MiB, or is not such a table in UTF-8.
    """
    try:
        rows = csv.DictReader(_read_text(path).splitlines(keepends=True), strict=True)
        return [
            {
                key.strip(): value.strip()
                for key, value in row.items()
                if isinstance(key, str) and isinstance(value, str)
            }
            for row in rows
        ]
    except csv.Error as error:
        raise InputError(
            f"{path} is not a CSV table", cause=f"{error}.", remedy="Copy the file again."
        ) from error


def file_hash(path: Path) -> str:
    """SHA-256 of the bytes of a file, as hexadecimal digits.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MOST_TEXT_BYTES:
            raise InputError(
                f"{path} is too large",
                cause=f"It has {size} bytes; text of a data set has up to {MOST_TEXT_BYTES}.",
                remedy="Check that this is the right file.",
            )
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(
            f"cannot read {path}",
            cause=f"{error.strerror or error}.",
            remedy="Check the file and its permissions.",
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not text in UTF-8", cause=f"{error}.", remedy="Copy the file again."
        ) from error
