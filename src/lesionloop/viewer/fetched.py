"""A fetched study is opened once in the sandbox before the server opens it; called there."""

import re
from pathlib import Path
from typing import Any

from lesionloop.errors import InputError, LesionLoopError
from lesionloop.viewer.study_folder import StudyFolder

__all__ = ["examine"]

_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)


def examine(folder: str) -> dict[str, Any]:
    """Open what was fetched as the server would.

    Args:
        folder: that holds the folder of the study.

    Returns:
        "date": of the study, YYYY-MM-DD, or empty.

    Raises:
        InputError: it is no study that can be opened; its words name no place on the server.
    """
    studies = StudyFolder(Path(folder), "pacs")
    found = list(studies.studies())
    if len(found) != 1:
        raise InputError(
            "what was fetched cannot be opened",
            cause=f"It holds {len(found)} studies." if found else "It holds no PET study.",
            remedy="Choose another study.",
        )
    try:
        read = studies.read(found[0])
    except LesionLoopError as error:
        what, cause, remedy = (
            None if text is None else text.replace(str(found[0].pet), "the fetched study")
            for text in (error.what, error.cause, error.remedy)
        )
        raise InputError(what or "it cannot be opened", cause=cause, remedy=remedy) from error
    return {"date": _date(read.provenance.pet_files)}


def _date(files: tuple[str, ...]) -> str:
    from pydicom import Dataset  # noqa: PLC0415  (heavy)

    from lesionloop.imaging.dicom.header import text  # noqa: PLC0415
    from lesionloop.imaging.dicom.series import read_header  # noqa: PLC0415

    header = read_header(Path(files[0])) if files else None
    day = (text(header, "StudyDate") or "") if isinstance(header, Dataset) else ""
    match = _DAY.fullmatch(day)
    return "-".join(match.groups()) if match else ""
