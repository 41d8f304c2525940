"""The viewer's PACS: search, fetch in the background, store what a session has come to.

A fetched study has a folder named by a hash of its UID below the folder of all fetched ones, where
the library finds it. Until it is whole and was opened once in the sandbox it is in ``.incoming``;
a fetch that breaks off goes on there. A study is fetched once: under a session nothing changes.

What was stored last of a session is kept: when the PACS was gone, the same objects, by their UIDs,
are sent again, and nothing is doubled.
"""

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from lesionloop.errors import InputError
from lesionloop.output import make_folder, write_bytes
from lesionloop.viewer import exports
from lesionloop.viewer.jobs import Job, Jobs
from lesionloop.viewer.library import Library
from lesionloop.viewer.refusals import ConflictError
from lesionloop.viewer.sandbox import run_limited

if TYPE_CHECKING:
    from lesionloop.imaging.dicomweb import Pacs, Search, StoreReport

__all__ = ["STORABLE", "PacsDesk"]

#: Exports that a PACS takes.
STORABLE: Final = ("seg.dcm", "rtstruct.dcm", "sr.dcm")
#: How long a fetch that broke off is kept, s.
_KEPT_S: Final = 7 * 24 * 3600
_DIGITS: Final = 6
#: Folders of a fetch under way: what the sandbox opens, and the images in it.
_STUDY, _IMAGES = "study", "files"


class PacsDesk:
    """What readers do with the PACS; asked from any thread."""

    def __init__(self, pacs: "Pacs", state: Path, library: Library) -> None:
        """Use ``state / "fetched"``, one of the library's folders, and ``state / "sent"``.

        Raises:
            OutputError: they cannot be made.
        """
        self._pacs, self._library = pacs, library
        self._fetched = make_folder(state / "fetched").resolve()
        self._under_way = make_folder(self._fetched / ".incoming")
        self._sent = make_folder(state / "sent")
        self._storing = Lock()
        self.jobs = Jobs()
        for place in self._under_way.iterdir():
            if time.time() - place.stat().st_mtime > _KEPT_S:
                shutil.rmtree(place, ignore_errors=True)

    @property
    def name(self) -> str:
        """Host of the PACS."""
        return self._pacs.name

    def close(self) -> None:
        """End all fetches; they can go on later."""
        self.jobs.close()

    def search(self, **asked: str | None) -> "Search":
        """Find studies; arguments and errors as of :meth:`Pacs.find`."""
        return self._pacs.find(
            patient_id=asked.get("patient_id"),
            patient_name=asked.get("patient_name"),
            date_from=asked.get("date_from"),
            date_to=asked.get("date_to"),
            accession=asked.get("accession"),
            modality=asked.get("modality"),
        )

    def fetch(self, study: str) -> Job:
        """Begin to fetch a study.

        Raises:
            InputError: it is no UID.
            ConflictError: too many fetches are waiting.
        """
        from lesionloop.imaging.dicomweb.values import is_uid  # noqa: PLC0415  (an extra)

        if not is_uid(study):
            raise InputError("this is no study UID", remedy="Search again and choose a study.")
        return self.jobs.start(study, self._fetch)

    def studies(self, job: Job) -> set[str]:
        """Ids of the library's studies that a job has fetched."""
        place = self._fetched / _digest(job.subject)
        entries = self._library.entries() if job.state == "done" else ()
        return {entry.id for entry in entries if entry.pet.is_relative_to(place)}

    def store(self, session: str, job: "exports.Job", what: Sequence[str]) -> list[tuple[str, str]]:
        """Store exports of a session.

        Returns:
            Each export and its SOP Instance UID.

        Raises:
            ConflictError: the study was no DICOM study, or its PET is not SUV.
            InputError: the report without the segmentation that it refers to.
            GatewayError: not everything was stored; tells what was.
            OutputError: the disk is full.
        """
        if not job.study.provenance.pet_files:
            raise ConflictError(
                "this study cannot be stored",
                cause="It was not read from DICOM: the PACS could not know whose it is.",
                remedy="Download the exports instead.",
            )
        if "sr.dcm" in what and "seg.dcm" not in what:
            raise InputError(
                "the report refers to the segmentation", remedy="Store seg.dcm together with it."
            )
        with self._storing:
            folder = self._sent / session / _state_of(job)
            for name in what:
                if not (folder / name).is_file():
                    write_bytes(folder / name, exports.export(job, name)[0])
            for other in folder.parent.iterdir():
                if other != folder:
                    shutil.rmtree(other, ignore_errors=True)
            # In the order in which they refer to one another.
            paths = [folder / name for name in STORABLE if name in what]
            report: StoreReport = self._pacs.store(paths)
        report.require_all()
        return [(stored.path.name, stored.uid) for stored in report.stored]

    def _fetch(self, job: Job) -> None:
        digest = _digest(job.subject)
        place, work = self._fetched / digest, self._under_way / digest
        if place.is_dir():
            self._library.refresh()
            return
        images = work / _STUDY / _IMAGES
        self._pacs.fetch(job.subject, images, progress=job.progress, cancelled=job.cancelled)
        try:
            told = run_limited(
                "lesionloop.viewer.fetched:examine",
                {"folder": str(work)},
                cancelled=job.cancelled,
                subject="the fetched study",
            )
        except ConflictError:  # cancelled
            raise
        except InputError:
            shutil.rmtree(work, ignore_errors=True)
            raise
        images.rename(images.with_name(f"{told['date']} {digest[:_DIGITS]}".strip()))
        (work / _STUDY).rename(place)
        with suppress(OSError):
            work.rmdir()
        self._library.refresh()


def _digest(study: str) -> str:
    return blake2b(study.encode("ascii"), digest_size=10).hexdigest()


def _state_of(job: "exports.Job") -> str:
    """A name for all that exports are made from."""
    labels = job.snapshot.labels
    found = blake2b(labels.packed(labels.whole()), digest_size=10)
    found.update(repr((job.snapshot.revision, job.reader, job.segmenter)).encode())
    return found.hexdigest()
