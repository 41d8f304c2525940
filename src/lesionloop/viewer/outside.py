"""What readers are told when a segmenter from outside fails.

A program says what it likes. Places on the disk and whose study it is do not concern readers, and
must not get about in pictures of their screens: they are left out of its words.
"""

import re
from collections.abc import Iterator
from typing import Final

from lesionloop.segmenters.protocol import StepFailureError
from lesionloop.viewer.refusals import StepFailedError
from lesionloop.viewer.study_folder import StudyEntry, files_below

__all__ = ["what_readers_are_told"]

#: Whatever has a slash or backslash in it, up to what cannot be in a plain path.
_PATH: Final = re.compile(r"[^\s'\"(),;=<>|]*[/\\][^\s'\"(),;=<>|:]*")
#: Shorter parts of a patient's name are found in other words.
_SHORTEST: Final = 3


def what_readers_are_told(
    error: StepFailureError, entry: StudyEntry, *, drawn: bool = True
) -> StepFailedError:
    """The failure in words for the readers of a study; ``drawn``: something of theirs was in it."""
    said = _PATH.sub("[path]", str(error))
    for name in sorted(_names(entry), key=len, reverse=True):
        said = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "[name]", said, flags=re.IGNORECASE)
    said = " ".join("".join(c if c.isprintable() else " " for c in said).split())
    return StepFailedError(
        "the segmenter failed",
        cause=f"{said[:1].upper()}{said[1:]}{'' if said.endswith('.') else '.'}",
        remedy="The mask stays as it was, and what was drawn is kept: the next stroke tries again,"
        " and undo takes it back."
        if drawn
        else "Open the study again, or tell who runs the server.",
    )


def _names(entry: StudyEntry) -> Iterator[str]:
    """By which a study, or whose it is, could be known."""
    yield entry.name
    yield entry.pet.name
    if entry.ct is not None:
        yield entry.ct.name
    if entry.kind == "dicom":
        yield from _of_patient(entry)


def _of_patient(entry: StudyEntry) -> Iterator[str]:
    # Imported here: the DICOM libraries are heavy.
    from pydicom import Dataset  # noqa: PLC0415

    from lesionloop.imaging.dicom.header import text  # noqa: PLC0415
    from lesionloop.imaging.dicom.series import read_header  # noqa: PLC0415

    for path in files_below(entry.pet):
        header = read_header(path, whole=True)
        if isinstance(header, Dataset):
            yield from filter(None, [text(header, "PatientID")])
            try:
                # Not `text`, for which a name is a list of letters.
                name = str(header.get("PatientName", ""))
            except Exception:  # pydicom converts on access, and bad bytes raise many kinds of error
                return
            words = re.split(r"[\^=\s]+", name)
            yield from (word for word in words if len(word) >= _SHORTEST)
            return
