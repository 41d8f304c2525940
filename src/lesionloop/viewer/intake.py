"""What is done with an upload before the server opens anything of it; called in the sandbox.

The folder of an upload under way holds its files in ``files``, so that it is to a `StudyFolder`
what the folder of all finished uploads will be.
"""

from pathlib import Path
from typing import Any, Final

from lesionloop.errors import InputError, LesionLoopError, OutputError
from lesionloop.imaging.names import image_ending
from lesionloop.viewer.archives import unpack
from lesionloop.viewer.study_folder import StudyEntry, StudyFolder, files_below

__all__ = ["examine", "prepare"]

_FILES: Final = "files"
_ARCHIVES: Final = (".zip",)
_PACKED: Final = (*_ARCHIVES, ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz")


def prepare(folder: str, most_bytes: int, most_files: int) -> dict[str, Any]:
    """Unpack the archives of an upload and see which studies it seems to hold.

    Args:
        folder: of the upload, with ``files`` in it.
        most_bytes, most_files: of the upload when unpacked.

    Returns:
        "studies": id, name and files (relative to ``files``) of each; "problems": what was refused,
        as "what", "cause" and "remedy"; "notes" for the reader.

    Raises:
        OutputError: the disk is full; what was packed is as it was.
    """
    files = Path(folder) / _FILES
    problems: list[dict[str, str | None]] = []
    archives = sorted(path for path in files_below(files) if path.suffix.lower() in _ARCHIVES)
    sizes = [path.stat().st_size for path in files_below(files) if path not in archives]
    left_bytes, left_files = most_bytes - sum(sizes), most_files - len(sizes)
    for archive in archives:
        target = _free(archive.with_suffix(""))
        try:
            size, count = unpack(archive, target, most_bytes=left_bytes, most_files=left_files)
        except InputError as error:
            problems.append({"what": error.what, "cause": error.cause, "remedy": error.remedy})
        except OSError as error:
            raise OutputError(
                f"cannot unpack {archive.name}",
                cause=f"{error.strerror or error}.",
                remedy="Free some space on the disk of the server, then finish again.",
            ) from error
        else:
            left_bytes, left_files = left_bytes - size, left_files - count
        archive.unlink()
    problems += [_refuse_deflated(path) for path in files_below(files) if _is_deflated(path)]
    packed = [path.name for path in files_below(files) if path.suffix.lower() in _PACKED]
    notes = [f"{name} was not unpacked: only .zip, and not within another." for name in packed]
    found = StudyFolder(Path(folder), "upload").studies()
    studies = [
        {
            "id": entry.id,
            "name": _name(entry),
            "files": [path.relative_to(files.resolve()).as_posix() for path in entry.files()],
        }
        for entry in sorted(found, key=lambda entry: entry.id)
    ]
    return {"studies": studies, "problems": problems, "notes": notes}


def examine(folder: str, study: str) -> None:
    """Open a study of an upload as the server would.

    Raises:
        LesionLoopError: it cannot be opened; its words name no place on the server.
    """
    studies = StudyFolder(Path(folder), "upload")
    entry = next(entry for entry in studies.studies() if entry.id == study)
    try:
        studies.read(entry)
    except LesionLoopError as error:
        told = (_without(text, studies.root, entry) for text in (error.cause, error.remedy))
        cause, remedy = told
        what = _without(error.what, studies.root, entry)
        raise InputError(what or _name(entry), cause=cause, remedy=remedy) from error


def _name(entry: StudyEntry) -> str:
    """How a study of an upload is called before the upload has its place."""
    return "the study" if entry.name == f"upload {_FILES}" else entry.name


def _without(text: str | None, root: Path, entry: StudyEntry) -> str | None:
    """A message with places relative to the upload."""
    if text is None:
        return None
    return text.replace(f"{root / _FILES}/", "").replace(str(root / _FILES), _name(entry))


def _is_deflated(path: Path) -> bool:
    """Whether even the header of a DICOM file is compressed (PS3.5 A.5)."""
    # Imported here: the DICOM libraries are heavy.
    from pydicom.filereader import read_dataset  # noqa: PLC0415
    from pydicom.uid import DeflatedExplicitVRLittleEndian  # noqa: PLC0415

    if image_ending(path) is not None:
        return False
    try:
        with path.open("rb") as stream:
            if stream.read(132)[128:] != b"DICM":  # old exports begin at once
                stream.seek(0)
            meta = read_dataset(
                stream,
                is_implicit_VR=False,
                is_little_endian=True,
                stop_when=lambda tag, _vr, _length: tag.group != 2,
            )
        syntax = meta.get("TransferSyntaxUID")
    except Exception:  # damaged bytes raise many kinds of error in pydicom: not DICOM
        return False
    return bool(syntax == DeflatedExplicitVRLittleEndian)


def _refuse_deflated(path: Path) -> dict[str, str | None]:
    """Remove a file of which a header of any size may come each time that it is looked at."""
    path.unlink()
    return {
        "what": f"{path.name} is not taken",
        "cause": "It is a deflated DICOM file, header and all.",
        "remedy": "Export it in another transfer syntax.",
    }


def _free(path: Path) -> Path:
    """A name that is not taken."""
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free
