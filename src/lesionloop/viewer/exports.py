"""What a reader takes along from a session: files made from the mask and the scribbles."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lesionloop.cohort.recorded import RecordedSession, write_session
from lesionloop.imaging import Quantity, Study, write_mask
from lesionloop.quantification import LesionMeasures, lesions_csv
from lesionloop.reader_study.times import gaps
from lesionloop.viewer.document import Event
from lesionloop.viewer.refusals import ConflictError, MissingError
from lesionloop.viewer.snapshot import Snapshot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lesionloop.viewer.desk import Desk

__all__ = ["EXPORTS", "Job", "export", "job_of"]


@dataclass(frozen=True, eq=False)
class Job:
    """What exports are made from.

    Args:
        study: that was read.
        snapshot: the mask and its lesions.
        events: of the session, in order.
        reader: who drew.
        segmenter: name of what computed the mask.
    """

    study: Study
    snapshot: Snapshot
    events: list[Event]
    reader: str
    segmenter: str

    @property
    def measures(self) -> list[LesionMeasures]:
        """Of the lesions, the largest first."""
        return [lesion.measures for lesion in self.snapshot.lesions]


def job_of(desk: "Desk", session: str, snapshot: Snapshot) -> Job:
    """What the exports of a session are made from, at one of its states."""
    return Job(
        study=desk.study(session),
        snapshot=snapshot,
        events=desk.store.events(session),
        reader=desk.row(session).reader,
        segmenter=f"lesionloop {desk.segmenter.name}",
    )


def export(job: Job, what: str) -> tuple[bytes, str]:
    """A file and its media type.

    Args:
        job: what it is made from.
        what: one of `EXPORTS`.

    Raises:
        MissingError: no such file.
        ConflictError: figures are asked for where the PET is not SUV, or a session to replay where
            it begins from a mask made elsewhere.
        InputError: the study cannot be referred to, such as DICOM files that are gone.
        OutputError: the disk is full.
    """
    if what not in EXPORTS:
        raise MissingError(
            f"there is no export {what!r}", remedy=f"Known are {', '.join(EXPORTS)}."
        )
    write, media = EXPORTS[what]
    with tempfile.TemporaryDirectory(prefix="lesionloop-") as folder:
        path = Path(folder) / what
        write(job, path)
        return path.read_bytes(), media


def _mask(job: Job, path: Path) -> None:
    write_mask(job.snapshot.labels.dense() > 0, job.study, path)


def _scribbles(job: Job, path: Path) -> None:
    job.snapshot.document.scribbles().write(path)


def _session(job: Job, path: Path) -> None:
    """The form that `lesionloop replay` reads, with the reader's seconds for each step."""
    document = job.snapshot.document
    if document.start is not None:
        raise ConflictError(
            "this session begins from a mask made elsewhere, which session.json cannot tell",
            cause="Replayed from the segmenter's own first mask, its scribbles would not give what"
            " the reader saw.",
            remedy="Take scribbles.json (those drawn since) and mask.nii.gz, or undo the start.",
        )
    times = {number: spent.active_s for number, spent in gaps(job.events)}
    seconds, before = [], 0
    for stroke in document.strokes:
        spent = [times[number] for number in times if before < number <= stroke.number]
        seconds.append(sum(spent) if spent else nan)
        before = stroke.number
    write_session(RecordedSession(document.scribbles(), "session", tuple(seconds)), path)


def _csv(job: Job, path: Path) -> None:
    _require_suv(job)
    path.write_text(lesions_csv(job.measures), encoding="utf-8")


# The writers of DICOM are imported when they are used: their libraries are heavy.


def _seg(job: Job, path: Path) -> None:
    from lesionloop.imaging.dicom.lesion_segments import write_lesion_seg  # noqa: PLC0415

    write_lesion_seg(_labels(job), job.study, path, algorithm=job.segmenter[:64])


def _rtstruct(job: Job, path: Path) -> None:
    from lesionloop.imaging.dicom.rtstruct import write_rtstruct  # noqa: PLC0415

    write_rtstruct(_labels(job), job.study, path, algorithm=job.segmenter[:64])


def _report(job: Job, path: Path) -> None:
    _require_suv(job)
    from lesionloop.reporting.dicom_sr import write_measurement_report  # noqa: PLC0415

    seg = path.with_name("seg.dcm")
    _seg(job, seg)
    labels = _labels(job)
    write_measurement_report(labels, job.measures, job.study, path, reader=job.reader, seg=seg)


def _labels(job: Job) -> "NDArray[np.uint16]":
    return job.snapshot.labels.dense()


def _require_suv(job: Job) -> None:
    if job.study.pet.quantity is not Quantity.SUV_BW:
        raise ConflictError(
            "there are no SUV figures of this study",
            cause="Its PET is not in SUV: the header lacks what SUV needs.",
            remedy="Export the mask, or complete the header and open the study again.",
        )


_DICOM: Final = "application/dicom"
#: Name of the file to what writes it and its media type.
EXPORTS: Final[Mapping[str, tuple[Callable[[Job, Path], None], str]]] = {
    "seg.dcm": (_seg, _DICOM),
    "rtstruct.dcm": (_rtstruct, _DICOM),
    "sr.dcm": (_report, _DICOM),
    "mask.nii.gz": (_mask, "application/gzip"),
    "mask.mha": (_mask, "application/octet-stream"),
    "scribbles.json": (_scribbles, "application/json"),
    "lesions.csv": (_csv, "text/csv; charset=utf-8"),
    "session.json": (_session, "application/json"),
}
