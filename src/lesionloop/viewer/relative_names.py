"""Names of files that others choose: what of them may become a place below a folder of ours."""

import re
from typing import Final

from lesionloop.errors import InputError

__all__ = ["safe_parts"]

#: What file systems take for a name, bytes, and folders within folders.
_MOST_BYTES: Final = 240
_MOST_PARTS: Final = 20
#: Control characters; what leads elsewhere or to a drive on other systems.
_NOT_TAKEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\\:]")
_SHOWN: Final = 80


def safe_parts(name: str) -> tuple[str, ...]:
    """The folders and the file that a relative name with "/" consists of.

    Raises:
        InputError: it is empty or too long, absolute, leads upwards, or holds a backslash, a colon
            or control characters.
    """
    parts = tuple(name.split("/"))
    if not all(parts) or {".", ".."} & set(parts):
        raise _refused(name, "It is absolute, leads upwards, or has an empty part.")
    if _NOT_TAKEN.search(name):
        raise _refused(name, "It holds a backslash, a colon or control characters.")
    try:
        longest = max(len(part.encode()) for part in parts)
    except UnicodeEncodeError:
        raise _refused(name, "It is not valid Unicode.") from None
    if longest > _MOST_BYTES or len(parts) > _MOST_PARTS:
        raise _refused(name, f"At most {_MOST_PARTS} parts of {_MOST_BYTES} bytes are taken.")
    return parts


def _refused(name: str, cause: str) -> InputError:
    shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
    return InputError(
        f"{shown!r} is not taken as the name of a file",
        cause=cause,
        remedy='Give a relative path with "/" between folders, such as study/ct.nii.gz.',
    )
