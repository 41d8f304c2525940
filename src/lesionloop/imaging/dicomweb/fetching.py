"""Fetch a study (WADO-RS, PS3.18 10.4): instance by instance, each whole or absent.

An instance comes under a temporary name, must be the one that was asked for, and is renamed. What
is there is not fetched again, so that a fetch that broke off goes on where it was.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.filereader import read_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian

from lesionloop.errors import GatewayError, InputError, LesionLoopError
from lesionloop.imaging.dicom.header import text
from lesionloop.imaging.dicomweb.answer import Answer, BrokenError
from lesionloop.imaging.dicomweb.link import Link
from lesionloop.imaging.dicomweb.multipart import first_part, media_type
from lesionloop.imaging.dicomweb.searching import FoundInstance, instances, series
from lesionloop.imaging.dicomweb.values import is_uid
from lesionloop.output import atomic_path, make_folder

__all__ = ["READ_MODALITIES", "CancelledFetchError", "Fetched", "fetch"]

#: What reading a study takes: the images, and the SUV factors that others worked out.
READ_MODALITIES = ("PT", "CT", "RWV")
_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_IDENTITY = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


class CancelledFetchError(LesionLoopError):
    """A fetch was cancelled; what had come stays."""


@dataclass(frozen=True)
class Fetched:
    """What a fetch did.

    Args:
        folder: where the files are.
        instances: files of the study there, those of an earlier fetch too.
        new: of these, fetched now.
        left_out: modality of each series that was not fetched.
    """

    folder: Path
    instances: int
    new: int
    left_out: tuple[str, ...]


def fetch(
    link: Link,
    study: str,
    folder: Path,
    *,
    modalities: Sequence[str],
    progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
) -> Fetched:
    """Fetch the series of some modalities into a folder, see :meth:`Pacs.fetch`."""
    if not is_uid(study):
        raise InputError(
            f"{study[:70]!r} is no study UID", remedy="Give a UID as `pacs find` prints it."
        )
    listed = series(link, study)
    wanted = [found for found in listed if found.modality in modalities]
    if not wanted:
        raise InputError(
            f"study {study} has no {' or '.join(modalities)} series",
            cause=f"It has {', '.join(sorted({s.modality or '?' for s in listed}))}.",
            remedy="Choose another study, or other modalities.",
        )
    jobs = {job.uid: job for found in wanted for job in instances(link, study, found)}
    if len(jobs) > link.limits.instances:
        raise link.nonsense(f"It lists more than {link.limits.instances} instances of a study.")
    make_folder(folder)
    new = taken = 0
    for done, job in enumerate(jobs.values()):
        if cancelled():
            raise CancelledFetchError("the fetch was cancelled", remedy="Fetch again to go on.")
        progress(done, len(jobs))
        path = folder / f"{job.uid}.dcm"
        if not path.is_file():
            _fetch_one(link, study, job, path, cancelled)
            new += 1
        taken += path.stat().st_size
        if taken > link.limits.study_bytes:
            raise link.nonsense(f"The study is larger than {link.limits.study_bytes >> 20} MiB.")
    progress(len(jobs), len(jobs))
    left_out = tuple(found.modality for found in listed if found.modality not in modalities)
    return Fetched(folder, len(jobs), new, left_out)


def _fetch_one(
    link: Link, study: str, job: FoundInstance, path: Path, cancelled: Callable[[], bool]
) -> None:
    def take(answer: Answer) -> None:
        with atomic_path(path) as temporary:
            with temporary.open("wb") as stream:
                kind, boundary = media_type(answer.content_type)
                chunks = answer.chunks(link.limits.instance_bytes)
                if kind == "multipart/related" and boundary:
                    chunks = first_part(chunks, boundary)
                elif kind != "application/dicom":
                    raise link.nonsense(f"It gives {kind} for an instance.")
                elif not answer.has_end:
                    raise link.nonsense("It does not say where an instance ends.")
                for chunk in chunks:
                    stream.write(chunk)
            _check_identity(link, temporary, (study, job.series, job.uid))

    address = f"studies/{study}/series/{job.series}/instances/{job.uid}"
    try:
        link.get(address, take, accept=_ACCEPT, cancelled=cancelled)
    except GatewayError:
        if cancelled():
            raise CancelledFetchError(
                "the fetch was cancelled", remedy="Fetch again to go on."
            ) from None
        raise


def _check_identity(link: Link, path: Path, asked: tuple[str, str, str]) -> None:
    """See that a file is the instance that was asked for.

    Raises:
        GatewayError: it is another, or no DICOM.
        BrokenError: it is empty.
    """
    if not path.stat().st_size:
        raise BrokenError("It gave an empty instance.")
    try:
        syntax = text(read_file_meta_info(path), "TransferSyntaxUID")
        # Deflated, a small file may unpack to any size.
        deflated = syntax == DeflatedExplicitVRLittleEndian
        header = (
            None
            if deflated
            else dcmread(path, stop_before_pixels=True, specific_tags=list(_IDENTITY))
        )
    except Exception as error:  # damaged bytes raise many kinds of error in pydicom
        raise link.nonsense("It gave an instance that is no DICOM.") from error
    if header is None:
        raise link.nonsense("It gave a deflated instance, which is not taken.")
    if tuple(text(header, keyword) for keyword in _IDENTITY) != asked:
        raise link.nonsense("It gave another instance than was asked for.")
