"""DICOM SEG in: segments of a segmentation object as a label volume.

Made for objects of any maker: binary, fractional and label-map segmentations (DICOM PS3.3 A.51 and
C.8.20.2), slices left out, segments that overlap, frames in any order.
"""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID

from lesionloop.errors import InputError, LesionLoopError
from lesionloop.imaging.dicom.frame_planes import FramePlanes, PlaneFit
from lesionloop.imaging.dicom.segmentation_frames import SegFrames
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.resample import resample_label
from lesionloop.imaging.volume import Quantity, Volume

__all__ = ["SegmentInfo", "list_segments", "read_dicom_seg"]

_LOG = logging.getLogger(__name__)

_SEGMENTATION_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation Storage
    "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation Storage
)


@dataclass(frozen=True)
class SegmentInfo:
    """What a DICOM SEG says about one segment.

    Args:
        number: Segment Number (0062,0004).
        label: Segment Label (0062,0005), the maker's own word.
        category: meaning of the property category code, e.g. "Morphologically Abnormal Structure".
        property_type: meaning of the property type code, e.g. "Lesion".
        algorithm_type: AUTOMATIC, SEMIAUTOMATIC or MANUAL.
        algorithm_name: name given by the maker; empty for manual segments.
    """

    number: int
    label: str
    category: str
    property_type: str
    algorithm_type: str
    algorithm_name: str


def list_segments(path: Path | str) -> tuple[SegmentInfo, ...]:
    """The segments of a DICOM SEG by number, without reading its pixels.

    Raises:
        InputError: the file is missing, damaged, or not a DICOM SEG.
    """
    path = Path(path)
    with _reading(path):
        return _segments(_open(path, pixels=False))


