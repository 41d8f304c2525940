"""Case names from file names: only known endings are stripped, dots and spaces stay."""

import re
from pathlib import Path

__all__ = ["IMAGE_ENDINGS", "case_name", "channel_of", "image_ending", "strip_ending"]

#: Image files that can be read and written, the longer ending first.
IMAGE_ENDINGS = (".nii.gz", ".nii", ".mha")

_CHANNEL = re.compile(r"_(\d{4})$")


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
