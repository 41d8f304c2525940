"""Case names from file names: only known endings are stripped, dots and spaces stay."""

import re
from pathlib import Path

from lesionloop.errors import InputError

__all__ = [
    "IMAGE_ENDINGS", "case_name", "channel_of", "entries_of", "image_ending", "images_by_name",
    "strip_ending",
]  # fmt: skip

#: Image files that can be read and written, the longer ending first.
IMAGE_ENDINGS = (".nii.gz", ".nii", ".mha")

_CHANNEL = re.compile(r"_(000\d)$")  # nnU-Net channels; a year stays in the name


def image_ending(path: Path | str) -> str | None:
    """The known image ending of a file name, in lower case; None when there is none."""
    name = Path(path).name.lower()
    return next((ending for ending in IMAGE_ENDINGS if name.endswith(ending)), None)


def strip_ending(path: Path | str) -> str:
    """File name without its known image ending: ``a.b c.nii.gz`` gives ``a.b c``."""
    name = Path(path).name
    ending = image_ending(name)
    return name[: -len(ending)] if ending else name


def channel_of(path: Path | str) -> str | None:
    """The nnU-Net channel ("0000" is CT, "0001" PET) at the end of the name, or None."""
    found = _CHANNEL.search(strip_ending(path))
    return found.group(1) if found else None


def case_name(path: Path | str) -> str:
    """File name without image ending and without nnU-Net channel suffix."""
    stem = strip_ending(path)
    return _CHANNEL.sub("", stem) or stem


def entries_of(folder: Path) -> list[Path]:
    """All that stands in a folder, sorted by name.

    Raises:
        InputError: the folder cannot be read.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"cannot read the folder {folder}",
            cause=f"{error.strerror or error}.",
            remedy="Check the path and its permissions.",
        ) from error


def images_by_name(folder: Path) -> dict[str, Path]:
    """Image files in a folder by their names without ending, sorted by name.

    Raises:
        InputError: the folder cannot be read, or two files differ in their ending only.
    """
    found: dict[str, Path] = {}
    for path in filter(image_ending, entries_of(folder)):
        name = strip_ending(path)
        if name in found:
            raise InputError(
                f"{folder} holds two images of the name {name}",
                cause=f"{found[name].name} and {path.name}.",
                remedy="Remove one of them.",
            )
        found[name] = path
    return found