def read_dicom_seg(
    path: Path | str,
    grid: Grid | None = None,
    *,
    segments: Collection[int] | None = None,
    as_labels: bool = False,
) -> Volume:
    """Read a DICOM SEG as a mask or a label map.

    Fractional segments are taken where their value is at least half of the maximum. With ``grid``,
    pixels are copied when each meets a voxel (within a tenth of a voxel); otherwise the segments go
    to the nearest voxel, which a warning and the volume's ``source`` say.

    Args:
        path: the SEG file.
        grid: where the values are wanted; None: the grid of the SEG's own frames, from its first
            slice to its last.
        segments: numbers of the segments wanted; None: all (but the background of a label map).
        as_labels: values are segment numbers, where segments overlap the highest (a warning says
            so); otherwise 1 in any of them. 0 elsewhere.

    Returns:
        Label volume, uint8 [x, y, z], x fastest; uint16 when a segment number is above 255.

    Raises:
        InputError: the file is missing, damaged or not a DICOM SEG; a segment does not exist; the
            frames are not slices of one regular grid and do not fit ``grid`` either; they are in
            another frame of reference than ``grid``, or wholly outside it.
    """
    path = Path(path)
    with _reading(path):
        dataset = _open(path, pixels=True)
        chosen = _choose(_segments(dataset), segments, path)
        frames = SegFrames(dataset, chosen)
        if grid is not None:
            _require_meeting(frames.planes, grid, path)
            fit = frames.planes.fit(grid)
            if fit is not None and fit.matches:
                values = _place(frames, fit, path, as_labels=as_labels)
                return Volume(values, grid, Quantity.LABEL, str(path))
        own = frames.own_grid()
        fit = frames.planes.fit(own)
        if fit is None:
            raise AssertionError("own_grid has checked that the frames fit")
        values = _place(frames, fit, path, as_labels=as_labels)
    volume = Volume(values, own, Quantity.LABEL, str(path))
    return volume if grid is None else _resample(volume, grid)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn whatever a damaged file makes the parser raise into an InputError that names it."""
    try:
        yield
    except LesionLoopError as error:
        if str(path) in error.what:
            raise
        raise InputError(
            f"cannot read the DICOM SEG {path}",
            cause=f"{error.what[0].upper()}{error.what[1:]}. {error.cause or ''}".rstrip(),
            remedy=error.remedy or "Export the segmentation again.",
        ) from error
    except OSError as error:
        raise InputError(
            f"cannot read {path}",
            cause=f"{error.strerror or error}.",
            remedy="Check the path and the file's permissions.",
        ) from error
    except InvalidDicomError as error:
        raise InputError(
            f"{path} is not a DICOM file",
            cause="It has no DICOM file header.",
            remedy="Give a DICOM SEG file.",
        ) from error
    except MemoryError as error:
        raise InputError(
            f"cannot read {path}", cause="It needs more memory than is free."
        ) from error
    except Exception as error:  # the parser meets damaged bytes with errors of any class
        raise InputError(
            f"cannot read the DICOM SEG {path}",
            cause=f"It is damaged or incomplete ({type(error).__name__}: {error}).",
            remedy="Copy or export the file again.",
        ) from error


def _open(path: Path, *, pixels: bool) -> Dataset:
    dataset = pydicom.dcmread(path, stop_before_pixels=not pixels)
    sop_class = str(dataset.get("SOPClassUID", ""))
    if sop_class not in _SEGMENTATION_CLASSES:
        kind = UID(sop_class).name if sop_class else "file without SOP class"
        raise InputError(
            f"{path} is not a DICOM SEG",
            cause=f"It is a {kind}.",
            remedy="Give a file of modality SEG.",
        )
    return dataset


def _segments(dataset: Dataset) -> tuple[SegmentInfo, ...]:
    found = [
        SegmentInfo(
            number=int(item.SegmentNumber),
            label=str(item.get("SegmentLabel", "")),
            category=_meaning(item, "SegmentedPropertyCategoryCodeSequence"),
            property_type=_meaning(item, "SegmentedPropertyTypeCodeSequence"),
            algorithm_type=str(item.get("SegmentAlgorithmType", "")),
            algorithm_name=str(item.get("SegmentAlgorithmName", "")),
        )
        for item in dataset.SegmentSequence
        if int(item.SegmentNumber) > 0  # 0 is the background of a label map
    ]
    return tuple(sorted(found, key=lambda segment: segment.number))


def _meaning(item: Dataset, keyword: str) -> str:
    codes = item.get(keyword)
    return str(codes[0].get("CodeMeaning", "")) if codes else ""


def _choose(
    available: tuple[SegmentInfo, ...], wanted: Collection[int] | None, path: Path
) -> list[int]:
    numbers = [s.number for s in available]
    if wanted is None:
        return numbers
    unknown = sorted(set(wanted) - set(numbers))
    if unknown or not wanted:
        named = ", ".join(f"{s.number} ({s.label})" for s in available)
        raise InputError(
            f"{path} has no segment {', '.join(map(str, unknown)) or 'that was asked for'}",
            cause=f"It has {named}.",
            remedy="Choose one of them.",
        )
    return sorted(set(wanted))


def _require_meeting(planes: FramePlanes, grid: Grid, path: Path) -> None:
    gap = planes.gap_mm(grid)
    apart = f"{gap:.1f} mm" if gap > 0 else "0 mm (their boxes meet)"
    if not planes.shares_frame(grid):
        raise InputError(
            f"{path} is in another frame of reference than the image",
            cause=f"FrameOfReferenceUID {planes.frame_uid} against {grid.frame_uid};"
            f" by their numbers they would be {apart} apart.",
            remedy="Give the segmentation of this study, or register the two first.",
        )
    if gap > 0:
        raise InputError(
            f"{path} lies wholly outside the image",
            cause=f"The gap between its frames and the image is {apart}.",
            remedy="Give the segmentation of this study.",
        )


def _place(frames: SegFrames, fit: PlaneFit, path: Path, *, as_labels: bool) -> NDArray[Any]:
    """Frames as values [x, y, z]; where several segments meet the highest number stays."""
    values = np.zeros(fit.shape, dtype=frames.dtype, order="F")
    shared = total = kept = 0
    for frame, plane in frames:
        total += int(np.count_nonzero(plane))
        both = fit.overlap(frame, frames.planes.size)
        if both is None:
            continue
        target = fit.plane_of(values, frame)[both[0]]
        source = plane[both[1]]
        kept += int(np.count_nonzero(source))
        shared += int(np.count_nonzero((target > 0) & (source > 0) & (target != source)))
        np.maximum(target, source, out=target)
    if frames.fractional:
        _LOG.warning("%s is fractional: taken where it is at least half of the maximum", path)
    if kept < total:
        _LOG.warning("%s: %d of %d voxels lie outside the image", path, total - kept, total)
    if as_labels:
        if shared:
            _LOG.warning("%s: segments overlap in %d voxels, highest number kept", path, shared)
        return values
    return np.minimum(values, 1, out=values).astype(np.uint8, copy=False)


def _resample(volume: Volume, grid: Grid) -> Volume:
    moved = resample_label(volume, grid)
    before = np.count_nonzero(volume.values) * volume.grid.voxel_ml
    after = np.count_nonzero(moved.values) * grid.voxel_ml
    note = "resampled to the nearest voxel"
    _LOG.warning(
        "%s is on another grid: %s, %.2f ml became %.2f ml", volume.source, note, before, after
    )
    return replace(moved, source=f"{volume.source} ({note})")
