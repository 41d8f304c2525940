"""What a folder holds: DICOM files grouped into series, by their headers alone."""

import logging
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.header import number, numbers, text, texts

__all__ = ["Damaged", "Scan", "Series", "read_header", "scan_folder"]

_LOG = logging.getLogger(__name__)

_DICOMDIR = "1.2.840.10008.1.3.10"

#: Attributes that choosing, geometry and SUV need; reading only these is what makes a scan fast.
_KEYWORDS = (
    "ImageType", "SOPClassUID", "SOPInstanceUID", "StudyDate", "SeriesDate", "AcquisitionDate",
    "ContentDate", "AcquisitionDateTime", "StudyTime", "SeriesTime", "AcquisitionTime",
    "Modality", "Manufacturer", "SeriesDescription", "TimezoneOffsetFromUTC",
    "PatientID", "PatientWeight", "SliceThickness", "SpacingBetweenSlices", "GantryDetectorTilt",
    "ActualFrameDuration", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber",
    "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID",
    "SamplesPerPixel", "NumberOfFrames", "Rows", "Columns", "PixelSpacing", "CorrectedImage",
    "BitsAllocated", "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit",
    "RescaleIntercept", "RescaleSlope",
    "RealWorldValueMappingSequence", "RadiopharmaceuticalInformationSequence", "NumberOfSlices",
    "NumberOfTimeSlices", "SeriesType", "Units", "SUVType", "AttenuationCorrectionMethod",
    "DecayCorrection", "FrameReferenceTime",
)  # fmt: skip

#: GE's scan date-time and Philips' two factors, wherever their block was put.
_PRIVATE = tuple(
    tag
    for block in range(0x10, 0x14)
    for tag in (
        0x00090000 | block,
        0x00090000 | (block << 8) | 0x0D,
        0x70530000 | block,
        0x70530000 | (block << 8) | 0x00,
        0x70530000 | (block << 8) | 0x09,
    )
)

_TAGS = [*(tag for k in _KEYWORDS if (tag := tag_for_keyword(k)) is not None), *_PRIVATE]


@dataclass(frozen=True)
class Damaged:
    """A file that is DICOM by its name or magic but cannot be read."""

    file: Path
    reason: str
    series_uid: str | None = None


@dataclass(frozen=True, eq=False)
class Series:
    """The files of one SeriesInstanceUID; scout views inside it are a series of their own.

    Args:
        files: one per instance, in the order of the file names, not of the positions.
        headers: their headers without pixels, same order; only the attributes we use.
        localizer: whether these are scout views (ImageType LOCALIZER).
    """

    uid: str
    files: tuple[Path, ...]
    headers: tuple[Dataset, ...]
    localizer: bool = False

    @property
    def first(self) -> Dataset:
        """Header of the first file."""
        return self.headers[0]

    @property
    def modality(self) -> str:
        """PT, CT, SEG, RWV ...; empty when not given."""
        return text(self.first, "Modality") or ""

    @property
    def sop_class(self) -> str:
        """SOP Class UID of the first file."""
        return text(self.first, "SOPClassUID") or ""

    @property
    def kind(self) -> str:
        """Name of the SOP class, e.g. "CT Image Storage"."""
        return UID(self.sop_class).name

    @property
    def description(self) -> str:
        """Series Description; empty when not given."""
        return text(self.first, "SeriesDescription") or ""

    @property
    def series_number(self) -> int | None:
        """Series Number."""
        value = number(self.first, "SeriesNumber")
        return None if value is None else int(value)

    @property
    def patient_id(self) -> str | None:
        """Patient ID: to compare, never to print."""
        return text(self.first, "PatientID")

    @property
    def study_uid(self) -> str | None:
        """Study Instance UID."""
        return text(self.first, "StudyInstanceUID")

    @property
    def frame_uid(self) -> str | None:
        """Frame of Reference UID."""
        return text(self.first, "FrameOfReferenceUID")

    @property
    def units(self) -> str | None:
        """Units of a PET (BQML, GML, CNTS ...)."""
        return text(self.first, "Units")

    @property
    def corrected(self) -> tuple[str, ...]:
        """Corrected Image flags of a PET (ATTN, DECY, SCAT ...)."""
        return tuple(flag.upper() for flag in texts(self.first, "CorrectedImage"))

    @property
    def matrix(self) -> tuple[int, int] | None:
        """Columns and rows."""
        columns, rows = number(self.first, "Columns"), number(self.first, "Rows")
        return None if columns is None or rows is None else (int(columns), int(rows))

    @property
    def pixel_spacing(self) -> tuple[float, float] | None:
        """mm between columns and between rows (x, y)."""
        found = numbers(self.first, "PixelSpacing", 2)
        return None if found is None else (found[1], found[0])

    @property
    def folder(self) -> Path:
        """Folder of the first file."""
        return self.files[0].parent

    @cached_property
    def instances(self) -> frozenset[str]:
        """SOP Instance UIDs."""
        return frozenset(uid for h in self.headers if (uid := text(h, "SOPInstanceUID")))

    def __len__(self) -> int:
        """Number of files, which is the number of slices unless they are multi-frame."""
        return len(self.files)

    def __str__(self) -> str:
        """For messages: modality, description, number and the end of the UID; no patient data."""
        numbered = "" if self.series_number is None else f"series {self.series_number}, "
        count = f"{len(self)} file{'s' if len(self) != 1 else ''}"
        return f'{self.modality} "{self.description}" ({numbered}{count}, UID ..{self.uid[-12:]})'


@dataclass(frozen=True)
class Scan:
    """What a folder holds; iterates over its series.

    Args:
        folder: where it was looked.
        series: all series, images or not, in the order of their first files.
        damaged: files that are DICOM but cannot be read.
        ignored: number of files that are not DICOM images or objects.
        repeated: number of files that hold an instance seen before.
    """

    folder: Path
    series: tuple[Series, ...]
    damaged: tuple[Damaged, ...] = ()
    ignored: int = 0
    repeated: int = 0

    def __iter__(self) -> Iterator[Series]:
        """The series."""
        return iter(self.series)

    def __len__(self) -> int:
        """Number of series."""
        return len(self.series)

    def __getitem__(self, index: int) -> Series:
        """The series at ``index``."""
        return self.series[index]

    def require_whole(self, *wanted: Series) -> None:
        """Refuse when a damaged file belongs, or may belong, to one of the wanted series.

        Raises:
            InputError: names the first such file. A file too damaged to tell its series counts,
                because a slice lost at the end of a stack would not leave a gap to notice.
        """
        uids = {series.uid for series in wanted}
        for damaged in self.damaged:
            if damaged.series_uid is None or damaged.series_uid in uids:
                more = f" ({len(self.damaged)} such files)" if len(self.damaged) > 1 else ""
                raise InputError(
                    f"cannot read {damaged.file}{more}",
                    cause=f"{damaged.reason}.",
                    remedy="Export or copy the file again; if it does not belong to the study,"
                    " move it elsewhere.",
                )


def scan_folder(folder: Path | str) -> Scan:
    """Find all DICOM series under a folder, whatever its layout and file names.

    Reads headers only. Files that are not DICOM and DICOMDIRs are counted and passed over;
    instances that lie there twice are taken once.

    Raises:
        InputError: the folder does not exist or is not a folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"cannot read DICOM from {folder}",
            cause="It is a file." if folder.exists() else "There is no such folder.",
            remedy="Give the folder that holds the PET and CT series.",
        )
    groups: dict[tuple[str, bool], list[tuple[Path, Dataset]]] = {}
    damaged: list[Damaged] = []
    seen: set[str] = set()
    ignored = repeated = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd values are judged where they are used
        for path in _files(folder):
            found = read_header(path)
            if found is None:
                ignored += 1
            elif isinstance(found, Damaged):
                damaged.append(found)
            else:
                instance = text(found, "SOPInstanceUID") or str(path)
                if instance in seen:
                    repeated += 1
                    continue
                seen.add(instance)
                scout = "LOCALIZER" in {t.upper() for t in texts(found, "ImageType")}
                key = (text(found, "SeriesInstanceUID") or "", scout)
                groups.setdefault(key, []).append((path, found))
    _LOG.debug("%s: %d series, %d files ignored", folder, len(groups), ignored)
    series = tuple(
        Series(uid, tuple(p for p, _ in group), tuple(h for _, h in group), scout)
        for (uid, scout), group in groups.items()
    )
    return Scan(folder, series, tuple(damaged), ignored, repeated)


def _files(folder: Path) -> Iterator[Path]:
    """Files below a folder, through links too, each folder once: links may run in a circle."""
    seen: set[str] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in sorted(names):
            path = Path(root, name)
            if path.is_file():  # not pipes, sockets or broken links
                yield path


def read_header(path: Path, *, whole: bool = False) -> Dataset | Damaged | None:
    """The header without pixels: a file's ``whole`` one, or only the attributes we use.

    Returns:
        The header; why it cannot be read; or None for a file that is not a DICOM object.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(132)
    except OSError as error:
        return Damaged(path, f"The file cannot be opened: {error.strerror or error}")
    magic = start[128:132] == b"DICM"
    # Old exports lack the preamble and begin with an element of group 0002 or 0008.
    bare = not magic and start[:4] in {b"\x02\0\0\0", b"\x02\0\1\0", b"\x08\0\0\0", b"\x08\0\5\0"}
    bare = bare or (not magic and start[:2] == b"\x08\0" and start[2:4] in {b"\x08\0", b"\x16\0"})
    named = path.suffix.lower() in {".dcm", ".dicom"}
    if not (magic or bare or named):
        return None
    try:
        tags = None if whole else [*_TAGS]
        header = dcmread(path, stop_before_pixels=True, specific_tags=tags, force=bare)
    except InvalidDicomError:
        return Damaged(path, "It is named like DICOM but has no DICOM header")
    except Exception as error:  # damaged bytes raise many kinds of error in pydicom
        return Damaged(path, f"Its header is damaged ({type(error).__name__}: {error})")
    return _judge(path, header, magic or named)


def _judge(path: Path, header: Dataset, surely_dicom: bool) -> Dataset | Damaged | None:
    """Keep composite objects; tell directories from headers that were cut off."""
    meta = getattr(header, "file_meta", None)
    stored = text(meta, "MediaStorageSOPClassUID") if meta is not None else None
    if stored == _DICOMDIR:
        return None
    uid = text(header, "SeriesInstanceUID")
    if uid and text(header, "SOPClassUID"):
        return header
    if not surely_dicom:
        return None
    if stored and "Storage" not in UID(stored).name:
        return None
    return Damaged(path, "Its header ends before the series is named: the file is cut off", uid)
